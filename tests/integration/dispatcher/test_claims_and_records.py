"""Claiming and recording: once each, in batches, whatever is redelivered or away."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, exc
from structlog.testing import capture_logs

from octavo import seed
from octavo.domain.errors import Unavailable
from octavo.domain.notification import Status
from octavo.domain.outcome import Accepted, Permanent, Temporary, Uncertain
from octavo.messaging.memory import Broker
from octavo.providers import TextMessage
from octavo.storage import due, send
from octavo.storage.errors import transaction
from services.dispatcher import claims
from services.dispatcher.outcomes import Ended
from tests.integration.dispatcher.conftest import Bench, uuid_of

STATE = "SELECT status, attempts, claim_token IS NOT NULL, provider, provider_reference FROM notifications"


def ended(bench, outcome, place=0):
    return Ended(bench.claimed[place], "mmg", outcome, datetime.now(UTC))


def test_a_claim_holds_the_rendered_text_and_the_sender_of_the_service(bench):
    message = bench.message()
    bench.arrives(message)
    bench.step()
    (claimed,) = bench.claimed
    assert isinstance(claimed.message, TextMessage)
    assert claimed.message.text == "Octavo demo: Hello Ann, your code is 12345."
    assert (claimed.message.sender, claimed.message.reference) == ("Octavo", uuid_of(message))
    assert bench.rows(STATE) == [("created", 1, True, None, None)]


def test_a_record_that_comes_again_is_not_claimed_again(bench):
    message = bench.message()
    bench.arrives(message, message)
    bench.step()
    bench.arrives(message)
    bench.step()
    assert len(bench.claimed) == 1


def test_two_dispatchers_claim_each_notification_once(engine, known):
    benches = [Bench(engine, Broker(), known) for _ in range(4)]
    messages = [benches[0].message() for _ in range(40)]
    for bench in benches:
        bench.arrives(*messages)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Bench.step, benches))
    claimed = [one.id for bench in benches for one in bench.claimed]
    assert sorted(claimed) == sorted(map(uuid_of, messages))


def test_the_services_and_templates_of_a_batch_are_asked_for_once(engine, bench):
    with transaction(engine) as connection:
        services = [seed.seed(connection, f"Service {number}") for number in range(20)]
    messages = [
        bench.message(service_id=UUID(each["service_id"]).bytes, template_id=UUID(each["sms_template_id"]).bytes)
        for each in services
    ]
    bench.arrives(*messages)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    bench.step()
    assert len(bench.claimed) == 20
    assert len([one for one in asked if "FROM services" in one]) == 1
    assert len([one for one in asked if "template_versions" in one]) == 1


@pytest.mark.parametrize(
    "state", ["status = 'cancelled'", "status = 'sending'", "due = false", "claim_token = gen_random_uuid()"]
)
def test_what_is_not_free_is_left_alone_and_its_record_ends(bench, state):
    message = bench.message()
    bench.rows(f"UPDATE notifications SET {state} RETURNING 1")
    bench.arrives(message)
    bench.step()
    assert bench.claimed == []
    assert bench.committed() == 1


def test_a_batch_is_claimed_in_one_statement_and_recorded_in_one(bench):
    # The first ones of a connection are prepared.
    bench.arrives(bench.message())
    bench.step()
    bench.recorder.write([ended(bench, Accepted(), 0)])
    bench.arrives(*(bench.message() for _ in range(100)))
    statements: list[str] = []
    event.listen(bench.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    bench.step()
    assert len(statements) == 1
    bench.recorder.write([ended(bench, Accepted(), place) for place in range(1, 101)])
    assert len(statements) == 2
    assert bench.rows("SELECT count(*) FROM notifications WHERE status = 'sending'") == [(101,)]


def test_what_can_not_be_opened_is_put_aside_unclaimed_and_its_neighbour_goes_on(bench):
    foreign, neighbour = bench.message(sealed=b"nobody's"), bench.message()
    bench.arrives(foreign, neighbour)
    bench.step()
    assert [one.id for one in bench.claimed] == [uuid_of(neighbour)]
    assert len(bench.broker.values("send-sms.dead")) == 1
    assert bench.rows("SELECT count(*) FROM notifications WHERE claim_token IS NULL") == [(1,)]


def test_a_claim_whose_answer_was_lost_is_made_again_and_counts_once(bench, monkeypatch):
    claim, answers = send.claim_notifications, iter([exc.OperationalError("COMMIT", {}, Exception("gone")), None])

    def answer_lost(connection, ids, token):
        found = claim(connection, ids, token)
        if error := next(answers):
            connection.commit()
            raise error
        return found

    monkeypatch.setattr(claims, "claim_notifications", answer_lost)
    bench.arrives(bench.message())
    bench.step()
    assert [one.attempt for one in bench.claimed] == [1]
    assert bench.rows(STATE) == [("created", 1, True, None, None)]


def test_nothing_is_committed_before_its_outcome_is_written(bench):
    bench.arrives(bench.message(), bench.message())
    bench.step()
    assert bench.committed() == 0
    bench.recorder.write([ended(bench, Accepted("theirs"), 1)])
    assert bench.committed() == 0
    bench.recorder.write([ended(bench, Accepted("theirs"), 0)])
    assert bench.committed() == 2


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Accepted("theirs"), ("sending", 1, False, "mmg", "theirs")),
        (Permanent("no such number"), ("permanent-failure", 1, False, "mmg", None)),
        (Temporary("busy"), ("created", 1, False, "mmg", None)),
        (Uncertain("time-out"), ("sending", 1, False, "mmg", None)),
    ],
)
def test_an_outcome_is_written_to_both_tables(bench, outcome, state):
    bench.arrives(bench.message())
    bench.step()
    bench.recorder.write([ended(bench, outcome)])
    assert bench.rows(STATE) == [state]
    assert bench.rows("SELECT status FROM notification_history") == [(state[0],)]


@pytest.mark.asked("S17", "S7")
def test_six_temporary_failures_end_as_technical_failure_and_are_told(bench):
    message = bench.message()
    told: list[str] = []
    for attempt in range(1, 7):
        bench.claimed.clear()
        bench.arrives(message)
        bench.step()
        assert [one.attempt for one in bench.claimed] == [attempt]
        with capture_logs() as lines:
            bench.recorder.write([ended(bench, Temporary("busy"))])
        told += [line["event"].rpartition(" ")[0] for line in lines]
        # Nobody waits for hours here: its time has come.
        bench.rows("UPDATE notifications SET due = true RETURNING 1")
    assert told == ["RETRY send_sms_to_provider"] * 5 + ["RETRY FAILED send_sms_to_provider"]
    assert bench.rows("SELECT status FROM notifications") == [("technical-failure",)]


def test_a_retry_waits_for_its_time(bench):
    message = bench.message()
    bench.arrives(message)
    bench.step()
    bench.recorder.write([ended(bench, Temporary("busy", timedelta(seconds=90)))])
    bench.claimed.clear()
    bench.arrives(message)
    bench.step()
    assert bench.claimed == []
    wait = "SELECT next_attempt_at BETWEEN now() + interval '85 s' AND now() + interval '95 s', due FROM notifications"
    assert bench.rows(wait) == [(True, False)]


def test_an_outcome_is_written_when_the_database_is_back(bench, monkeypatch):
    bench.arrives(bench.message())
    bench.step()
    begin, away = bench.engine.begin, iter([True, True, False])

    def begin_or_fail():
        if next(away):
            raise exc.OperationalError("UPDATE", {}, Exception("gone"))
        return begin()

    with monkeypatch.context() as patch:
        patch.setattr(bench.engine, "begin", begin_or_fail)
        bench.recorder.write([ended(bench, Accepted("theirs"))])
    assert bench.rows(STATE) == [("sending", 1, False, "mmg", "theirs")]
    assert bench.committed() == 1


def test_an_outcome_that_comes_after_its_lease_is_still_written(bench):
    bench.arrives(bench.message())
    bench.step()
    bench.rows("UPDATE notifications SET claim_expires_at = now() - interval '1 s' RETURNING 1")
    with bench.engine.begin() as connection:
        due.mark_expired_claims(connection)
    bench.recorder.write([ended(bench, Accepted("theirs"))])
    assert bench.rows(STATE) == [("sending", 1, False, "mmg", "theirs")]
    assert bench.rows("SELECT unconfirmed_at FROM notifications") == [(None,)]


def test_a_claim_that_is_given_back_does_not_count_and_is_free_again(bench):
    message = bench.message()
    bench.arrives(message)
    bench.step()
    bench.recorder.write([bench.claimed[0]])
    assert bench.rows(STATE) == [("created", 0, False, None, None)]
    assert bench.rows("SELECT next_attempt_at <= now() FROM notifications") == [(True,)]
    bench.arrives(message)
    bench.step()
    assert [one.attempt for one in bench.claimed] == [1, 1]


def test_what_a_template_can_not_render_ends_as_technical_failure(bench):
    bench.rows("UPDATE template_versions SET content = 'Dear ((stranger))' RETURNING 1")
    bench.arrives(bench.message())
    bench.step()
    (claimed,) = bench.claimed
    assert isinstance(claimed.message, Permanent)
    assert claimed.message.status is Status.TECHNICAL_FAILURE


def test_a_claim_that_ran_out_before_it_was_given_back_is_free_again_and_no_longer_unconfirmed(bench):
    message = bench.message()
    bench.arrives(message)
    bench.step()
    bench.rows("UPDATE notifications SET claim_expires_at = now() - interval '1 s' RETURNING 1")
    with bench.engine.begin() as connection:
        due.mark_expired_claims(connection)
    bench.recorder.write([bench.claimed[0]])
    assert bench.rows("SELECT unconfirmed_at, next_attempt_at <= now() FROM notifications") == [(None, True)]
    bench.arrives(message)
    bench.step()
    assert [one.attempt for one in bench.claimed] == [1, 1]


def test_a_retry_is_not_planned_for_what_a_receipt_has_settled(bench):
    bench.arrives(bench.message())
    bench.step()
    bench.rows("UPDATE notifications SET status = 'delivered' RETURNING 1")
    bench.recorder.write([ended(bench, Temporary("busy"))])
    assert bench.rows("SELECT status, next_attempt_at FROM notifications") == [("delivered", None)]


def test_a_batch_that_would_fill_the_memory_is_claimed_in_pieces_as_room_is_made(bench, monkeypatch):
    monkeypatch.setattr(claims, "_size_of", lambda _: 3_000_000)
    bench.arrives(*(bench.message() for _ in range(12)))
    at_once: list[int] = []

    def end_all(_seconds: float) -> None:
        at_once.append(bench.source.unfinished)
        bench.source.finish([one.place for one in bench.claimed])

    monkeypatch.setattr(bench.source, "hold", end_all)
    bench.step()
    assert at_once == [6]
    assert [one.place.offset for one in bench.claimed] == list(range(12))


def test_a_piece_whose_answer_was_lost_is_claimed_again_and_the_pieces_before_it_are_not(bench, monkeypatch):
    monkeypatch.setattr(claims, "_size_of", lambda _: 3_000_000)
    bench.arrives(*(bench.message() for _ in range(6)))
    lost = iter([False, True, False, False])

    @contextmanager
    def losing(engine: Engine) -> Iterator[Connection]:
        with transaction(engine) as connection:
            yield connection
        if next(lost):
            raise Unavailable("the answer was lost")

    monkeypatch.setattr(claims, "transaction", losing)
    bench.step()
    assert [one.place.offset for one in bench.claimed] == list(range(6))
    assert bench.rows("SELECT DISTINCT attempts, claim_expires_at IS NOT NULL FROM notifications") == [(1, True)]
    assert {one.attempt for one in bench.claimed} == {1}
