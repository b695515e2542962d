import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from octavo.domain.errors import Unavailable
from octavo.storage.cache import Cache


class Database:
    def __init__(self):
        self.loads = 0
        self.away = False
        self.value = "first"

    def load(self, keys):
        self.loads += 1
        if self.away:
            raise Unavailable("away")
        return {key: f"{self.value} {key}" for key in keys if key != "none"}


@pytest.fixture
def database():
    return Database()


def test_asks_once_while_the_value_is_fresh(database):
    cache = Cache(database.load)
    assert [cache.get("a"), cache.get("a"), cache.fresh("a")] == ["first a"] * 3
    assert database.loads == 1


def test_sees_a_change_once_the_value_is_no_longer_fresh(database):
    cache = Cache(database.load, fresh_seconds=0)
    cache.get("a")
    database.value = "second"
    assert cache.get("a") == "second a"


def test_goes_on_with_what_it_knows_while_the_database_is_away(database):
    cache = Cache(database.load, fresh_seconds=0)
    cache.get("a")
    database.away = True
    assert cache.get("a") == "first a"


def test_says_so_if_it_knows_nothing_and_the_database_is_away(database):
    database.away = True
    with pytest.raises(Unavailable):
        Cache(database.load).get("a")


def test_what_is_loaded_anew_stays_longer_than_what_nobody_uses(database):
    cache = Cache(database.load, fresh_seconds=0, at_most=2)
    for key in "abac":
        cache.get(key)
    assert (cache.aged("b"), cache.aged("a") is None) == (None, False)


def test_keeps_no_more_than_its_bound_and_drops_the_oldest(database):
    cache = Cache(database.load, at_most=2)
    for key in "abc":
        cache.get(key)
    assert cache.fresh("a") is None
    assert cache.fresh("c") == "first c"


def test_many_that_ask_at_once_cost_one_load():
    loads = []
    ready = threading.Barrier(8)

    def load(keys):
        loads.extend(keys)
        return {key: key for key in keys}

    cache = Cache(load)

    def ask():
        ready.wait(timeout=10)
        return cache.get("a")

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        assert [future.result(timeout=10) for future in asked] == ["a"] * 8
    assert loads == ["a"]


def test_loads_many_in_one_round_trip_and_only_what_it_does_not_know(database):
    cache = Cache(database.load)
    cache.get("a")
    cache.have("abc")
    assert [cache.fresh(key) for key in "abc"] == ["first a", "first b", "first c"]
    assert database.loads == 2
    cache.have("abc")
    assert database.loads == 2


def test_says_that_there_is_none(database):
    with pytest.raises(KeyError):
        Cache(database.load).get("none")


def test_keeps_what_it_knows_of_many_if_another_is_not_known(database):
    cache = Cache(database.load, fresh_seconds=0.2)
    cache.get("a")
    database.away = True
    assert cache.refresh(["a"]) == {"a": "first a"}
    with pytest.raises(Unavailable):
        cache.refresh(["a", "b"])
    assert cache.get("a") == "first a"
    cache.have("ab")
    with pytest.raises(Unavailable):
        cache.get("b")
