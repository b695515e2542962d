"""Storing CSV files that come in chunks: a part of each in memory, and nothing left of those that break off."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from octavo.domain.errors import Forbidden, Invalid, Reason, Unavailable
from octavo.domain.ids import uuid7
from octavo.objects import PART_BYTES, ObjectStore, Stored, Upload
from octavo.storage.directory import Service
from octavo.storage.jobqueue import UPLOADS
from octavo.telemetry.measured import measured
from octavo.v1 import job_service_pb2 as pb
from services.api.inforce import InForce
from services.api.shares import share_of_uploads

T = TypeVar("T")

MAX_FILE_BYTES = 128 * 1024 * 1024
"""A thousand bytes for each row of the largest job, and some more."""
MOST_UPLOADS = 16
"""Uploads under way in a process: each may hold two parts."""
MOST_OF_A_SERVICE = 4
"""Of these, how many may be one service's: the others have their files, too."""
STILL_SECONDS = 60.0
"""How long an upload may stand still."""
LONGEST_SECONDS = 900.0
"""How long an upload may take as a whole: 128 MiB come in that time over a line of 1.2 Mbit/s."""
RETRY_AFTER = timedelta(seconds=5)
BYTES_OF_RANDOMNESS = 10


class Uploads:
    """Takes files."""

    def __init__(self, store: ObjectStore, threads: ThreadPoolExecutor, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._under_way = share_of_uploads(MOST_OF_A_SERVICE, RETRY_AFTER)

    @measured
    async def take(self, chunks: AsyncIterator[pb.UploadCsvRequest], service: Service, in_force: InForce) -> Stored:
        """The file, once it is stored.

        Raises Invalid for one that is empty, too large, stands still or takes too long; Forbidden for a suspended service;
        LimitExceeded for one too many; Unauthenticated once the key is revoked; Unavailable.
        """
        if service.suspended:
            raise Forbidden(Reason.SERVICE_SUSPENDED, "the service is suspended")
        self._under_way.begin(service.id)
        try:
            if self._under_way.total() > MOST_UPLOADS:
                raise Unavailable("too many uploads", reason=Reason.OVERLOADED, retry_after=RETRY_AFTER)
            return await self._stored(chunks, service, in_force)
        finally:
            self._under_way.end(service.id)

    async def _stored(self, chunks: AsyncIterator[pb.UploadCsvRequest], service: Service, in_force: InForce) -> Stored:
        key = f"{service.id}{UPLOADS}{uuid7(self._clock(), os.urandom(BYTES_OF_RANDOMNESS))}.csv"
        storing = _Storing(self._store.upload(key), self._threads)
        try:
            last = await _receive(storing, chunks, in_force)
            return await storing.step(lambda: storing.upload.finish(last))
        except BaseException:
            await asyncio.shield(storing.abandon())
            raise


class _Storing:
    """An upload whose steps are done in a thread, one after the other: whoever gives up waits for the one under way."""

    def __init__(self, upload: Upload, threads: ThreadPoolExecutor) -> None:
        self.upload = upload
        self._threads = threads
        self._running: Future[Any] | None = None

    async def step(self, work: Callable[[], T]) -> T:
        """What the work returns. It goes on when its caller is cancelled."""
        running = self._threads.submit(work)
        self._running = running
        return await asyncio.shield(asyncio.wrap_future(running))

    async def abandon(self) -> None:
        """Forgets what is stored, once nothing more is being stored."""
        if self._running is not None:
            await asyncio.to_thread(wait, [self._running])
        with suppress(Unavailable):
            await self.step(self.upload.abandon)


async def _receive(storing: _Storing, chunks: AsyncIterator[pb.UploadCsvRequest], in_force: InForce) -> bytes:
    """Stores all parts but the last, which is returned."""
    part = bytearray()
    size = 0
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            while (chunk := await _next(chunks)) is not None:
                await in_force.check()
                size += len(chunk)
                check_size(size)
                part += chunk
                while len(part) > PART_BYTES:
                    full = bytes(part[:PART_BYTES])
                    del part[:PART_BYTES]
                    await storing.step(partial(storing.upload.add, full))
    except TimeoutError:
        raise Invalid.of(
            "chunk", Reason.FILE_UNREADABLE, f"the file was not there within {LONGEST_SECONDS:.0f} seconds"
        ) from None
    if not size:
        raise Invalid.of("file", Reason.FILE_EMPTY, "the file is empty")
    return bytes(part)


def check_size(size: int) -> None:
    """Raises Invalid with FILE_TOO_LARGE if no job may have such a file."""
    if size > MAX_FILE_BYTES:
        raise Invalid.of("file", Reason.FILE_TOO_LARGE, f"the file has more than {MAX_FILE_BYTES:,} bytes")


async def _next(chunks: AsyncIterator[pb.UploadCsvRequest]) -> bytes | None:
    """The next bytes; None at the end. A message without any is no progress."""
    try:
        async with asyncio.timeout(STILL_SECONDS):
            while (request := await anext(chunks, None)) is not None and not request.chunk:
                pass
    except TimeoutError:
        raise Invalid.of("chunk", Reason.FILE_UNREADABLE, f"nothing came for {STILL_SECONDS:.0f} seconds") from None
    return None if request is None else request.chunk
