import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from octavo.domain.errors import Unavailable
from octavo.domain.notification import Status
from octavo.storage import columns, partitions
from octavo.storage.errors import transaction
from octavo.storage.retention import ROWS_KEPT, drop_old_rows, erase_expired

NOW = datetime.now(UTC)


@pytest.fixture
def service_with(stored):
    """`service_with(retention_days)` makes a service; its id as messages carry it."""

    def make(retention_days: int) -> bytes:
        service = uuid4()
        stored.all(
            "INSERT INTO services (id, name, retention_days) VALUES (:id, :name, :days)",
            id=service,
            name=str(service),
            days=retention_days,
        )
        return service.bytes

    return make


def erase(stored, at_most=500):
    with transaction(stored.engine) as connection:
        return erase_expired(connection, at_most)


def drop(stored, days_later=0):
    with transaction(stored.engine) as connection:
        return drop_old_rows(connection, NOW.date() + timedelta(days=days_later))


def sealed(stored):
    """The ids of notifications that are sealed, and found by their recipients."""
    rows = stored.all("SELECT id, sealed, recipient_hash FROM notifications")
    assert all((row.sealed is None) == (row.recipient_hash is None) for row in rows)
    return {row.id for row in rows if row.sealed is not None}


class TestErasing:
    def test_each_service_has_its_own_retention(self, stored, service_with):
        short, usual = service_with(2), service_with(7)
        gone = stored.deliver(2, at=NOW - timedelta(days=2, minutes=1), service_id=short)
        gone += stored.deliver(1, at=NOW - timedelta(days=8), service_id=usual)
        kept = stored.deliver(1, at=NOW - timedelta(days=2) + timedelta(hours=1), service_id=short)
        kept += stored.deliver(1, at=NOW - timedelta(days=3), service_id=usual)
        assert erase(stored) == len(gone) == 3
        assert sealed(stored) == set(kept)
        assert erase(stored) == 0

    def test_history_and_all_that_is_no_personal_data_stays(self, stored, service_with):
        (one,) = stored.deliver(1, at=NOW - timedelta(days=8), service_id=service_with(7))
        before = stored.all("SELECT * FROM notification_history")
        erase(stored)
        assert stored.all("SELECT * FROM notification_history") == before
        (row,) = stored.all("SELECT * FROM notifications")
        assert (row.id, row.status, row.provider) == (one, "delivered", "mmg")

    def test_what_is_not_settled_keeps_what_it_needs_to_be_sent(self, stored, service_with):
        service = service_with(1)
        old = NOW - timedelta(days=30)
        created = stored.persist(1, at=old, service_id=service)
        sending = stored.persist(1, at=old, service_id=service)
        stored.send(sending)
        assert erase(stored) == 0
        assert sealed(stored) == {*created, *sending}
        stored.settle(sending, Status.TEMPORARY_FAILURE)
        assert erase(stored) == 1
        assert sealed(stored) == set(created)

    def test_the_retention_of_a_scheduled_one_begins_when_it_is_sent(self, stored, service_with):
        service = service_with(7)
        later = columns.micros(NOW - timedelta(days=1))
        kept = stored.deliver(1, at=NOW - timedelta(days=12), send_at_micros=later, service_id=service)
        assert erase(stored) == 0
        assert sealed(stored) == set(kept)

    def test_goes_in_batches_to_the_end(self, stored, service_with):
        stored.deliver(25, at=NOW - timedelta(days=8), service_id=service_with(7))
        stored.deliver(25, at=NOW - timedelta(days=8), service_id=service_with(6))
        batches = []
        while erased := erase(stored, 10):
            batches.append(erased)
        assert batches == [10, 10, 10, 10, 10]
        assert sealed(stored) == set()

    def test_many_processes_at_once_each_take_their_own(self, stored, service_with):
        stored.deliver(200, at=NOW - timedelta(days=8), service_id=service_with(7))
        with ThreadPoolExecutor(4) as pool:
            erased = sum(pool.map(lambda _: erase(stored, 20), range(20)))
        assert erased + sum(iter(lambda: erase(stored, 20), 0)) == 200
        assert sealed(stored) == set()

    def test_passes_over_what_somebody_else_works_on(self, stored, service_with):
        first, *_ = stored.deliver(3, at=NOW - timedelta(days=8), service_id=service_with(7))
        with transaction(stored.engine) as connection:
            connection.exec_driver_sql(f"SELECT FROM notifications WHERE id = '{first}' FOR UPDATE")
            assert erase(stored) == 2
        assert erase(stored) == 1

    def test_works_across_partitions(self, stored, service_with):
        old = NOW - timedelta(days=40)
        partitions.ensure(stored.engine, old, days_ahead=3)
        service = service_with(7)
        for days in range(3):
            stored.deliver(2, at=old + timedelta(days=days), service_id=service)
        assert erase(stored) == 6


class TestDropping:
    OLD = NOW - ROWS_KEPT - timedelta(days=3)

    @pytest.fixture
    def old_partitions(self, stored):
        return partitions.ensure(stored.engine, self.OLD, days_ahead=1)

    @staticmethod
    def there(stored):
        rows = stored.all("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        return {row.relname for row in rows}

    def day(self, table, offset=0):
        return partitions.partition_name(table, (self.OLD + timedelta(days=offset)).date())

    def test_days_that_are_settled_and_erased_go_as_a_whole_and_the_history_stays(
        self, stored, service_with, old_partitions
    ):
        stored.deliver(3, at=self.OLD, service_id=service_with(7))
        assert drop(stored) == 4  # The days before and after have nothing in them.
        assert self.day("notifications") in self.there(stored)
        erase(stored)
        assert drop(stored) == 2
        assert self.there(stored) & set(old_partitions) == {
            name for name in old_partitions if name.startswith("notification_history")
        }
        assert stored.all("SELECT count(*) FROM notification_history")[0][0] == 3
        assert stored.all("SELECT count(*) FROM notification_moves")[0][0] == 0
        assert drop(stored) == 0

    def test_a_day_stays_while_one_of_it_is_not_settled(self, stored, service_with, old_partitions):
        waiting = stored.persist(1, at=self.OLD, service_id=service_with(7))
        stored.deliver(1, at=self.OLD, service_id=service_with(7))
        erase(stored)
        drop(stored)
        assert {self.day("notifications"), self.day("notification_moves")} <= self.there(stored)
        stored.send(waiting)
        stored.settle(waiting)
        erase(stored)
        drop(stored)
        assert self.day("notifications") not in self.there(stored)

    def test_younger_days_stay(self, stored, service_with):
        young = NOW - ROWS_KEPT + timedelta(days=1)
        partitions.ensure(stored.engine, young, days_ahead=0)
        stored.deliver(1, at=young, service_id=service_with(7))
        erase(stored)
        # The day before it has nothing in it, but is not older than that either.
        assert drop(stored) == 0
        assert drop(stored, days_later=3) == 4

    def test_rows_without_a_partition_of_their_own_go_in_batches(self, stored, service_with):
        service = service_with(7)
        stored.deliver(5, at=self.OLD, service_id=service)
        waiting = stored.persist(1, at=self.OLD, service_id=service)
        young = stored.deliver(1, at=NOW - timedelta(days=20), service_id=service)
        erase(stored)
        while drop(stored):
            pass
        assert {row.id for row in stored.all("SELECT id FROM notifications")} == {*waiting, *young}
        left = {row.notification_id for row in stored.all("SELECT notification_id FROM notification_moves")}
        assert left == {*waiting, *young}
        assert stored.all("SELECT count(*) FROM notification_history")[0][0] == 7

    def test_waits_for_a_statement_under_way_only_for_a_moment(self, stored, old_partitions):
        with transaction(stored.engine) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM notifications")
            with pytest.raises(Unavailable):
                drop(stored)
        assert drop(stored) == 6

    def test_many_processes_at_once_do_not_disturb_each_other(self, stored, old_partitions):
        start = threading.Barrier(4)

        def one(_):
            start.wait(timeout=10)
            return drop(stored)

        with ThreadPoolExecutor(4) as pool:
            dropped = sum(pool.map(one, range(4)))
        assert dropped == 6


@pytest.mark.parametrize("ids", [[], [uuid4()]])
def test_a_database_without_anything_old_has_nothing_to_do(stored, ids):
    for one in ids:
        stored.all("INSERT INTO services (id, name) VALUES (:id, 'x')", id=UUID(str(one)))
    assert erase(stored) == 0
    assert drop(stored) == 0
