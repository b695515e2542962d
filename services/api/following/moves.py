"""Noticing that notifications moved: one look at the database in a while, shared by all streams of the process."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine

from octavo.domain.errors import Reason, Unavailable
from octavo.storage import changes
from services.api.following.lookups import PATIENCE_SECONDS
from services.api.question import within
from services.api.shares import share_of_streams

EVERY_SECONDS = 0.25


class Moves:
    """Tells streams up to where they may read. Used by one event loop. A part of the process: draining ends all streams."""

    name = "streams"

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor, most_streams: int) -> None:
        self._engine = engine
        self._threads = threads
        self._streams = share_of_streams(most_streams)
        self._horizon = 0
        self._heard: dict[UUID, int] = {}
        self._told = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None
        self.draining = False

    async def start(self) -> None:
        """Has nothing to begin: the database is looked at while there are streams."""

    def unready(self) -> str | None:
        """Never."""
        return None

    def enter(self, service_id: UUID) -> None:
        """Begins a stream. Raises LimitExceeded if the service has too many, Unavailable while the process drains."""
        self.check()
        self._streams.begin(service_id)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def leave(self, service_id: UUID) -> None:
        """Ends a stream."""
        self._streams.end(service_id)
        if service_id not in self._streams:
            self._heard.pop(service_id, None)

    async def now(self) -> int:
        """The horizon of this moment. Raises Unavailable if that can't be told."""
        asked = asyncio.get_running_loop().run_in_executor(self._threads, changes.horizon, self._engine)
        return await within(asked, PATIENCE_SECONDS)

    async def beyond(self, service_id: UUID, horizon: int) -> int:
        """The next horizon at which the service has moves beyond this one. Raises Unavailable while the process drains."""
        async with self._told:
            await self._told.wait_for(lambda: self.draining or self._heard.get(service_id, 0) > horizon)
        self.check()
        return self._heard[service_id]

    def check(self) -> None:
        """Raises Unavailable while the process drains."""
        if self.draining:
            raise Unavailable(
                "this process is stopping, another one answers",
                reason=Reason.SHUTTING_DOWN,
                retry_after=timedelta(milliseconds=200),
            )

    async def drain(self) -> None:
        """Ends all streams."""
        self.draining = True
        async with self._told:
            self._told.notify_all()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            # Whatever moved between a stream's own first look and this one is found by asking from there.
            self._horizon = 0
            while self._streams and not self.draining:
                services = list(self._streams)
                try:
                    horizon, moved = await loop.run_in_executor(
                        self._threads, changes.moved_since, self._engine, services, self._horizon
                    )
                except Unavailable:
                    await asyncio.sleep(1)
                    continue
                # A service that came after the question was asked is asked about from the beginning, once.
                new = set(self._streams) - set(services)
                self._horizon = min([horizon] + [self._horizon for _ in new])
                async with self._told:
                    for service_id in moved:
                        self._heard[service_id] = horizon
                    self._told.notify_all()
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            self._looking = None
