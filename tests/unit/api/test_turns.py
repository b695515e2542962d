"""Calls that begin at about the same time, and what they wait for."""

import asyncio

import pytest

from services.api.serving.turns import MANY, Turns


@pytest.fixture
def turns():
    return Turns(apart_seconds=0.2)


def begun(turns, calls):
    """What each of so many calls is to wait for."""
    return [turns.begin() for _ in range(calls)]


async def test_few_calls_never_wait(turns):
    assert begun(turns, MANY - 1) == [None] * (MANY - 1)


async def test_of_many_the_first_goes_at_once_and_the_next_ones_wait(turns):
    begun(turns, MANY - 1)
    first, *others = begun(turns, 10)
    assert first is None
    assert None not in others


async def test_those_that_wait_go_together_in_their_order(turns):
    begun(turns, MANY)
    waiting = begun(turns, 10)
    went = []

    async def go(place):
        await waiting[place]
        went.append((place, all(turn.done() for turn in waiting)))

    await asyncio.gather(*(go(place) for place in range(10)))
    assert went == [(place, True) for place in range(10)]


async def test_who_is_cancelled_holds_up_nobody(turns):
    begun(turns, MANY)
    cancelled, *others = begun(turns, 3)
    cancelled.cancel()
    await asyncio.gather(*others)


async def test_after_their_turn_the_next_ones_wait_for_another(turns):
    begun(turns, MANY)
    for _ in range(2):
        waiting = begun(turns, 2)
        await asyncio.gather(*waiting)
    assert None not in begun(turns, 2)


async def test_calls_that_ended_are_not_counted(turns):
    begun(turns, MANY + 5)
    for _ in range(10):
        turns.end()
    assert begun(turns, 4) == [None] * 4
