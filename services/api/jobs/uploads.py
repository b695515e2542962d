"""Storing CSV files that come in chunks: a part of each in memory, and nothing left of those that break off."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from octavo.domain.errors import Forbidden, Invalid, Reason, Unavailable
from octavo.domain.ids import uuid7
from octavo.objects import PART_BYTES, ObjectStore, Stored, Upload
from octavo.storage.directory import Service
from octavo.storage.jobqueue import UPLOADS
from octavo.telemetry.measured import measured
from octavo.v1 import job_service_pb2 as pb

T = TypeVar("T")

MAX_FILE_BYTES = 128 * 1024 * 1024
"""A thousand bytes for each row of the largest job, and some more."""
MOST_UPLOADS = 16
"""Uploads under way in a process: each may hold two parts."""
STILL_SECONDS = 60.0
"""How long an upload may stand still."""
BYTES_OF_RANDOMNESS = 10


class Uploads:
    """Takes files."""

    def __init__(self, store: ObjectStore, threads: ThreadPoolExecutor, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._under_way = 0

    @measured
    async def take(self, chunks: AsyncIterator[pb.UploadCsvRequest], service: Service) -> Stored:
        """The file, once it is stored.

        Raises Invalid for one that is empty, too large or stands still; Forbidden for a suspended service; Unavailable.
        """
        if service.suspended:
            raise Forbidden(Reason.SERVICE_SUSPENDED, "the service is suspended")
        if self._under_way >= MOST_UPLOADS:
            raise Unavailable("too many uploads", reason=Reason.OVERLOADED, retry_after=timedelta(seconds=5))
        key = f"{service.id}{UPLOADS}{uuid7(self._clock(), os.urandom(BYTES_OF_RANDOMNESS))}.csv"
        upload = self._store.upload(key)
        self._under_way += 1
        try:
            return await self._store_parts(upload, chunks)
        except BaseException:
            with suppress(Unavailable):
                await asyncio.shield(self._in_thread(upload.abandon))
            raise
        finally:
            self._under_way -= 1

    async def _store_parts(self, upload: Upload, chunks: AsyncIterator[pb.UploadCsvRequest]) -> Stored:
        part = bytearray()
        size = 0
        while (chunk := await _next(chunks)) is not None:
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
    try:
        async with asyncio.timeout(STILL_SECONDS):
            request = await anext(chunks, None)
    except TimeoutError:
        raise Invalid.of("chunk", Reason.FILE_UNREADABLE, f"nothing came for {STILL_SECONDS:.0f} seconds") from None
    return None if request is None else request.chunk
