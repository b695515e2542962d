"""Receipts on a real PostgreSQL: whatever their order and number, each notification ends the same (I6)."""

import os
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from octavo.domain.ids import uuid7
from octavo.domain.notification import NOT_EXPLAINED, REPORTABLE, Standing, Status, settle
from octavo.storage.due import mark_expired_claims
from octavo.storage.errors import transaction
from octavo.storage.receipts import take_held_receipts
from octavo.storage.send import claim_notifications
from octavo.telemetry import traces
from octavo.telemetry.spans import Traces
from services.callbacks.handler import HeldReceipts
from services.callbacks.pace import Pace

LATE = timedelta(hours=73)
TOLD = [*map(Standing, sorted(REPORTABLE)), Standing(Status.PERMANENT_FAILURE, explained=False)]


def test_a_receipt_settles_a_notification_in_both_tables(database, receipt):
    (sms,) = database.sending()

    (applied,) = database.apply(receipt(sms, reason="ok"))

    assert (applied.result, applied.notification_type) == ("moved", "sms")
    assert applied.seconds_to_final is not None
    row, history = database.row(sms), database.history(sms)
    assert (row.status, row.status_reason) == ("delivered", "ok")
    assert row.completed_at is not None
    assert (history.status, history.status_reason, history.completed_at) == ("delivered", "ok", row.completed_at)
    assert database.moves(sms) == ["created", "sending", "delivered"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(TOLD), min_size=1, max_size=5).flatmap(
        lambda told: st.tuples(
            st.just(told), st.permutations(told * 2), st.lists(st.integers(1, 4), min_size=10, max_size=10)
        )
    )
)
def test_any_order_repetition_and_batching_ends_the_same(database, receipt, case):
    """Row C4, invariant I6."""
    told, shuffled, sizes = case
    (sms,) = database.sending()
    expected = settle(Standing(Status.SENDING), told).status

    left = list(shuffled)
    for size in sizes:
        if batch := left[:size]:
            database.apply(*(receipt(sms, one.status, reason="" if one.explained else NOT_EXPLAINED) for one in batch))
        left = left[size:]

    assert database.status(sms) == expected
    moves = database.moves(sms)
    assert moves[-1] == expected
    # A failure that is not explained may come before a delivery, and one that is after it.
    assert all(before != after for before, after in pairwise(moves))
    assert len(moves) - len(set(moves)) <= 1


def test_a_failure_that_is_explained_later_stays_permanent(database, receipt):
    (sms,) = database.sending()
    database.apply(receipt(sms, Status.PERMANENT_FAILURE, reason=f"status 1: {NOT_EXPLAINED}"))
    (applied,) = database.apply(receipt(sms, Status.PERMANENT_FAILURE, reason="code 101"))
    assert applied.result == "ignored"
    database.apply(receipt(sms, Status.PENDING))
    row = database.row(sms)
    assert (row.status, row.status_reason) == ("permanent-failure", "code 101")
    assert database.history(sms).status_reason == "code 101"


def test_batches_of_two_consumers_at_once_end_the_same(database, receipt):
    ids = database.sending(200)
    batches = [[receipt(one, status) for one in ids] for status in (Status.DELIVERED, Status.TEMPORARY_FAILURE)] * 2
    batches[1].reverse()
    threads = [threading.Thread(target=database.apply, args=batch) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {database.status(one) for one in ids} == {"delivered"}
    for one in ids:
        assert database.moves(one).count("delivered") == 1


def test_a_receipt_before_the_row_is_held_and_then_applied(database, receipt):
    unknown = uuid7(datetime.now(UTC), os.urandom(10))
    early = receipt(unknown)

    (applied,) = database.apply(early)
    assert applied.result == "held"
    assert database.held() == 1

    with transaction(database.engine) as connection:
        (taken,), _ = take_held_receipts(connection)
    assert taken == early
    assert database.held() == 0


@pytest.mark.parametrize("named", [True, False])
def test_a_receipt_that_came_too_early_is_traced_once_it_is_applied(database, receipt, monkeypatch, named):
    exported = InMemorySpanExporter()
    on = Traces("callbacks", 1, exported, at_once=True)
    monkeypatch.setattr(traces, "active", on)
    (sms,) = ids = database.persist()
    early = receipt(sms) if named else receipt(provider_reference="ses-7", provider="ses")
    database.apply(early)
    waiting = HeldReceipts(database.engine, Pace(database.engine))

    assert waiting.again() == 1
    assert exported.get_finished_spans() == ()

    database.accepted(ids, database.claim(ids), "ses-7", "ses")
    with transaction(database.engine) as connection:
        connection.exec_driver_sql("UPDATE held_receipts SET next_try_at = now()")
    assert waiting.again() == 1
    on.stop()
    [span] = exported.get_finished_spans()
    assert (span.name, span.context.trace_id) == ("apply held receipts", sms.int)
    assert database.status(sms) == "delivered"


def test_a_receipt_for_what_nobody_has_offered_yet_is_held(database, receipt):
    (sms,) = database.persist()

    (applied,) = database.apply(receipt(sms))

    assert applied.result == "held"
    assert database.status(sms) == "created"


def test_a_repetition_is_held_once(database, receipt):
    unknown = uuid7(datetime.now(UTC), os.urandom(10))
    first = datetime.now(UTC)

    database.apply(receipt(unknown, at=first), receipt(unknown, at=first + timedelta(seconds=1)))
    database.apply(receipt(unknown, at=first + timedelta(seconds=2)))
    database.apply(receipt(unknown, Status.PENDING, at=first))

    assert database.held() == 2


def test_a_held_receipt_that_is_too_old_is_dropped_and_counted(database, receipt):
    def dropped():
        labels = {"provider": "mmg", "result": "dropped"}
        return REGISTRY.get_sample_value("notifications_receipts_applied_total", labels) or 0

    unknown = uuid7(datetime.now(UTC), os.urandom(10))
    database.apply(receipt(unknown, at=datetime.now(UTC) - LATE))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE held_receipts SET next_try_at = now()")

    before = dropped()

    HeldReceipts(database.engine, Pace(database.engine)).again()

    assert database.held() == 0
    assert dropped() == before + 1


def test_a_held_receipt_that_is_too_old_is_tried_once_more(database, receipt):
    database.apply(receipt(provider_reference="ses-7", provider="ses", at=datetime.now(UTC) - LATE))
    (email,) = ids = database.persist()
    database.accepted(ids, database.claim(ids), "ses-7", "ses")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE held_receipts SET next_try_at = now()")

    assert HeldReceipts(database.engine, Pace(database.engine)).again() == 1

    assert database.status(email) == "delivered"
    assert database.held() == 0


def test_an_older_held_receipt_waits_longer(database, receipt):
    now = datetime.now(UTC)
    young, old = (uuid7(now, os.urandom(10)) for _ in range(2))

    database.apply(receipt(young, at=now), receipt(old, at=now - timedelta(hours=10)), hold_seconds=5)

    waits = database.all(
        "SELECT extract(epoch FROM next_try_at - now()) AS seconds FROM held_receipts ORDER BY received_at DESC"
    )
    assert [round(float(row.seconds) / 5) for row in waits] == [1, 720]


def test_a_receipt_before_the_outcome_of_its_send_stays(database, receipt):
    (sms,) = ids = database.persist()
    token = database.claim(ids)

    (applied,) = database.apply(receipt(sms, provider="mmg"))
    assert applied.result == "moved"
    assert database.status(sms) == "delivered"

    database.accepted(ids, token, "reference-1")

    row = database.row(sms)
    assert (row.status, row.provider, row.provider_reference) == ("delivered", "mmg", "reference-1")
    assert row.claim_token is None
    assert database.history(sms).provider_reference == "reference-1"
    assert database.moves(sms) == ["created", "sending", "delivered"]


def test_a_receipt_resolves_an_unconfirmed_send(database, receipt):
    (sms,) = ids = database.persist()
    database.claim(ids)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE notifications SET claim_expires_at = now() - interval '1 second'")
    with transaction(database.engine) as connection:
        assert mark_expired_claims(connection) == [str(sms)]
    assert database.row(sms).unconfirmed_at is not None

    database.apply(receipt(sms))

    row = database.row(sms)
    assert (row.status, row.unconfirmed_at, row.next_attempt_at) == ("delivered", None, None)


def test_a_receipt_for_a_send_that_was_given_up_corrects_it(database, receipt):
    (sms,) = database.sending()
    database.apply(receipt(sms, Status.TECHNICAL_FAILURE))

    database.apply(receipt(sms, Status.DELIVERED))

    assert database.status(sms) == "delivered"


def test_a_receipt_after_an_attempt_that_looked_refused_ends_the_retries(database, receipt):
    (sms,) = ids = database.persist()
    database.refused(ids, database.claim(ids))

    database.apply(receipt(sms))

    row = database.row(sms)
    assert (row.status, row.next_attempt_at) == ("delivered", None)
    with transaction(database.engine) as connection:
        assert claim_notifications(connection, ids, sms) == {}


def test_a_reference_is_its_providers_alone(database, receipt):
    (theirs,) = database.sending(reference="1234567")
    (ours,) = ids = database.persist()
    database.accepted(ids, database.claim(ids), "1234567", "firetext")

    (applied,) = database.apply(
        receipt(status=Status.PERMANENT_FAILURE, provider_reference="1234567", provider="firetext")
    )
    (held,) = database.apply(receipt(provider_reference="1234567", provider="ses"))

    assert (applied.result, applied.notification_id) == ("moved", ours)
    assert held.result == "held"
    assert database.status(theirs) == "sending"


def test_a_complaint_is_recorded_and_the_status_stays(database, receipt):
    (email,) = database.sending(reference="ses-1", provider="ses")
    database.apply(receipt(provider_reference="ses-1", provider="ses"))

    (applied,) = database.apply(receipt(status=None, provider_reference="ses-1", provider="ses", complaint=True))

    assert applied.result == "complaint"
    assert database.status(email) == "delivered"
    row = database.row(email)
    assert row.complained_at is not None
    assert database.history(email).complained_at == row.complained_at
    assert database.moves(email) == ["created", "sending", "delivered"]


def test_a_complaint_that_comes_again_keeps_its_first_time(database, receipt):
    (email,) = database.sending(reference="ses-1")
    first = datetime.now(UTC).replace(microsecond=0)
    for later in range(2):
        database.apply(
            receipt(email, None, complaint=True, at=first + timedelta(seconds=later)),
        )

    assert database.row(email).complained_at == first


def test_a_complaint_and_a_bounce_in_one_batch_both_count(database, receipt):
    (email,) = database.sending()

    database.apply(receipt(email, None, complaint=True), receipt(email, Status.PERMANENT_FAILURE, reason="Permanent"))

    row = database.row(email)
    assert (row.status, row.status_reason, row.complained_at is None) == ("permanent-failure", "Permanent", False)


def test_a_receipt_is_found_by_the_providers_reference_alone(database, receipt):
    (email,) = database.sending(reference="ses-42", provider="ses")

    (applied,) = database.apply(receipt(provider_reference="ses-42", provider="ses"))

    assert applied.result == "moved"
    assert database.status(email) == "delivered"


def test_a_reference_nobody_knows_yet_is_held_until_the_outcome_is_recorded(database, receipt):
    (email,) = ids = database.persist()
    token = database.claim(ids)
    assert [one.result for one in database.apply(receipt(provider_reference="ses-7", provider="ses"))] == ["held"]

    database.accepted(ids, token, "ses-7", "ses")
    with transaction(database.engine) as connection:
        taken, _ = take_held_receipts(connection)
    database.apply(*taken)

    assert database.status(email) == "delivered"
    assert database.held() == 0


def test_a_status_going_backwards_is_ignored(database, receipt):
    (sms,) = database.sending()
    database.apply(receipt(sms, Status.DELIVERED))

    (applied,) = database.apply(receipt(sms, Status.PENDING))

    assert applied.result == "ignored"
    assert applied.seconds_to_final is None
    assert database.status(sms) == "delivered"


@pytest.mark.parametrize("status", [Status.SENT, Status.CANCELLED, Status.SCHEDULED])
def test_what_no_receipt_can_say_is_ignored(database, receipt, status):
    (sms,) = database.sending()

    (applied,) = database.apply(receipt(sms, status))

    assert applied.result == "ignored"
    assert database.status(sms) == "sending"


def test_pending_is_no_end(database, receipt):
    (sms,) = database.sending()

    (applied,) = database.apply(receipt(sms, Status.PENDING))

    row = database.row(sms)
    assert (row.status, row.completed_at, applied.seconds_to_final) == ("pending", None, None)


def test_a_clock_that_cant_be_right_is_replaced_by_ours(database, receipt):
    (sms,) = database.sending()
    received = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)

    database.apply(receipt(sms, at=received, occurred_at_micros=4_000_000_000_000_000))

    assert database.row(sms).completed_at == received


def test_a_batch_takes_the_partition_of_its_ids_and_no_other(database, receipt):
    ids = database.sending(50)
    with transaction(database.engine) as connection:
        plan = "\n".join(
            connection.exec_driver_sql(
                "EXPLAIN SELECT id FROM notifications WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE",
                ([str(one) for one in ids],),
            ).scalars()
        )

    assert f"notifications_{datetime.now(UTC):%Y%m%d}" in plan
    assert f"notifications_{datetime.now(UTC) + timedelta(days=3):%Y%m%d}" not in plan
