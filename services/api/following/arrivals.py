"""Waiting for notifications that were accepted moments ago and are not persisted yet: one query for all that wait."""

import asyncio
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

from sqlalchemy import Engine

from octavo.domain.errors import Unavailable
from octavo.storage.lookups import which_are_there

WAIT_SECONDS = 3.0
"""How long a notification is waited for."""
EVERY_SECONDS = 0.05
AT_ONCE = 500
"""Ids in one query."""

Wanted = tuple[UUID, UUID]


class Arrivals:
    """The notifications that are waited for, each with the service that may see it. Used by one event loop."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._threads = threads
        self._waiting: dict[Wanted, set[asyncio.Event]] = defaultdict(set)
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, service_id: UUID, notification_id: UUID, patience: float | None = None) -> bool:
        """Whether the service's notification is there, at the latest after 3 s or `patience` seconds.

        It takes as long for one that belongs to another service as for one that does not exist.
        """
        seconds = WAIT_SECONDS if patience is None else max(0.0, min(WAIT_SECONDS, patience))
        wanted = (notification_id, service_id)
        there = asyncio.Event()
        self._waiting[wanted].add(there)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait_for(there.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting[wanted].discard(there)
            if not self._waiting[wanted]:
                del self._waiting[wanted]
        return True

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await asyncio.sleep(EVERY_SECONDS)
                ids = [notification_id for notification_id, _ in self._waiting]
                for start in range(0, len(ids), AT_ONCE):
                    with suppress(Unavailable):
                        there = await loop.run_in_executor(
                            self._threads, which_are_there, self._engine, ids[start : start + AT_ONCE]
                        )
                        for wanted in there:
                            for event in self._waiting.get(wanted, ()):
                                event.set()
        finally:
            self._looking = None
