import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from octavo.domain.errors import Unavailable
from octavo.storage.directory import Cache


class Database:
    def __init__(self):
        self.loads = 0
        self.away = False
        self.value = "first"

    def load(self, key):
        self.loads += 1
        if self.away:
            raise Unavailable("away")
        return f"{self.value} {key}"


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


def test_keeps_no_more_than_its_bound_and_drops_the_oldest(database):
    cache = Cache(database.load, at_most=2)
    for key in "abc":
        cache.get(key)
    assert cache.fresh("a") is None
    assert cache.fresh("c") == "first c"


def test_many_that_ask_at_once_cost_one_load():
    loads = []
    ready = threading.Barrier(8)

    def load(key):
        loads.append(key)
        return key

    cache = Cache(load)

    def ask():
        ready.wait(timeout=10)
        return cache.get("a")

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        assert [future.result(timeout=10) for future in asked] == ["a"] * 8
    assert loads == ["a"]
