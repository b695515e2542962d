"""A question to the database that is asked once at a time: all who need its answer wait for the same one."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from octavo.domain.errors import OctavoError, Reason, Unavailable

T = TypeVar("T")


class Question:
    """Asks beside the calls, so that a client that goes away loses no answer. Used by one event loop."""

    def __init__(self) -> None:
        self._asked: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether an answer is awaited now."""
        return self._asked is not None

    def ask(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Asks, unless an answer is awaited already: then it is that answer which is waited for."""
        if self._asked is None:
            self._asked = asyncio.create_task(work())
            self._asked.add_done_callback(self._answered)
        return self._asked

    async def settle(self) -> None:
        """Waits for the answer that is awaited now, if any."""
        if self._asked is not None:
            with suppress(OctavoError):
                await asyncio.shield(self._asked)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._asked = None
        # Looked at, so that nobody complains of an error that no call waited for.
        _ = task.cancelled() or task.exception()


async def within(asked: asyncio.Future[T], seconds: float) -> T:
    """Waits for an answer so long, without giving the question up. Raises what it raises, or Unavailable."""
    try:
        return await asyncio.wait_for(asyncio.shield(asked), seconds)
    except TimeoutError:
        raise Unavailable("the database does not answer", reason=Reason.DATABASE_UNAVAILABLE) from None
