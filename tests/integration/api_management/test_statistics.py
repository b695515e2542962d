from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest

from octavo.domain.ids import uuid7
from octavo.domain.notification import NotificationType, Status
from octavo.storage.errors import transaction
from octavo.storage.statistics import CLOSED_AFTER, Wanted, read_statistics, roll_up_closed_days
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.notification_pb2 import (
    KEY_TYPE_TEST,
    NOTIFICATION_STATUS_CREATED,
    NOTIFICATION_STATUS_DELIVERED,
    NOTIFICATION_TYPE_EMAIL,
    NOTIFICATION_TYPE_SMS,
)

TODAY = datetime.now(UTC).date()
LONG_AGO = TODAY - CLOSED_AFTER - timedelta(days=3)
SERVICE = uuid4()


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def days_ago(number: int) -> datetime:
    return noon(TODAY - timedelta(days=number))


class TestOverTheWire:
    @pytest.fixture
    def owner(self, api, new_service, new_key):
        service = new_service()
        client = api.client(new_key(service).secret)
        client.id = UUID(service.id)
        return client

    @staticmethod
    def lines(client, **fields):
        answer = client.notifications.GetStatistics(pb.GetStatisticsRequest(**fields))
        return [(one.day, one.template_id, one.type, one.status, one.count) for one in answer.lines]

    def test_counts_by_day_template_type_and_status(self, managed, owner):
        code, news = uuid4(), uuid4()
        ours = {"service_id": owner.id.bytes}
        managed.deliver(3, at=days_ago(2), template_id=code.bytes, **ours)
        managed.persist(2, at=days_ago(2), template_id=code.bytes, **ours)
        managed.deliver(1, at=days_ago(1), template_id=news.bytes, type=NOTIFICATION_TYPE_EMAIL, **ours)
        # None of these count: another service's, sent with a test key, too long ago.
        managed.deliver(1, at=days_ago(1), template_id=news.bytes)
        managed.deliver(1, at=days_ago(1), template_id=news.bytes, key_type=KEY_TYPE_TEST, **ours)
        managed.deliver(1, at=days_ago(8), template_id=news.bytes, **ours)

        earlier, later = (TODAY - timedelta(days=2)).isoformat(), (TODAY - timedelta(days=1)).isoformat()
        texts = [
            (earlier, str(code), NOTIFICATION_TYPE_SMS, NOTIFICATION_STATUS_CREATED, 2),
            (earlier, str(code), NOTIFICATION_TYPE_SMS, NOTIFICATION_STATUS_DELIVERED, 3),
        ]
        emails = [(later, str(news), NOTIFICATION_TYPE_EMAIL, NOTIFICATION_STATUS_DELIVERED, 1)]
        assert self.lines(owner) == texts + emails
        assert self.lines(owner, template_id=str(code)) == texts
        assert self.lines(owner, type=NOTIFICATION_TYPE_EMAIL) == emails
        assert self.lines(owner, from_day=later, to_day=later) == emails
        assert self.lines(owner, template_id=str(code), type=NOTIFICATION_TYPE_EMAIL) == []

    def test_another_services_template_looks_as_one_that_does_not_exist(self, managed, owner, api, new_key):
        template = uuid4()
        managed.deliver(1, service_id=owner.id.bytes, template_id=template.bytes)
        stranger = api.client(new_key().secret)
        assert self.lines(stranger, template_id=str(template)) == self.lines(stranger, template_id=str(uuid4())) == []

    @pytest.mark.parametrize(
        ("fields", "violations"),
        [
            ({"from_day": "yesterday"}, {"from_day": "INVALID_TIMESTAMP"}),
            ({"from_day": "2026-02-30"}, {"from_day": "INVALID_TIMESTAMP"}),
            ({"to_day": "20260101"}, {"to_day": "INVALID_TIMESTAMP"}),
            ({"to_day": "10000-01-01"}, {"to_day": "INVALID_TIMESTAMP"}),
            ({"to_day": "1969-12-31"}, {"to_day": "INVALID_TIMESTAMP"}),
            ({"to_day": "2026-01-0\u0661"}, {"to_day": "INVALID_TIMESTAMP"}),
            ({"from_day": "2026-01-02", "to_day": "2026-01-01"}, {"from_day": "INVALID_RANGE"}),
            ({"from_day": "2025-01-01", "to_day": "2026-01-02"}, {"from_day": "INVALID_RANGE"}),
            ({"template_id": "x"}, {"template_id": "INVALID_ID"}),
            ({"type": 7}, {"type": "INVALID_ENUM"}),
        ],
    )
    def test_names_the_field_that_breaks_a_rule(self, owner, refused, fields, violations):
        with refused() as refusal:
            self.lines(owner, **fields)
        assert (refusal.code, refusal.violations) == ("INVALID_ARGUMENT", violations)

    @pytest.mark.parametrize(
        "fields",
        [
            {"to_day": "9999-12-31", "from_day": "9999-12-01"},
            {"to_day": "1970-01-01"},
            {"from_day": "1970-01-01", "to_day": "1970-12-31"},
        ],
    )
    def test_days_without_notifications_have_no_lines(self, owner, fields):
        assert self.lines(owner, **fields) == []

    def test_is_for_services_and_not_for_the_platform_team(self, admin, refused):
        with refused() as refusal:
            self.lines(admin)
        assert refusal.code == "PERMISSION_DENIED"


class Counting:
    def __init__(self, stored):
        self.stored = stored

    def lines(self, from_day=LONG_AGO, to_day=TODAY, **fields):
        with transaction(self.stored.engine) as connection:
            found = read_statistics(connection, Wanted(SERVICE, from_day, to_day, **fields), TODAY)
        return [(line.day, line.status, line.count) for line in found]

    def roll_up(self, today=TODAY):
        with transaction(self.stored.engine) as connection:
            return roll_up_closed_days(connection, today)

    def roll_up_all(self, today=TODAY):
        closed = 0
        while self.roll_up(today):
            closed += 1
        return closed

    def kept(self):
        return self.stored.all("SELECT day, status, count FROM daily_statistics ORDER BY day, status")


@pytest.fixture
def counting(stored):
    return Counting(stored)


OURS = {"service_id": SERVICE.bytes, "template_id": uuid4().bytes}


@pytest.mark.asked("S4")
def test_statistics_come_from_the_history_and_nothing_else(stored, counting):
    ids = stored.deliver(3, **OURS)
    # Neither the notifications nor the templates are asked.
    stored.all("DELETE FROM notifications")
    stored.all("DROP TABLE template_versions, job_problems, jobs, templates CASCADE")
    assert counting.lines() == [(TODAY, "delivered", 3)]
    stored.all("UPDATE notification_history SET status = 'permanent-failure' WHERE id = :id", id=ids[0])
    assert counting.lines() == [(TODAY, "delivered", 2), (TODAY, "permanent-failure", 1)]


@pytest.mark.asked("S4")
def test_creating_and_updating_a_notification_touches_no_statistics(stored, counting):
    stored.all("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'statistics are written'; END $$
    """)
    for table in ("daily_statistics", "closed_days"):
        stored.all(
            f"CREATE TRIGGER untouched BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )
    created = stored.persist(2, **OURS)
    sent = stored.persist(2, **OURS)
    stored.send(sent)
    delivered = stored.deliver(2, **OURS)
    stored.settle(delivered, Status.PERMANENT_FAILURE)
    assert len(created) == 2
    assert counting.lines() == [(TODAY, "created", 2), (TODAY, "permanent-failure", 2), (TODAY, "sending", 2)]


class TestClosingDays:
    def test_keeps_the_counts_of_days_long_past_and_answers_the_same(self, stored, counting):
        for days in range(3):
            stored.deliver(days + 1, at=noon(LONG_AGO + timedelta(days=days)), **OURS)
        stored.deliver(9, at=days_ago(1), **OURS)
        stored.deliver(5, at=noon(LONG_AGO), key_type=KEY_TYPE_TEST, **OURS)
        before = counting.lines()
        assert counting.roll_up_all() == 3
        assert [tuple(row) for row in counting.kept()] == [
            (LONG_AGO + timedelta(days=days), "delivered", days + 1) for days in range(3)
        ]
        assert counting.lines() == before
        assert counting.lines(to_day=LONG_AGO) == before[:1]

    def test_a_day_that_has_just_ended_stays_open(self, stored, counting):
        stored.deliver(1, at=noon(TODAY - CLOSED_AFTER), **OURS)
        assert counting.roll_up() == 0
        assert counting.roll_up(TODAY + timedelta(days=1)) == 1

    def test_a_closed_day_never_changes(self, stored, counting):
        ids = stored.deliver(2, at=noon(LONG_AGO), **OURS)
        counting.roll_up_all()
        stored.settle(ids, Status.PERMANENT_FAILURE)
        assert counting.lines() == [(LONG_AGO, "delivered", 2)]

    def test_a_day_stays_open_while_something_of_it_is_under_way_and_holds_up_no_other(self, stored, counting):
        waiting = stored.persist(1, at=noon(LONG_AGO), **OURS)
        sending = stored.persist(1, at=noon(LONG_AGO + timedelta(days=1)), **OURS)
        stored.send(sending)
        stored.deliver(1, at=noon(LONG_AGO + timedelta(days=2)), **OURS)
        assert counting.roll_up_all() == 1
        assert counting.kept()[0].day == LONG_AGO + timedelta(days=2)
        stored.settle(sending)
        assert counting.roll_up_all() == 1
        stored.send(waiting)
        stored.settle(waiting, Status.TEMPORARY_FAILURE)
        assert counting.roll_up_all() == 1
        assert counting.lines() == [
            (LONG_AGO, "temporary-failure", 1),
            (LONG_AGO + timedelta(days=1), "delivered", 1),
            (LONG_AGO + timedelta(days=2), "delivered", 1),
        ]

    @pytest.mark.parametrize(
        ("status", "finished", "closed"),
        [
            ("ready", None, 0),
            ("stopped", None, 0),
            ("read", timedelta(hours=1), 0),
            ("cancelled", timedelta(days=2), 1),
        ],
    )
    def test_a_day_stays_open_while_a_job_of_it_may_make_rows(self, stored, counting, status, finished, closed):
        stored.deliver(1, at=noon(LONG_AGO), **OURS)
        stored.all("INSERT INTO services (id, name) VALUES (:id, 'jobs')", id=SERVICE)
        template = uuid4()
        stored.all(
            "INSERT INTO templates (id, service_id, notification_type, name) VALUES (:id, :service, 'sms', 'x')",
            id=template,
            service=SERVICE,
        )
        stored.all(
            """
            INSERT INTO jobs (id, service_id, template_id, template_version, notification_type, key_type, content_hash, status,
                              object_key, etag, size_bytes, encoding, total_rows, refused_rows, reserved_day, created_at,
                              finished_at)
            VALUES (:id, :service, :template, 1, 'sms', 'live', '', :status, '', '', 1, 'utf-8', 1, 0, :at, :at, :finished)
            """,
            id=uuid7(noon(LONG_AGO), b"1234567890"),
            service=SERVICE,
            template=template,
            status=status,
            at=noon(LONG_AGO),
            finished=datetime.now(UTC) - finished if finished else None,
        )
        counting.roll_up_all()
        assert len(counting.kept()) == closed

    def test_counts_by_the_day_of_acceptance_however_old_the_id(self, stored, counting):
        midnight = datetime.combine(LONG_AGO, time(0), tzinfo=UTC)
        just_after = midnight + timedelta(seconds=1)
        stored.deliver(1, at=just_after, id=uuid7(just_after - timedelta(hours=23), b"1234567890").bytes, **OURS)
        stored.deliver(1, at=midnight - timedelta(seconds=1), id=uuid7(just_after, b"1234567890").bytes, **OURS)
        expected = [(LONG_AGO - timedelta(days=1), "delivered", 1), (LONG_AGO, "delivered", 1)]
        assert counting.lines(LONG_AGO - timedelta(days=1)) == expected
        counting.roll_up_all()
        assert counting.lines(LONG_AGO - timedelta(days=1)) == expected

    def test_many_services_are_all_counted(self, stored, counting):
        services = [uuid4() for _ in range(30)]
        for service in services:
            stored.deliver(1, at=noon(LONG_AGO), service_id=service.bytes)
        counting.roll_up_all()
        assert {row.service_id for row in stored.all("SELECT service_id FROM daily_statistics")} == set(services)

    def test_many_processes_at_once_close_each_day_once(self, stored, counting):
        for days in range(3):
            stored.deliver(2, at=noon(LONG_AGO + timedelta(days=days)), **OURS)
        with ThreadPoolExecutor(4) as pool:
            closed = list(pool.map(lambda _: counting.roll_up(), range(12)))
        assert sum(closed) + counting.roll_up_all() == 3
        assert [row.count for row in counting.kept()] == [2, 2, 2]

    def test_a_day_can_be_counted_anew(self, stored, counting):
        stored.deliver(2, at=noon(LONG_AGO), **OURS)
        counting.roll_up_all()
        stored.all("UPDATE notification_history SET status = 'permanent-failure'")
        stored.all("DELETE FROM closed_days")
        assert counting.lines() == [(LONG_AGO, "permanent-failure", 2)]
        counting.roll_up_all()
        assert [tuple(row) for row in counting.kept()] == [(LONG_AGO, "permanent-failure", 2)]

    def test_an_empty_history_has_nothing_to_close(self, counting):
        assert counting.roll_up() == 0

    def test_filters_hold_for_closed_days_too(self, stored, counting):
        template = uuid4()
        stored.deliver(1, at=noon(LONG_AGO), **OURS)
        stored.deliver(
            2, at=noon(LONG_AGO), service_id=SERVICE.bytes, template_id=template.bytes, type=NOTIFICATION_TYPE_EMAIL
        )
        counting.roll_up_all()
        assert counting.lines(template_id=template) == [(LONG_AGO, "delivered", 2)]
        assert counting.lines(type=NotificationType.SMS) == [(LONG_AGO, "delivered", 1)]
