"""A question is asked once, however many wait, and whoever leaves takes no answer along."""

import asyncio

import pytest

from octavo.domain.errors import Unavailable
from services.api.question import Question, within


async def test_all_wait_for_one_answer():
    question, asked, go = Question(), [], asyncio.Event()

    async def work():
        asked.append(1)
        await go.wait()

    waiting = [asyncio.create_task(within(question.ask(work), 5)) for _ in range(10)]
    await asyncio.sleep(0)
    assert question.open
    go.set()
    await asyncio.gather(*waiting)
    assert asked == [1]
    assert not question.open


async def test_whoever_leaves_or_tires_does_not_end_it():
    question, answered, go = Question(), asyncio.Event(), asyncio.Event()

    async def work():
        await go.wait()
        answered.set()

    leaves = asyncio.create_task(within(question.ask(work), 5))
    await asyncio.sleep(0)
    leaves.cancel()
    with pytest.raises(Unavailable):
        await within(question.ask(work), 0.01)
    go.set()
    await question.settle()
    assert answered.is_set()


async def test_an_error_reaches_all_and_nobody_complains_of_one_that_none_waited_for():
    question = Question()

    async def work():
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        await within(question.ask(work), 5)
    question.ask(work)
    await question.settle()
    assert not question.open
