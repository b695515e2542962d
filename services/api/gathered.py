"""A question to the database that many calls have at once, each about something else: asked for all of them in one round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from octavo.domain.errors import Unavailable

Q = TypeVar("Q")
A = TypeVar("A")

MOST = 500
"""Questions in one round trip."""
PATIENCE_SECONDS = 1.0
"""How long those that came meanwhile wait for the round trip before theirs; then they go beside it."""


class Gathered(Generic[Q, A]):
    """Asks at once what comes alone, and what comes during a round trip together in the next one. Used by one event loop.

    `answer` answers several questions in their order. One that it refuses is asked by itself, so that no other fails with it.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._answer = answer
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._turns: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, question: Q) -> asyncio.Future[A]:
        """The answer to be. It raises Unavailable if the round trip does, and whatever `answer` has against this question."""
        asked: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, asked))
        if self._turns is None:
            # It begins after this turn of the loop: what else is asked in it comes along.
            self._turns = asyncio.create_task(self._take_turns())
        return asked

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                trip = asyncio.create_task(self._ask(batch))
                self._under_way.add(trip)
                trip.add_done_callback(self._under_way.discard)
                await asyncio.wait({trip}, timeout=PATIENCE_SECONDS)
        finally:
            self._turns = None

    async def _ask(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to whoever asked
            if isinstance(error, Unavailable) or len(batch) == 1:
                for _, asked in batch:
                    _fail(asked, error)
            else:
                for one in batch:
                    await self._ask([one])
        else:
            for (_, asked), answer in zip(batch, answers, strict=True):
                if not asked.done():
                    asked.set_result(answer)


def _fail(asked: asyncio.Future[A], error: Exception) -> None:
    if not asked.done():
        asked.set_exception(error)
        # Looked at, so that nobody complains of an error that no call waited for.
        asked.exception()
