"""Storing CSV files that come in chunks: a part of each in memory, and nothing left of those that break off."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from octavo.domain.errors import Forbidden, Invalid, Reason, Unavailable
from octavo.domain.ids import uuid7
from octavo.objects import PART_BYTES, ObjectStore, Stored, Upload
from octavo.storage.directory import Service
from octavo.storage.jobqueue import UPLOADS
from octavo.telemetry.measured import measured
from octavo.v1 import job_service_pb2 as pb
from services.api.inforce import InForce

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
BYTES_OF_RANDOMNESS = 10


class Uploads:
    """Takes files."""

    def __init__(self, store: ObjectStore, threads: ThreadPoolExecutor, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._under_way: Counter[UUID] = Counter()

    @measured
    async def take(self, chunks: AsyncIterator[pb.UploadCsvRequest], service: Service, in_force: InForce) -> Stored:
        """The file, once it is stored.

        Raises Invalid for one that is empty, too large, stands still or takes too long; Forbidden for a suspended service;
        Unauthenticated once the key is revoked; Unavailable.
        """
        if service.suspended:
            raise Forbidden(Reason.SERVICE_SUSPENDED, "the service is suspended")
        if self._under_way.total() >= MOST_UPLOADS or self._under_way[service.id] >= MOST_OF_A_SERVICE:
            raise Unavailable("too many uploads", reason=Reason.OVERLOADED, retry_after=timedelta(seconds=5))
        key = f"{service.id}{UPLOADS}{uuid7(self._clock(), os.urandom(BYTES_OF_RANDOMNESS))}.csv"
        upload = self._store.upload(key)
        self._under_way[service.id] += 1
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await self._store_parts(upload, chunks, in_force)
        except TimeoutError:
            await self._abandon(upload)
            raise Invalid.of(
                "chunk", Reason.FILE_UNREADABLE, f"the file was not there within {LONGEST_SECONDS:.0f} seconds"
            ) from None
        except BaseException:
            await self._abandon(upload)
            raise
        finally:
            self._under_way[service.id] -= 1
            # Only those that have some are kept.
            self._under_way += Counter()

    async def _abandon(self, upload: Upload) -> None:
        with suppress(Unavailable):
            await asyncio.shield(self._in_thread(upload.abandon))

    async def _store_parts(
        self, upload: Upload, chunks: AsyncIterator[pb.UploadCsvRequest], in_force: InForce
    ) -> Stored:
        part = bytearray()
        size = 0
        while (chunk := await _next(chunks)) is not None:
            await in_force.check()
            size += len(chunk)
            check_size(size)
            part += chunk
            while len(part) > PART_BYTES:
                full = bytes(part[:PART_BYTES])
                del part[:PART_BYTES]
                await self._in_thread(lambda full=full: upload.add(full))  # type: ignore[misc]
        if not size:
            raise Invalid.of("file", Reason.FILE_EMPTY, "the file is empty")
        return await self._in_thread(lambda: upload.finish(bytes(part)))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


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
