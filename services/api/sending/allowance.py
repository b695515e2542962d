"""What a process holds of a daily allowance: leased beside the calls, spent from memory, given back when idle."""

from collections.abc import Awaitable
from datetime import date
from time import monotonic
from typing import TypeVar
from uuid import UUID

import structlog

from octavo.domain.errors import Reason, Unavailable
from octavo.domain.limits import Lease
from octavo.domain.notification import NotificationType
from octavo.storage.allowances import Ended, Wanted
from octavo.telemetry import metrics
from services.api.question import Question, within
from services.api.sending.ledger import Ledger

log = structlog.get_logger()
T = TypeVar("T")

REFUSED_SECONDS = 0.25
"""How long a refusal holds without asking again: others may give blocks back at any time."""
WAIT_SECONDS = 2.0
"""How long a call waits for a lease."""
RESULTS = ("granted", "used-up", "failed")
"""What becomes of a request for a block, as the label of its counter."""
AWAY_SECONDS = 0.5
"""How long nothing is asked after a question failed."""
STILL_SECONDS = 2.0
"""How long no call waits after one has waited in vain: less often than that, a database that stands still costs nothing."""


class Allowance:
    """One service's daily allowance for one type, as far as this process holds it."""

    __slots__ = (
        "_away_until", "_hoped", "_ledger", "_question", "_refused_least", "_refused_until", "kind", "largest",
        "lease", "limit", "service_id",
    )  # fmt: skip

    def __init__(self, ledger: Ledger, service_id: UUID, kind: NotificationType) -> None:
        self._ledger = ledger
        self.service_id = service_id
        self.kind = kind
        self.lease = Lease(date.min)
        self.limit = -1
        self.largest = 1
        self._question = Question()
        self._hoped = 0
        self._refused_until = 0.0
        self._refused_least = 0
        self._away_until = 0.0

    def spend(self, count: int, day: date, limit: int, seconds: float) -> bool:
        """Spends from what is in hand; False if that does not suffice.

        A call that comes late, from before midnight, is charged to the day that has begun.
        """
        lease = self.lease
        if lease.day < day or self.limit != limit or not lease.spend(count, seconds):
            return False
        if lease.runs_low() and not self._question.open and seconds >= max(self._refused_until, self._away_until):
            # The next block comes beside the calls, before this one is used up.
            self._question.ask(lambda: self._fetch(1))
        return True

    async def lease_and_spend(self, count: int, day: date, limit: int, largest: int) -> bool:
        """Spends after leasing what is missing; False if so many are not left.

        `largest` bounds a block. Raises Unavailable if there is not enough in hand and the database does not answer.
        """
        deadline = monotonic() + WAIT_SECONDS
        self.largest = max(1, largest)
        self._hoped += count
        try:
            while not self.spend(count, day, limit, monotonic()):
                if self.lease.day >= day and self.limit == limit:
                    least = count - self.lease.left
                    if monotonic() < self._refused_until and least >= self._refused_least:
                        return False
                    self._check_there()
                    asked = self._question.ask(lambda least=least: self._fetch(least))  # type: ignore[misc]
                else:
                    self._check_there()
                    asked = self._question.ask(lambda: self._renew(day, limit))
                try:
                    await within(asked, deadline - monotonic())
                except Unavailable:
                    # The question may be open still; who comes next does not wait for it, too.
                    self._away_until = max(self._away_until, monotonic() + STILL_SECONDS)
                    raise
            return True
        finally:
            self._hoped -= count

    def refund(self, count: int, day: date) -> None:
        """Takes back what was spent on notifications that were certainly not accepted."""
        if self.lease.day == day:
            self.lease.refund(count)

    def give_back_if_idle(self, seconds: float) -> None:
        """Begins to give back what nobody spends."""
        if self.lease.idle(seconds) and not self._question.open and seconds >= self._away_until:
            self._question.ask(lambda: self._give_back(only_idle=True))

    async def close(self) -> None:
        """Gives everything back. Raises Unavailable if that can't be done."""
        await self._question.settle()
        if self.lease.block:
            await self._give_back(only_idle=False)

    @property
    def holds(self) -> bool:
        """Whether something is leased, or may be."""
        return self.lease.block > 0 or self._question.open

    def _check_there(self) -> None:
        # A database that stands still costs the calls one wait in a while, not one each.
        if monotonic() < self._away_until:
            raise Unavailable("the database does not answer", reason=Reason.DATABASE_UNAVAILABLE)

    async def _fetch(self, least: int) -> None:
        """Leases at least so many more, or notes that they are not left."""
        lease = self.lease
        wanted = Wanted(
            self.service_id, self.kind, lease.day,
            limit=self.limit, least=least, wanted=max(least, self._hoped - lease.left), largest=self.largest,
        )  # fmt: skip
        # Should the answer be lost, the lease may be there nevertheless, and has to end.
        before, lease.block = lease.block, lease.block or 1
        try:
            granted = await self._asked(self._ledger.lease(wanted))
        except Unavailable:
            metrics.LEASING.labels(self.kind, "failed").inc()
            raise
        metrics.LEASING.labels(self.kind, "granted" if granted else "used-up").inc()
        if granted:
            lease.refill(granted, monotonic())
        else:
            lease.block = before
            self._refused_until, self._refused_least = monotonic() + REFUSED_SECONDS, least

    async def _renew(self, day: date, limit: int) -> None:
        """Begins a new day, or another limit. What is held of the old one goes back before.

        Never an earlier day than the one that has begun: what was spent of that would be forgotten.
        """
        day = max(day, self.lease.day)
        if self.lease.block and self.lease.day == day:
            await self._give_back(only_idle=False)
        elif self.lease.block:
            # Yesterday's rest is of use to nobody: its row is forgotten in time.
            log.info("a day ended with a lease", service_id=str(self.service_id), left=self.lease.left)
        self.lease, self.limit, self._refused_until = Lease(day), limit, 0.0

    async def _give_back(self, *, only_idle: bool) -> None:
        """Ends the lease. Raises Unavailable if that is not certain."""
        # If not even this is answered, certainly nothing was given back, and what is left stays in hand.
        await self._asked(self._ledger.probe())
        lease = self.lease
        if only_idle and not lease.idle(monotonic()):
            return
        spent = lease.empty()
        # If this is not answered, others may have it: what was left is spent no more, and given back again later.
        await self._asked(self._ledger.end(Ended(self.service_id, self.kind, lease.day, spent)))
        self.lease = Lease(lease.day)

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except Unavailable:
            self._away_until = monotonic() + AWAY_SECONDS
            raise
