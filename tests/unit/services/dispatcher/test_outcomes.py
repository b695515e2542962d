"""What is written about a send, and what operators are told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from octavo.domain.notification import KeyType, NotificationType, Status
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.domain.retry import PROVIDER_BACKOFF
from octavo.messaging import Partition, Place
from octavo.telemetry import metrics
from services.dispatcher.claims import Claimed
from services.dispatcher.outcomes import Ended, recorded, tell

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ended(outcome: Outcome, attempt: int = 1, kind: NotificationType = NotificationType.SMS) -> Ended:
    claimed = Claimed(
        id=uuid4(),
        type=kind,
        key_type=KeyType.LIVE,
        message=Permanent("not looked at"),
        place=Place(Partition("send-sms", 0), 0),
        token=uuid4(),
        attempt=attempt,
        claimed_at=0.0,
        accepted_at_micros=0,
    )
    return Ended(claimed, "mmg", outcome, NOW)


def change(outcome: Outcome, attempt: int = 1, draw: float = 0.5) -> Any:
    return recorded(ended(outcome, attempt), PROVIDER_BACKOFF, draw)


def test_accepted_is_sending_with_the_providers_reference():
    made = change(Accepted("theirs"))
    assert (made.status, made.provider, made.reference, made.at) == (Status.SENDING, "mmg", "theirs", NOW)
    assert not made.unconfirmed


def test_accepted_where_no_receipt_will_come_is_sent():
    assert change(Accepted(final_without_receipt=True)).status is Status.SENT


@pytest.mark.parametrize("status", [Status.PERMANENT_FAILURE, Status.TECHNICAL_FAILURE])
def test_a_refusal_for_good_is_final(status):
    made = change(Permanent("no such number", status))
    assert (made.status, made.retry_in, made.reason) == (status, None, "no such number")


def test_without_a_clear_answer_it_counts_as_sending_unconfirmed_and_is_not_tried_again():
    made = change(Uncertain("time-out"))
    assert (made.status, made.retry_in, made.unconfirmed) == (Status.SENDING, None, True)


@pytest.mark.asked("S17", "C3")
def test_a_temporary_failure_is_tried_again_by_the_schedule_and_then_given_up():
    waits = [change(Temporary("busy"), attempt).retry_in for attempt in range(1, 7)]
    assert waits == [timedelta(seconds=seconds) for seconds in (10, 60, 300, 3_600, 14_400)] + [None]
    assert change(Temporary("busy"), 6).status is Status.TECHNICAL_FAILURE


@pytest.mark.parametrize("draw", [0.0, 1.0])
def test_the_wait_is_spread_by_a_tenth(draw):
    wait = change(Temporary("busy"), 2, draw).retry_in
    assert wait == timedelta(seconds=60) * (0.9 if draw == 0 else 1.1)


def test_the_providers_own_wait_is_kept_when_it_is_longer():
    assert change(Temporary("busy", timedelta(seconds=90))).retry_in == timedelta(seconds=90)
    assert change(Temporary("busy", timedelta(seconds=1))).retry_in == timedelta(seconds=10)


def told(one: Ended) -> list[Any]:
    with capture_logs() as lines:
        tell(one, recorded(one, PROVIDER_BACKOFF, 0.5))
    return list(lines)


@pytest.mark.asked("S6")
@pytest.mark.parametrize("kind", list(NotificationType))
def test_a_planned_retry_is_told_with_the_prefix_RETRY_the_step_and_the_id_and_counted(kind):  # noqa: N802
    counter = metrics.RETRIES.labels(f"send_{kind}_to_provider")
    before = counter._value.get()
    one = ended(Temporary("busy"), kind=kind)
    (line,) = told(one)
    assert line["event"] == f"RETRY send_{kind}_to_provider {one.claimed.id}"
    assert line["notification_id"] == str(one.claimed.id)
    assert counter._value.get() == before + 1


@pytest.mark.asked("S7")
@pytest.mark.parametrize("kind", list(NotificationType))
def test_used_up_attempts_are_told_with_the_prefix_RETRY_FAILED_and_counted(kind):  # noqa: N802
    counter = metrics.RETRIES_FAILED.labels(f"send_{kind}_to_provider")
    before = counter._value.get()
    one = ended(Temporary("busy"), attempt=6, kind=kind)
    (line,) = told(one)
    assert line["event"] == f"RETRY FAILED send_{kind}_to_provider {one.claimed.id}"
    assert line["log_level"] == "error"
    assert counter._value.get() == before + 1


@pytest.mark.parametrize("outcome", [Accepted(), Permanent("no"), Uncertain("time-out")])
def test_what_is_not_tried_again_is_no_retry(outcome):
    assert told(ended(outcome)) == []


def test_a_refusal_that_is_not_the_recipients_fault_is_told_and_counted():
    counter = metrics.SENDS_REFUSED.labels("mmg")
    before = counter._value.get()
    one = ended(Permanent("http 400", Status.TECHNICAL_FAILURE))
    (line,) = told(one)
    assert (line["notification_id"], line["provider"], line["reason"]) == (str(one.claimed.id), "mmg", "http 400")
    assert line["log_level"] == "error"
    assert counter._value.get() == before + 1


def test_what_no_provider_was_asked_is_refused_by_none():
    assert told(ended(Permanent("no text", Status.TECHNICAL_FAILURE))._replace(provider=None)) == []
