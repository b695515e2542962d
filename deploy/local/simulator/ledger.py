"""Ledger S: what the simulator accepted, one JSON line each, on disk before the answer."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

_CHUNK = 1 << 18


class Ledger:
    """An append-only file with group commit: all lines of one turn of the loop go out in one write.

    Written means handed to the operating system, which survives a `kill -9` of any process, not a power cut.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._count = _mend(self._file)
        self._size = os.fstat(self._file).st_size
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def count(self) -> int:
        """Lines written, those of earlier runs included."""
        return self._count

    async def append(self, entry: dict[str, object]) -> None:
        """Returns once the entry is written; raises OSError if it can't be."""
        self._lines.append(json.dumps(entry, separators=(",", ":")).encode())
        await self.settled()

    async def settled(self) -> None:
        """Returns once all that was appended is written; raises OSError if it can't be."""
        if not self._lines:
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._write)
        # A future for each caller, so that one who goes away does not cancel what the others wait for.
        written = loop.create_future()
        self._waiting.append(written)
        await written

    def references(self, provider: str) -> dict[str, str]:
        """The provider's id of each reference that this provider accepted, from the whole file."""
        accepted: dict[str, str] = {}
        with self._path.open("rb") as lines:
            for line in lines:
                entry = json.loads(line)
                if entry["provider"] == provider and entry["reference"]:
                    accepted.setdefault(entry["reference"], entry["provider_id"])
        return accepted

    async def since(self, skipped: int) -> AsyncIterator[bytes]:
        """The lines behind the first `skipped`, in chunks of many."""
        end = os.fstat(self._file).st_size
        position = 0
        while position < end:
            chunk = await asyncio.to_thread(os.pread, self._file, min(_CHUNK, end - position), position)
            position += len(chunk)
            lines = chunk.count(b"\n")
            if skipped and skipped >= lines:
                skipped -= lines
                # What follows the last line break belongs to the next line, which is wanted once none is to be skipped.
                chunk = b"" if skipped else chunk[chunk.rfind(b"\n") + 1 :]
            elif skipped:
                chunk = chunk.split(b"\n", skipped)[skipped]
                skipped = 0
            if chunk:
                yield chunk

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        waiting, self._waiting = self._waiting, []
        data = b"\n".join(lines) + b"\n"
        fault = self._put(data)
        if fault is None:
            self._count += len(lines)
            self._size += len(data)
        for written in waiting:
            if written.done():
                continue
            if fault is None:
                written.set_result(None)
            else:
                written.set_exception(fault)

    def _put(self, data: bytes) -> OSError | None:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as fault:
            # None of these lines is answered, so none may stay, and no half line may spoil the next.
            os.ftruncate(self._file, self._size)
            return fault
        return None


def _mend(file: int) -> int:
    """Cuts a line that a crash left unfinished, whose call was never answered; returns the number of whole lines."""
    count = position = whole = 0
    while chunk := os.pread(file, _CHUNK, position):
        count += chunk.count(b"\n")
        if b"\n" in chunk:
            whole = position + chunk.rfind(b"\n") + 1
        position += len(chunk)
    if whole < position:
        os.ftruncate(file, whole)
    return count
