"""What is said of a database that is there and does not get on with it: no operator is to look for one that is away."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from octavo.domain.errors import Unavailable
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction


@pytest.fixture
def engine(database_url):
    made = make_engine(database_url, pool=2)
    yield made
    made.dispose()


def test_a_statement_that_takes_too_long(engine):
    def sleep() -> None:
        with transaction(engine) as one:
            one.execute(text("SET LOCAL statement_timeout = '50ms'"))
            one.execute(text("SELECT pg_sleep(20)"))

    with pytest.raises(Unavailable, match="the database took too long for a statement"):
        sleep()


def test_statements_that_wait_for_each_other(engine):
    both_have_one = Barrier(2)

    def locks(first: int, second: int) -> str:
        try:
            with transaction(engine) as one:
                one.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": first})
                both_have_one.wait(10)
                one.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": second})
        except Unavailable as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as threads:
        said = sorted(threads.map(locks, (1, 2), (2, 1)))
    assert said == ["", "statements of the database waited for each other"]
