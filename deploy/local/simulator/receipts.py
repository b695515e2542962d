"""Sends receipts to Octavo, and again until they are taken."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Self

import aiohttp

from deploy.local.simulator.behaviour import Behaviour
from deploy.local.simulator.message import Parcel, Receipt

_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 30.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)
# Reordering spreads receipts over at least this long, else there would be nothing to reorder.
_REORDER_SECONDS = 0.5


@dataclass(slots=True)
class _Round:
    """Receipts of one message that go out one after another, as a provider sends what follows from each other."""

    receipts: deque[Receipt]
    delay: float
    # A repetition is sent once, whatever the answer: the receipt itself is what must arrive.
    insists: bool
    attempts: int = 0
    parcel: Parcel | None = None


def retry_after(attempts: int) -> float:
    """Seconds to wait after so many attempts of one receipt: 1, doubling up to 30."""
    return min(_FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 10), _LAST_RETRY_SECONDS)


class Receipts:
    """The queue of receipts to send, in memory; a restart of the simulator forgets what waits.

    A fixed number of senders share kept-alive connections, so that an unreachable Octavo costs little.
    """

    def __init__(self, base_url: str, concurrency: int) -> None:
        self._base_url = base_url
        self._concurrency = concurrency
        self._due: asyncio.Queue[_Round] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self.pending = 0
        self.accepted = 0
        self.attempts = 0
        self.dropped_repeats = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=60),
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._senders = [asyncio.create_task(self._send_due(self._session)) for _ in range(self._concurrency)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for sender in self._senders:
            sender.cancel()
        for sender in self._senders:
            with contextlib.suppress(asyncio.CancelledError):
                await sender
        if self._session is not None:
            await self._session.close()

    def plan(self, receipts: Sequence[Receipt], behaviour: Behaviour, random: Random) -> None:
        """Queues the receipts of one message as the provider's behaviour says."""
        delay = behaviour.receipt_delay_ms / 1000
        for repetition in range(behaviour.receipt_repeat):
            insists = repetition == 0
            if behaviour.receipt_reorder:
                spread = max(2 * delay, _REORDER_SECONDS)
                for receipt in receipts:
                    self._schedule(_Round(deque([receipt]), random.uniform(0, spread), insists))
            elif receipts:
                self._schedule(_Round(deque(receipts), delay, insists))

    def _schedule(self, entry: _Round) -> None:
        self.pending += len(entry.receipts)
        self._wait(entry, entry.delay)

    def _wait(self, entry: _Round, delay: float) -> None:
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._due.put_nowait, entry)
        else:
            self._due.put_nowait(entry)

    async def _send_due(self, session: aiohttp.ClientSession) -> None:
        while True:
            entry = await self._due.get()
            if await self._taken(session, entry) or not entry.insists:
                self._next(entry)
            else:
                self._wait(entry, retry_after(entry.attempts))

    async def _taken(self, session: aiohttp.ClientSession, entry: _Round) -> bool:
        """Sends the first receipt of a round; true if it was answered with success."""
        receipt = entry.receipts[0]
        # A retry sends the same bytes, as SNS does: the same envelope with the same MessageId.
        parcel = entry.parcel = entry.parcel or receipt.parcel()
        entry.attempts += 1
        self.attempts += 1
        taken = False
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.post(
                self._base_url + receipt.path, data=parcel.body, headers=parcel.headers, allow_redirects=False
            ) as response:
                await response.read()
                taken = 200 <= response.status < 300  # noqa: PLR2004  # a redirect has taken nothing.
        if taken:
            self.accepted += 1
        elif not entry.insists:
            self.dropped_repeats += 1
        return taken

    def _next(self, entry: _Round) -> None:
        self.pending -= 1
        entry.receipts.popleft()
        if entry.receipts:
            entry.attempts, entry.parcel = 0, None
            self._wait(entry, entry.delay)
