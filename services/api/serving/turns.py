"""Turns: with many calls under way, those that begin at about the same time are handled one right after the other.

Left alone, each is handled between two pieces of gRPC's own work, and finds nothing of what it needs in the processor's caches:
it takes nearly twice as long as one that follows another of its kind (docs/performance.md).
"""

import asyncio
from time import monotonic

APART_SECONDS = 0.002
"""How far apart turns begin, and so how long a call waits at most for its own."""
MANY = 24
"""With fewer calls under way, none waits: there is time enough for each, and nobody to wait for."""


class Turns:
    """Counts the calls under way, and gives them turns when there are many. Used by one event loop."""

    def __init__(self, apart_seconds: float = APART_SECONDS) -> None:
        self._apart = apart_seconds
        self._under_way = 0
        self._latest = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self) -> asyncio.Future[None] | None:
        """Says that a call begins; what it is to wait for, if anything. Each that begins has to end."""
        self._under_way += 1
        if self._under_way < MANY:
            return None
        now = monotonic()
        wait = self._latest + self._apart - now
        if wait <= 0 and not self._waiting:
            self._latest = now
            return None
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_later(wait, self._go)
        self._waiting.append(turn)
        return turn

    def end(self) -> None:
        """Says that a call ended, whichever way."""
        self._under_way -= 1

    def _go(self) -> None:
        self._latest = monotonic()
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            # A call may have been cancelled meanwhile.
            if not turn.done():
                turn.set_result(None)
