"""Statuses move as the design's table says, and receipts commute."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.notification import FINAL, MOVES, NOT_EXPLAINED, REPORTABLE, SETTLES, Standing, Status, settle

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


UNEXPLAINED = Standing(Status.PERMANENT_FAILURE, explained=False)
STANDINGS = [*map(Standing, sorted(REPORTABLE)), UNEXPLAINED]


def settled(current: Status, receipts: Iterable[Status]) -> Status:
    return settle(Standing(current), map(Standing, receipts)).status


def test_only_waiting_statuses_are_not_final():
    assert set(Status) - FINAL == {Status.SCHEDULED, Status.CREATED, Status.SENDING, Status.PENDING}


@given(current=st.sampled_from(Status), receipts=RECEIPTS, data=st.data())
def test_receipts_end_the_same_in_any_order_repetition_and_batching(current, receipts, data):
    shuffled = data.draw(st.permutations(receipts))
    repeated = shuffled + (data.draw(st.lists(st.sampled_from(receipts), max_size=5)) if receipts else [])
    cut = data.draw(st.integers(0, len(repeated)))
    in_two = settled(settled(current, repeated[:cut]), repeated[cut:])
    assert in_two == settled(current, receipts) == settled(settled(current, receipts), receipts)


def test_every_pair_and_triple_of_receipts_commutes():
    for receipts in itertools.product(REPORTABLE, repeat=3):
        ends = {settled(Status.SENDING, order) for order in itertools.permutations(receipts)}
        assert len(ends) == 1, receipts


@given(current=st.sampled_from(Status), receipts=RECEIPTS)
def test_receipts_only_ever_take_listed_moves_one_or_more_at_once(current, receipts):
    end = settled(current, receipts)
    reached = {current}
    while grown := {new for status in reached for new in MOVES[status]} - reached:
        reached |= grown
    assert end in reached


@pytest.mark.parametrize("receipt", sorted(REPORTABLE))
def test_a_receipt_that_overtakes_our_own_record_counts(receipt):
    assert settled(Status.CREATED, [receipt]) == settled(Status.SENDING, [receipt]) == receipt


@pytest.mark.parametrize("current", [Status.SCHEDULED, Status.CANCELLED, Status.SENT, Status.PERMANENT_FAILURE])
def test_no_receipt_moves_what_no_provider_can_speak_of_or_what_is_over(current):
    assert settled(current, REPORTABLE) == current
    assert not SETTLES[current]


def test_a_late_delivery_corrects_a_temporary_failure():
    assert settled(Status.TEMPORARY_FAILURE, [Status.DELIVERED]) == Status.DELIVERED


def test_a_bounce_after_delivery_counts():
    assert settled(Status.DELIVERED, [Status.PERMANENT_FAILURE]) == Status.PERMANENT_FAILURE


def test_a_failure_is_not_explained_if_its_reason_says_so():
    assert Standing.of(Status.PERMANENT_FAILURE, f"firetext status 1: {NOT_EXPLAINED}") == UNEXPLAINED
    assert Standing.of(Status.PERMANENT_FAILURE, "firetext status 1, code 101").explained
    assert Standing.of(Status.TEMPORARY_FAILURE, f"firetext status 1: {NOT_EXPLAINED}").explained


def test_any_four_receipts_end_the_same_in_any_order_with_those_that_are_not_explained_among_them():
    for receipts in itertools.combinations_with_replacement(STANDINGS, 4):
        ends = {settle(Standing(Status.SENDING), order) for order in itertools.permutations(receipts)}
        assert len(ends) == 1, receipts


@pytest.mark.parametrize(
    ("others", "end"),
    [
        ([], Status.PERMANENT_FAILURE),
        ([Status.PENDING], Status.TEMPORARY_FAILURE),
        ([Status.TECHNICAL_FAILURE], Status.TEMPORARY_FAILURE),
        ([Status.TEMPORARY_FAILURE], Status.TEMPORARY_FAILURE),
        ([Status.PENDING, Status.DELIVERED], Status.DELIVERED),
        ([Status.DELIVERED], Status.DELIVERED),
        ([Status.PENDING, Status.PERMANENT_FAILURE], Status.PERMANENT_FAILURE),
    ],
)
def test_a_failure_that_is_not_explained_is_permanent_alone_and_gives_way_to_what_else_is_said(others, end):
    told = [*map(Standing, others), UNEXPLAINED]
    assert settle(Standing(Status.SENDING), told).status is end
    assert settle(Standing(Status.SENDING), reversed(told)).status is end


def test_a_failure_that_is_not_explained_moves_nothing_that_is_over():
    for current in (Status.SCHEDULED, Status.CANCELLED, Status.SENT, Status.PERMANENT_FAILURE):
        assert settle(Standing(current), [UNEXPLAINED]) == Standing(current)
