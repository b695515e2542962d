import asyncio

import pytest

from octavo.domain.errors import NotFound, Unavailable
from services.api.gathered import Gathered


class Trips:
    """Round trips that last until they are told to end."""

    def __init__(self):
        self.asked = []
        self.begun = asyncio.Event()
        self.going = asyncio.Event()
        self.going.set()

    async def answer(self, questions):
        self.asked.append(list(questions))
        self.begun.set()
        await self.going.wait()
        if "away" in questions:
            raise Unavailable("away")
        if "refused" in questions:
            raise NotFound("that")
        return [question.upper() for question in questions]


@pytest.fixture
async def trips():
    return Trips()


@pytest.fixture
def gathered(trips):
    return Gathered(trips.answer)


async def test_what_is_asked_in_one_turn_of_the_loop_goes_together(gathered, trips):
    assert await asyncio.gather(*(gathered.ask(one) for one in "abc")) == ["A", "B", "C"]
    assert trips.asked == [["a", "b", "c"]]


async def test_what_comes_during_a_round_trip_waits_for_the_next(gathered, trips):
    trips.going.clear()
    first = gathered.ask("a")
    await trips.begun.wait()
    rest = [gathered.ask(one) for one in "bc"]
    await asyncio.sleep(0)
    assert trips.asked == [["a"]]
    trips.going.set()
    assert await asyncio.gather(first, *rest) == ["A", "B", "C"]
    assert trips.asked == [["a"], ["b", "c"]]


async def test_none_waits_long_for_a_round_trip_that_stands_still(gathered, trips, monkeypatch):
    monkeypatch.setattr("services.api.gathered.PATIENCE_SECONDS", 0.01)
    trips.going.clear()
    first = gathered.ask("a")
    await trips.begun.wait()
    trips.going, stuck = asyncio.Event(), trips.going
    trips.going.set()
    assert await asyncio.wait_for(gathered.ask("b"), 5) == "B"
    assert not first.done()
    stuck.set()
    assert await first == "A"


async def test_what_is_refused_is_refused_alone(gathered):
    results = await asyncio.gather(*(gathered.ask(one) for one in ["a", "refused", "b"]), return_exceptions=True)
    assert results[::2] == ["A", "B"]
    assert isinstance(results[1], NotFound)


async def test_when_nothing_answers_all_are_told_at_once(gathered, trips):
    results = await asyncio.gather(*(gathered.ask(one) for one in ["a", "away", "b"]), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in results)
    assert len(trips.asked) == 1


async def test_who_went_away_takes_no_answer_from_the_others(gathered):
    asked = [gathered.ask(one) for one in "ab"]
    asked[0].cancel()
    assert await asked[1] == "B"
