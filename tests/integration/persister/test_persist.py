"""Persisting: rows of both tables, and every record on to the dispatcher."""

from threading import Thread
from uuid import UUID

import pytest
from sqlalchemy import event, exc, text
from structlog.testing import capture_logs

from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.topics import LANES
from tests.integration.persister.conftest import API_EMAIL, API_SMS, Bench, accepted, later, uuid_of
from tests.waiting import until

BOTH = (
    "SELECT 'now', id, notification_type, status FROM notifications UNION ALL "
    "SELECT 'history', id, notification_type, status FROM notification_history"
)


@pytest.mark.asked("S1", "S2", "S13", "C2")
@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.persist.name)
def test_an_accepted_notification_becomes_two_rows_with_its_type_and_goes_on_in_its_lane(engine, lane):
    bench, message = Bench(engine, lane), accepted(lane)
    bench.arrives(message)
    bench.step()
    assert sorted(bench.rows(BOTH)) == [
        ("history", uuid_of(message), lane.type.value, "created"),
        ("now", uuid_of(message), lane.type.value, "created"),
    ]
    assert bench.sent() == [message.id]
    assert bench.committed() == [1]


def test_a_redelivered_batch_makes_no_second_row_and_is_published_whole_again(engine):
    bench, messages = Bench(engine, API_SMS), [accepted() for _ in range(3)]
    bench.arrives(*messages)
    bench.step()
    # As after a crash between the database's commit and the publish.
    again = Bench(engine, API_SMS)
    again.arrives(*messages)
    again.step()
    assert again.rows("SELECT count(*) FROM notifications") == [(3,)]
    assert again.rows("SELECT count(*) FROM notification_history") == [(3,)]
    assert again.sent() == [message.id for message in messages]


def test_a_batch_that_the_broker_refused_is_handled_again_before_anything_is_committed(engine):
    bench, message = Bench(engine, API_SMS), accepted()
    bench.arrives(message)
    bench.broker.refuse_publish = 2
    bench.step()
    assert bench.sent() == [message.id]
    assert bench.rows("SELECT count(*) FROM notifications") == [(1,)]
    assert bench.committed() == [1]


def test_a_value_too_large_for_an_index_is_dead_and_holds_up_no_other(engine):
    messages = [accepted(), accepted(reference="".join(map(chr, range(0x4E00, 0x4E00 + 1_000)))), accepted()]
    bench = Bench(engine, API_SMS)
    bench.arrives(*messages)
    bench.step()
    assert sorted(bench.sent()) == sorted([messages[0].id, messages[2].id])
    assert len(bench.broker.values("db-sms.dead")) == 1
    assert bench.committed() == [3]


@pytest.mark.parametrize("content_hash", [b"c" * 16, b""])
def test_the_same_id_twice_in_a_batch_and_in_the_next_is_one_row_and_another_send(engine, content_hash):
    bench, message = Bench(engine, API_SMS), accepted(content_hash=content_hash)
    bench.arrives(message, message)
    bench.step()
    assert bench.sent() == [message.id]
    bench.arrives(message)
    with capture_logs() as lines:
        bench.step()
    assert "other content" not in [line["event"] for line in lines]
    assert bench.rows("SELECT id FROM notifications") == [(UUID(bytes=message.id),)]
    # It was not taken up yet, so a dispatcher is to see it: the claim is what makes it one call.
    assert bench.sent() == [message.id, message.id]


def test_two_contents_under_one_id_are_the_first_of_them(engine):
    bench, first = Bench(engine, API_SMS), accepted(reference="first")
    bench.arrives(first)
    bench.step()
    second = accepted(id=first.id, content_hash=b"d" * 16, reference="second")
    bench.arrives(second)
    with capture_logs() as lines:
        bench.step()
    told = [line["service_id"] for line in lines if line["event"] == "other content"]
    assert told == [str(UUID(bytes=second.service_id))]
    assert bench.rows("SELECT reference FROM notifications") == [("first",)]
    assert bench.sent() == [first.id]
    assert bench.committed() == [2]


def test_a_second_content_that_comes_at_the_same_moment_through_another_partition_is_not_sent(engine):
    bench, first = Bench(engine, API_SMS), accepted(reference="first")
    bench.arrives(accepted(id=first.id, content_hash=b"d" * 16, reference="second"))
    step = Thread(target=bench.step)
    with transaction(engine) as connection:
        insert_notifications(connection, [first])
        step.start()
        until(lambda: bench.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))
    step.join()
    assert bench.rows("SELECT reference FROM notifications") == [("first",)]
    assert bench.sent() == []
    assert bench.committed() == [1]


def test_the_same_content_that_comes_at_the_same_moment_goes_on_as_its_row_stands(engine):
    bench, message = Bench(engine, API_SMS), accepted()
    bench.arrives(message)
    step = Thread(target=bench.step)
    with transaction(engine) as connection:
        insert_notifications(connection, [message])
        connection.execute(text("UPDATE notifications SET status = 'cancelled'"))
        step.start()
        until(lambda: bench.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))
    step.join()
    assert bench.sent() == []


def test_what_is_for_later_waits_for_its_time_and_not_on_the_dispatchers_topic(engine):
    bench = Bench(engine, API_SMS)
    bench.arrives(accepted(send_at_micros=later(3600)))
    bench.step()
    assert bench.sent() == []
    assert bench.rows("SELECT status, due, next_attempt_at = send_at FROM notifications") == [
        ("scheduled", False, True)
    ]


def test_what_was_taken_up_already_is_not_published_again(engine):
    bench, message = Bench(engine, API_SMS), accepted()
    bench.arrives(message)
    bench.step()
    bench.rows("UPDATE notifications SET status = 'sending' RETURNING 1")
    bench.arrives(message)
    bench.step()
    assert bench.sent() == [message.id]


def test_a_record_of_another_type_is_put_aside_and_its_neighbours_go_on(engine):
    bench = Bench(engine, API_SMS)
    neighbours, stray = [accepted() for _ in range(4)], accepted(API_EMAIL)
    bench.arrives(*neighbours[:2], stray, *neighbours[2:])
    with capture_logs() as lines:
        bench.step()
    assert bench.sent() == [message.id for message in neighbours]
    assert len(bench.broker.values("db-sms.dead")) == 1
    (line,) = [line for line in lines if line["event"].startswith("RETRY FAILED")]
    assert line["event"] == f"RETRY FAILED persist_sms {uuid_of(stray)}"
    assert bench.committed() == [5]


@pytest.mark.parametrize(
    "wrong", [{"id": b"short"}, {"created_at_micros": 2**62}, {"reference": "a\x00b"}, {"template_id": b""}]
)
def test_a_record_that_breaks_the_schema_is_put_aside_and_its_neighbour_goes_on(engine, wrong):
    bench, neighbour = Bench(engine, API_SMS), accepted()
    bench.arrives(accepted(**wrong), neighbour)
    bench.step()
    assert bench.sent() == [neighbour.id]
    assert len(bench.broker.values("db-sms.dead")) == 1


@pytest.mark.asked("S6", "S16")
@pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.persist.name)
def test_persisting_is_tried_again_while_the_database_is_away_and_each_retry_is_told(engine, lane, monkeypatch):
    bench, message = Bench(engine, lane), accepted(lane)
    bench.arrives(message)
    away = iter([True, True, False, False])
    begin = engine.begin

    def begin_or_fail():
        if next(away):
            raise exc.OperationalError("SELECT", {}, Exception("gone"))
        return begin()

    monkeypatch.setattr(engine, "begin", begin_or_fail)
    with capture_logs() as lines:
        bench.step()
    told = [line["event"] for line in lines if line["event"].startswith("RETRY")]
    assert told == [f"RETRY persist_{lane.type} {uuid_of(message)}"] * 2
    # Sending is a task of its own, with retries of its own: it gets the notification once.
    assert bench.sent() == [message.id]
    assert bench.committed() == [1]


def test_a_batch_is_one_statement(engine):
    bench = Bench(engine, API_SMS)
    # The first one of a connection is prepared.
    bench.arrives(accepted())
    bench.step()
    bench.arrives(*(accepted() for _ in range(200)))
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    bench.step()
    assert len(statements) == 1
    assert len(bench.sent()) == 201


@pytest.mark.asked("S15")
def test_rows_hold_what_was_sealed_and_nothing_else_of_the_recipient(engine):
    bench = Bench(engine, API_SMS)
    bench.arrives(accepted(sealed=b"only-this"))
    bench.step()
    assert bench.rows("SELECT encode(sealed, 'escape') FROM notifications") == [("only-this",)]
    names = {
        name
        for (name,) in bench.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name IN ('notifications', 'notification_history')"
        )
    }
    assert not names & {"recipient", "to", "personalisation", "body", "phone_number", "email_address"}
