"""Sending: each claimed notification is a task that calls a provider; a slow call delays no other, nor does a large batch."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, perf_counter
from traceback import extract_tb
from typing import Protocol

import structlog

from octavo.domain.notification import KeyType
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.domain.recipient import PhoneNumber, sends_receipts
from octavo.domain.weights import Weights
from octavo.faultpoint import Point, reach
from octavo.providers import EmailMessage, TextMessage
from octavo.storage.columns import micros
from octavo.storage.send import LEASE
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from octavo.telemetry.traces import Headers
from octavo.telemetry.zero import at_zero
from services.dispatcher.claims import Claimed
from services.dispatcher.outcomes import Ended

log = structlog.get_logger()

YOUNG = 48
"""Calls at most that began within the last `YOUNG_SECONDS` and are not answered yet.

A whole batch at once would have a provider serve all of it before the next call of any lane. So a fast provider gets these few at
a time, as fast as it answers; a slow one gets 2,400 a second.
"""
YOUNG_SECONDS = 0.02
LATEST_CALL_SECONDS = LEASE.total_seconds() / 2
"""A claim older than that is given back instead of used: its lease must outlast the call and its recording."""


def outcome_name(kind: type[Outcome]) -> str:
    """What a kind of outcome is called on metrics."""
    return kind.__name__.lower()


ACCEPTED = outcome_name(Accepted)
OUTCOMES = tuple(map(outcome_name, (Accepted, Temporary, Permanent, Uncertain)))


class Sender(Protocol):
    """What sends: a provider, or what stands in its place for test keys."""

    name: str

    async def send(self, message: TextMessage | EmailMessage) -> Outcome:
        """Offers a message, once."""


class Records(Protocol):
    """Where what became of a claim is put."""

    def put(self, ended: Ended) -> None:
        """Takes an outcome."""

    def give_back(self, claimed: Claimed) -> None:
        """Takes a claim that led to no call."""


class _Calls:
    """The metrics of the calls to one provider; all there from the start, at zero."""

    def __init__(self, name: str) -> None:
        self.in_flight = metrics.IN_FLIGHT.labels(name)
        self.seconds = metrics.PROVIDER_SECONDS.labels(name)
        self.ended = {outcome: metrics.PROVIDER_CALLS.labels(name, outcome) for outcome in OUTCOMES}


class Sending:
    """The sends of one topic, on the process's event loop."""

    def __init__(
        self,
        topic: str,
        providers: Mapping[str, Sender],
        weights: Weights,
        unsent: Sender,
        records: Records,
        *,
        at_once: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`at_once` calls are under way at most, each counted from its beginning: what waits for another to end has not begun."""
        self._providers = providers
        self._weights = weights
        self._unsent = unsent
        self._records = records
        self._at_once = at_once
        self._now = now
        self._waiting: deque[Claimed] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._young: set[asyncio.Task[None]] = set()
        self._aging: asyncio.TimerHandle | None = None
        names = [*providers, unsent.name]
        for metric in (metrics.UNCONFIRMED, metrics.SENDS_REFUSED):
            at_zero(metric, names)
        self._calls = {name: _Calls(name) for name in names}
        self._to_provider = metrics.TO_PROVIDER_SECONDS.labels(topic)

    def begin(self, batch: Sequence[Claimed]) -> None:
        """Starts a call for each, soon. Used on the event loop."""
        self._waiting.extend(batch)
        self._go_on()

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._young) < YOUNG and len(self._tasks) < self._at_once:
            task = loop.create_task(self.send(self._waiting.popleft()))
            self._tasks.add(task)
            self._young.add(task)
            task.add_done_callback(self._ended)
        if self._waiting and self._young and self._aging is None:
            self._aging = loop.call_later(YOUNG_SECONDS, self._age)

    def _age(self) -> None:
        self._aging = None
        self._young.clear()
        self._go_on()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._young.discard(task)
        if self._waiting:
            self._go_on()

    async def send(self, claimed: Claimed) -> None:
        """Sends one, and records what became of it. Never raises."""
        message = claimed.message
        if isinstance(message, Permanent):
            self._records.put(Ended(claimed, None, message, self._now()))
            return
        if monotonic() - claimed.claimed_at > LATEST_CALL_SECONDS:
            # The process stood still since the claim, or the calls before it took long.
            self._records.give_back(claimed)
            return
        at = self._now()
        if claimed.attempt == 1:
            self._to_provider.observe(max(0, micros(at) - claimed.accepted_at_micros) / 1e6)
        sender, outcome = await self._offer(claimed, message, at)
        reach(Point.DISPATCHER_AFTER_ACCEPT)
        self._records.put(Ended(claimed, sender, outcome, at))

    async def _offer(self, claimed: Claimed, message: TextMessage | EmailMessage, at: datetime) -> tuple[str, Outcome]:
        if claimed.key_type is KeyType.TEST:
            return self._unsent.name, await self._call(self._unsent, message, claimed.headers)
        self._weights.settle(at)
        name = self._chosen()
        outcome = await self._call(self._providers[name], message, claimed.headers)
        other = self._weights.choose(random.random(), but=name) if _may_go_elsewhere(claimed, outcome) else None  # noqa: S311
        if other is None:
            return name, outcome
        # Certainly not sent: the first retry goes to another provider at once.
        return other, await self._call(self._providers[other], message, claimed.headers)

    @measured
    async def _call(self, sender: Sender, message: TextMessage | EmailMessage, headers: Headers) -> Outcome:
        on = traces.active
        span = on.hop(f"call {sender.name}", message.reference.bytes, headers, {}) if on is not None else None
        calls = self._calls[sender.name]
        calls.in_flight.inc()
        started = perf_counter()
        ended = "error"
        try:
            outcome = await _offered(sender, message)
            ended = outcome_name(type(outcome))
        finally:
            calls.in_flight.dec()
            calls.seconds.observe(perf_counter() - started)
            if on is not None:
                on.end(span, ended, failed=ended != ACCEPTED)
        calls.ended[ended].inc()
        if sender is self._unsent:
            # Its receipt comes whatever the country, and nothing of it is a provider's.
            return outcome
        if isinstance(outcome, Temporary | Uncertain):
            self._weights.failed(sender.name, self._now())
        if (
            isinstance(outcome, Accepted)
            and isinstance(message.to, PhoneNumber)
            and not sends_receipts(message.to.country)
        ):
            # The provider's word is the last.
            return replace(outcome, final_without_receipt=True)
        return outcome

    def _chosen(self) -> str:
        name = self._weights.choose(random.random())  # noqa: S311 - shares traffic, hides nothing
        if name is None:
            raise LookupError("no provider has a weight")
        return name


async def _offered(sender: Sender, message: TextMessage | EmailMessage) -> Outcome:
    try:
        return await sender.send(message)
    except Exception as error:  # noqa: BLE001 - a send without an end would hold its partition's commits back for ever
        # A fault of ours, before or after the request went out: nobody knows. Its text may hold personal data.
        at = extract_tb(error.__traceback__)[-1]
        log.error(  # noqa: TRY400 - a traceback shows values
            "a provider's client failed",
            provider=sender.name,
            notification_id=str(message.reference),
            error=type(error).__name__,
            at=f"{at.filename}:{at.lineno}",
        )
        return Uncertain(f"the client failed: {type(error).__name__}")


def _may_go_elsewhere(claimed: Claimed, outcome: Outcome) -> bool:
    return claimed.attempt == 1 and isinstance(outcome, Temporary)
