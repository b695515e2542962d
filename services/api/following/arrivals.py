"""Waiting for notifications that were accepted moments ago and are not persisted yet: one query for all that wait."""

import asyncio
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from octavo.domain.errors import Unavailable
from octavo.domain.ids import REQUEST_ID_MAX_AGE, REQUEST_ID_MAX_AHEAD, age_of
from octavo.storage.lookups import which_are_there

YOUNG = timedelta(seconds=5)
"""A notification accepted so short ago may not be persisted yet."""
WAIT_SECONDS = 3.0
"""How long one is waited for whose id says that it is young."""
REPEATED_WAIT_SECONDS = 1.0
"""How long one is waited for whose id may be older than its acceptance, as it has the time of its request_id."""
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

    async def wait(self, service_id: UUID, notification_id: UUID, now: datetime, patience: float | None = None) -> bool:
        """Whether the service's notification comes, at the latest after `wait_for` its id or `patience` seconds.

        It takes as long for one that belongs to another service as for one that does not exist.
        """
        seconds = wait_for(notification_id, now)
        if patience is not None:
            seconds = min(seconds, patience)
        if seconds <= 0:
            return False
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


def wait_for(notification_id: UUID, now: datetime) -> float:
    """How many seconds a notification that is not there may still take to come; 0 for one that can't come any more."""
    age = age_of(notification_id, now)
    if not -REQUEST_ID_MAX_AHEAD < age < REQUEST_ID_MAX_AGE + YOUNG:
        return 0
    return WAIT_SECONDS if age < YOUNG else REPEATED_WAIT_SECONDS
