"""Making partitions beside statements that take long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.errors import Unavailable
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.storage.partitions import DAILY, DAYS_AHEAD, ensure, partition_name
from services.persister.sweeps import SWEEPS, Sweeper
from tests.integration.persister.conftest import accepted
from tests.waiting import until

LONG_READ = "SELECT count(*) FROM notifications"
WAITING = "SELECT FROM pg_locks WHERE relation = 'notifications'::regclass AND NOT granted"


@pytest.fixture
def engine(database_url):
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def missing(engine):
    """The names of the partitions of the last day ahead, which are not there."""
    names = {partition_name(table, (datetime.now(UTC) + timedelta(days=DAYS_AHEAD)).date()) for table in DAILY}
    with transaction(engine) as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP TABLE {name}")
    return names


def test_a_long_reader_holds_up_no_writer_and_the_partition_is_made_once_it_is_gone(engine, missing):
    with ThreadPoolExecutor(1) as threads:
        with transaction(engine) as reader:
            reader.exec_driver_sql(LONG_READ)
            making = threads.submit(ensure, engine, datetime.now(UTC))
            with transaction(engine) as looker:
                until(lambda: looker.exec_driver_sql(WAITING).all())
            with transaction(engine) as writer:
                writer.exec_driver_sql("SET LOCAL statement_timeout = '10s'")
                insert_notifications(writer, [accepted()])
            assert not making.done()
        assert set(making.result()) == missing


def test_what_was_made_beside_a_long_reader_stays_and_the_rest_follows(engine, missing):
    (sweep,) = [one for one in SWEEPS if one.name == "partitions"]
    sweeper = Sweeper(engine, sweep)
    with transaction(engine) as reader:
        reader.exec_driver_sql(LONG_READ)
        assert sweeper.once()
        with pytest.raises(Unavailable, match="a lock of the database was not to be had in time"):
            sweeper.once()
    assert sweeper.once()
    assert not sweeper.once()
