"""The sweeps: what stood still is settled, once, by whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from structlog.testing import capture_logs

from octavo.messaging.memory import Broker
from octavo.topics import LANES
from octavo.v1.messages_pb2 import NotificationMessage
from services.persister import due, sweeps
from services.persister.due import Due
from services.persister.sweeps import SWEEPS, Sweeper
from tests.integration.persister.conftest import API_EMAIL, API_SMS, CSV_EMAIL, Bench, accepted, later, uuid_of

BY_NAME = {sweep.name: sweep for sweep in SWEEPS}
ONE = "SELECT status, status_reason <> '', unconfirmed_at IS NOT NULL, completed_at IS NOT NULL FROM notifications"


@pytest.fixture
def bench(engine) -> Bench:
    return Bench(engine, API_SMS)


def persisted(bench: Bench, **changed: Any) -> NotificationMessage:
    message = accepted(bench.lane, **changed)
    bench.arrives(message)
    bench.step()
    return message


def change(bench: Bench, assignments: str) -> None:
    bench.rows(f"UPDATE notifications SET {assignments} RETURNING 1")


def service(bench: Bench, message: NotificationMessage, policy: str) -> None:
    bench.rows(
        "INSERT INTO services (id, name, unconfirmed_policy) VALUES (:id, :name, :policy) RETURNING 1",
        id=message.service_id.hex(),
        name=message.service_id.hex(),
        policy=policy,
    )


def sweep(bench: Bench, name: str) -> bool:
    return Sweeper(bench.engine, BY_NAME[name]).once()


def test_a_claim_that_ran_out_is_an_unconfirmed_send_listed_and_told(bench):
    message = persisted(bench)
    change(bench, "claim_token = gen_random_uuid(), claim_expires_at = now() - interval '1 s', attempts = 1")
    with capture_logs() as lines:
        assert sweep(bench, "expired claims")
    assert not sweep(bench, "expired claims")
    assert bench.rows(ONE) == [("sending", True, True, False)]
    (line,) = lines
    assert (line["log_level"], line["ids"]) == ("warning", [str(uuid_of(message))])


def test_a_claim_that_holds_is_left_alone(bench):
    persisted(bench)
    change(bench, "claim_token = gen_random_uuid(), claim_expires_at = now() + interval '1 min', attempts = 1")
    assert not sweep(bench, "expired claims")
    assert bench.rows("SELECT status FROM notifications") == [("created",)]


def test_an_unconfirmed_send_fails_in_the_end_if_its_service_wants_that(bench):
    message = persisted(bench)
    service(bench, message, "FAIL")
    change(bench, "status = 'sending', unconfirmed_at = now() - interval '9 min'")
    assert not sweep(bench, "unconfirmed to fail")
    change(bench, "unconfirmed_at = now() - interval '11 min'")
    assert not sweep(bench, "unconfirmed to send again")
    assert sweep(bench, "unconfirmed to fail")
    assert bench.rows(ONE) == [("technical-failure", True, False, True)]
    assert bench.rows("SELECT status FROM notification_history") == [("technical-failure",)]


def test_an_unconfirmed_send_is_repeated_in_the_end_if_its_service_wants_that(bench):
    message = persisted(bench)
    service(bench, message, "RESEND")
    change(bench, "status = 'sending', unconfirmed_at = now() - interval '11 min', next_attempt_at = NULL")
    assert not sweep(bench, "unconfirmed to fail")
    assert sweep(bench, "unconfirmed to send again")
    assert len(Due(bench.engine, bench.broker).publish_due()) == 1
    assert bench.sent() == [message.id] * 2


def test_a_send_that_was_repeated_and_is_unconfirmed_again_is_not_repeated_once_more(bench):
    message = persisted(bench)
    service(bench, message, "RESEND")
    change(bench, "status = 'sending', unconfirmed_at = now() - interval '11 min', next_attempt_at = NULL")
    assert sweep(bench, "unconfirmed to send again")
    # Claimed again, and its outcome is as uncertain as that of the first send.
    change(bench, "resend = false, unconfirmed_at = now() - interval '9 min', next_attempt_at = NULL")
    assert not sweep(bench, "unconfirmed to fail")
    change(bench, "unconfirmed_at = now() - interval '11 min'")
    assert not sweep(bench, "unconfirmed to send again")
    assert sweep(bench, "unconfirmed to fail")
    assert bench.rows("SELECT status, next_attempt_at FROM notifications") == [("technical-failure", None)]


def test_a_retry_that_is_planned_ends_with_its_notification(bench):
    persisted(bench)
    change(bench, "status = 'sending', sent_at = now() - interval '73 h', resend = true, next_attempt_at = now()")
    assert sweep(bench, "no receipt")
    assert bench.rows("SELECT status, resend, next_attempt_at FROM notifications") == [
        ("temporary-failure", False, None)
    ]


def test_what_a_sweep_says_of_a_send_is_in_the_history_too(bench):
    persisted(bench)
    change(bench, "claim_token = gen_random_uuid(), claim_expires_at = now() - interval '1 s', attempts = 2")
    assert sweep(bench, "expired claims")
    remembered = "SELECT status, attempts, sent_at IS NOT NULL FROM notification_history"
    assert bench.rows(remembered) == [("sending", 2, True)]


def test_without_a_receipt_for_72_hours_it_counts_as_a_temporary_failure(bench):
    persisted(bench)
    change(bench, "status = 'sending', sent_at = now() - interval '71 h'")
    assert not sweep(bench, "no receipt")
    change(bench, "sent_at = now() - interval '73 h'")
    assert sweep(bench, "no receipt")
    assert bench.rows(ONE) == [("temporary-failure", True, False, True)]


def test_expected_sweeps_are_told_quietly_and_leave_what_is_young(bench):
    persisted(bench)
    with capture_logs() as lines:
        for one in SWEEPS:
            if one.expected:
                Sweeper(bench.engine, one).once()
    assert {line["log_level"] for line in lines} <= {"info"}
    assert bench.rows("SELECT count(*), count(sealed) FROM notifications") == [(1, 1)]


def test_every_sweep_can_be_run_by_many_at_once(bench):
    for _ in range(20):
        persisted(bench)
    change(bench, "claim_token = gen_random_uuid(), claim_expires_at = now() - interval '1 s', attempts = 1")
    with ThreadPoolExecutor(6) as threads:
        for one in SWEEPS:
            list(threads.map(lambda _, one=one: Sweeper(bench.engine, one).once(), range(6)))
    assert bench.rows("SELECT count(*) FROM notification_moves WHERE status = 'sending'") == [(20,)]
    assert sweeps.SWEEPS == SWEEPS


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.persist.name)
def test_what_is_due_goes_to_the_dispatchers_topic_of_its_own_lane(engine, lane):
    bench = Bench(engine, lane)
    message = persisted(bench)
    change(bench, "next_attempt_at = now(), due = false")
    assert len(Due(engine, bench.broker).publish_due()) == 1
    assert bench.sent() == [message.id] * 2
    # Published, it is not due again until a rescue.
    assert len(Due(engine, bench.broker).publish_due()) == 0
    assert bench.rows("SELECT due, next_attempt_at > now() + interval '10 min' FROM notifications") == [(True, True)]


def test_large_ones_that_are_due_are_taken_a_few_at_a_time_and_the_oldest_first(engine):
    bench = Bench(engine, API_EMAIL)
    messages = [persisted(bench, sealed=b"s" * 3_000_000) for _ in range(5)]
    change(bench, "next_attempt_at = created_at")
    before = len(bench.sent())
    loop = Due(engine, bench.broker)
    assert [len(loop.publish_due()) for _ in range(3)] == [3, 2, 0]
    assert bench.sent()[before:] == [message.id for message in messages]


def test_goes_on_at_once_while_more_large_ones_are_due(engine, monkeypatch):
    bench = Bench(engine, API_EMAIL)
    for _ in range(4):
        persisted(bench, sealed=b"s" * 3_000_000)
    change(bench, "next_attempt_at = now()")
    goes_on: list[bool] = []
    monkeypatch.setattr(due, "repeat", lambda _name, step, _every, _stop: goes_on.extend([step(), step()]))
    Due(engine, bench.broker).run(Event())
    assert goes_on == [True, False]


def test_a_scheduled_one_is_created_when_its_time_has_come(engine):
    bench = Bench(engine, CSV_EMAIL)
    message = persisted(bench, send_at_micros=later(3600))
    assert len(Due(engine, bench.broker).publish_due()) == 0
    change(bench, "next_attempt_at = now()")
    assert len(Due(engine, bench.broker).publish_due()) == 1
    assert bench.sent() == [message.id]
    assert bench.rows("SELECT status FROM notifications UNION SELECT status FROM notification_history") == [
        ("created",)
    ]


def test_due_ones_that_could_not_be_published_are_due_again_within_a_minute(engine):
    bench, refusing = Bench(engine, API_SMS), Broker()
    persisted(bench)
    change(bench, "next_attempt_at = now()")
    refusing.refuse_publish = 1
    with pytest.raises(Exception, match="refuses"):
        Due(engine, refusing).publish_due()
    assert bench.rows("SELECT next_attempt_at < now() + interval '1 min' FROM notifications") == [(True,)]


def test_two_due_loops_take_different_rows(engine):
    bench = Bench(engine, API_SMS)
    messages = [persisted(bench) for _ in range(30)]
    change(bench, "next_attempt_at = now()")
    before = len(bench.sent())
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: len(Due(engine, bench.broker).publish_due()), range(4)))
    assert sum(taken) == 30
    assert sorted(bench.sent()[before:]) == sorted(message.id for message in messages)
