"""Statuses move as the design's table says, and receipts commute."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.notification import FINAL, MOVES, REPORTABLE, SETTLES, Status, settle

# The table of the design, section 3, retyped: a slip in either shows.
DESIGN = {
    "scheduled": "created cancelled",
    "created": "sending technical-failure permanent-failure cancelled",
    "sending": "pending delivered sent temporary-failure permanent-failure technical-failure",
    "pending": "delivered temporary-failure permanent-failure technical-failure",
    "sent": "",
    "delivered": "permanent-failure",
    "temporary-failure": "delivered",
    "permanent-failure": "",
    "technical-failure": "delivered temporary-failure permanent-failure",
    "cancelled": "",
}
RECEIPTS = st.lists(st.sampled_from(sorted(REPORTABLE)), max_size=8)


def test_moves_are_those_of_the_design():
    assert {str(status): {str(new) for new in MOVES[status]} for status in Status} == {
        status: set(moves.split()) for status, moves in DESIGN.items()
    }


def test_only_waiting_statuses_are_not_final():
    assert set(Status) - FINAL == {Status.SCHEDULED, Status.CREATED, Status.SENDING, Status.PENDING}


@given(current=st.sampled_from(Status), receipts=RECEIPTS, data=st.data())
def test_receipts_end_the_same_in_any_order_repetition_and_batching(current, receipts, data):
    shuffled = data.draw(st.permutations(receipts))
    repeated = shuffled + (data.draw(st.lists(st.sampled_from(receipts), max_size=5)) if receipts else [])
    cut = data.draw(st.integers(0, len(repeated)))
    in_two = settle(settle(current, repeated[:cut]), repeated[cut:])
    assert in_two == settle(current, receipts) == settle(settle(current, receipts), receipts)


def test_every_pair_and_triple_of_receipts_commutes():
    for receipts in itertools.product(REPORTABLE, repeat=3):
        ends = {settle(Status.SENDING, order) for order in itertools.permutations(receipts)}
        assert len(ends) == 1, receipts


@given(current=st.sampled_from(Status), receipts=RECEIPTS)
def test_receipts_only_ever_take_listed_moves_one_or_more_at_once(current, receipts):
    end = settle(current, receipts)
    reached = {current}
    while grown := {new for status in reached for new in MOVES[status]} - reached:
        reached |= grown
    assert end in reached


@pytest.mark.parametrize("receipt", sorted(REPORTABLE))
def test_a_receipt_that_overtakes_our_own_record_counts(receipt):
    assert settle(Status.CREATED, [receipt]) == settle(Status.SENDING, [receipt]) == receipt


@pytest.mark.parametrize("current", [Status.SCHEDULED, Status.CANCELLED, Status.SENT, Status.PERMANENT_FAILURE])
def test_no_receipt_moves_what_no_provider_can_speak_of_or_what_is_over(current):
    assert settle(current, REPORTABLE) == current
    assert not SETTLES[current]


def test_a_late_delivery_corrects_a_temporary_failure():
    assert settle(Status.TEMPORARY_FAILURE, [Status.DELIVERED]) == Status.DELIVERED


def test_a_bounce_after_delivery_counts():
    assert settle(Status.DELIVERED, [Status.PERMANENT_FAILURE]) == Status.PERMANENT_FAILURE
