"""Checks of files in processes of their own: a hundred thousand rows take seconds of CPU that no call may wait for."""

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any

from octavo.crypto import Hasher
from octavo.domain.errors import OctavoError, Reason, Unavailable
from octavo.domain.jobrow import Texts
from octavo.domain.recipient import Recipient, normalised
from octavo.objects import ObjectStore, Stored, StoreSettings, object_store
from services.api.jobs.check import Checked, check_file

PROCESSES = 2
"""So that a small file is not stuck behind a large one."""
NICENESS = 5


@dataclass(frozen=True, slots=True)
class Guests:
    """Whom a trial service or a team key may write to: keyed hashes of a service's recipients."""

    service_id: bytes
    hashes: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class _Failed:
    """An error on its way between processes."""

    kind: type[OctavoError]
    content: Mapping[str, Any]
    message: str

    def raised(self) -> OctavoError:
        error = self.kind.__new__(self.kind, self.message)
        error.__dict__.update(self.content)
        return error


class Checker:
    """Checks files beside the event loop. Its processes begin with the first file and end with this process."""

    def __init__(self, settings: StoreSettings, hash_key: bytes, region: str, processes: int = PROCESSES) -> None:
        self._begin = (settings, hash_key, region)
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    async def check(self, stored: Stored, texts: Texts, guests: Guests | None) -> Checked:
        """What check_file says. Raises what it raises, and Unavailable if the process that checks ends in the middle."""
        # Forked, it would have the parent's connections and half of its threads' locks.
        self._pool = self._pool or ProcessPoolExecutor(
            self._processes, mp_context=get_context("spawn"), initializer=_begin, initargs=self._begin
        )
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, _check, stored, texts, guests)
        except BrokenProcessPool:
            self._pool = None
            raise Unavailable("checking the file was interrupted", reason=Reason.UNAVAILABLE) from None
        if isinstance(found, _Failed):
            raise found.raised()
        return found


# In the processes that check


@dataclass(frozen=True, slots=True)
class _Desk:
    store: ObjectStore
    hasher: Hasher
    region: str


# A process of a pool has no other place for what it keeps from one file to the next.
_desks: list[_Desk] = []


def _begin(settings: StoreSettings, hash_key: bytes, region: str) -> None:
    os.nice(NICENESS)
    # Ctrl-C goes to all processes of a terminal: it is the parent's to end this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    _desks.append(_Desk(object_store(settings), Hasher(hash_key), region))


def _end_with_parent() -> None:
    """A parent that is killed can't say so to its pool: each process watches it by itself."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _check(stored: Stored, texts: Texts, guests: Guests | None) -> Checked | _Failed:
    desk = _desks[0]

    def admits(recipient: Recipient) -> bool:
        return guests is None or desk.hasher.recipient(guests.service_id, normalised(recipient)) in guests.hashes

    try:
        return check_file(desk.store, stored, texts, desk.region, admits)
    except OctavoError as error:
        # Errors have constructors of their own, which pickle can't call; their content travels instead.
        content = {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(error).items()}
        return _Failed(type(error), content, str(error))
