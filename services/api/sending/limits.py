"""The limits of services, spent from memory: blocks are leased beside the calls, which rarely wait; nothing is counted.

Never more than the daily limit is accepted, however many processes there are (design, section 6; docs/adr/0012).
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import structlog

from octavo.domain.errors import LimitExceeded, Reason, Unavailable
from octavo.domain.limits import day_of, retry_after_midnight
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.directory import Service
from octavo.telemetry import metrics
from octavo.telemetry.zero import at_zero
from services.api.sending.allowance import RESULTS, Allowance
from services.api.sending.ledger import Ledger
from services.api.sending.rate import Rate
from services.api.transactions import Transactions

log = structlog.get_logger()

TICK_SECONDS = 0.25
"""How often idle leases are looked for: with the second of idleness, others have them back within 1.5 s."""
FORGOTTEN_SECONDS = 60.0
DRAIN_SECONDS = 5.0


class _Account:
    """All that this process holds for one service."""

    __slots__ = ("allowances", "rates", "used_at")

    def __init__(self, ledger: Ledger, service_id: UUID) -> None:
        self.allowances = {kind: Allowance(ledger, service_id, kind) for kind in NotificationType}
        self.rates = {kind: Rate(ledger, service_id, kind) for kind in KeyType}
        self.used_at = monotonic()


class LeasedLimits:
    """The limits, with leases from PostgreSQL. A part of the process: draining gives all leases back."""

    name = "limits"

    def __init__(self, work: Transactions, holder: UUID) -> None:
        self._ledger = Ledger(work, holder)
        # By the integer of the service's id: its hash costs nothing, a UUID's a call.
        self._accounts: dict[int, _Account] = {}
        self._idle: asyncio.Task[None] | None = None
        at_zero(metrics.LEASING, NotificationType, RESULTS)
        for kind in NotificationType:
            metrics.LEASES.labels(kind).set_function(lambda kind=kind: len(self._held(kind)))  # type: ignore[misc]
            metrics.LEASED_LEFT.labels(kind).set_function(
                lambda kind=kind: sum(one.lease.left for one in self._held(kind))  # type: ignore[misc]
            )

    async def start(self) -> None:
        """Begins to look for idle leases."""
        self._idle = asyncio.create_task(self._return_idle())

    def unready(self) -> str | None:
        """Never: without PostgreSQL it goes on with what it holds."""
        return None

    async def drain(self) -> None:
        """Gives all leases back."""
        if self._idle:
            self._idle.cancel()
        held = [one for account in self._accounts.values() for one in account.allowances.values() if one.holds]
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(*(_close(allowance) for allowance in held))
        except TimeoutError:
            log.warning("leases are not given back, the database does not answer", leases=len(held))

    def _held(self, kind: NotificationType) -> list[Allowance]:
        """What is leased now. Asked by the thread of a scrape, too: so accounts are listed at once."""
        allowances = [account.allowances[kind] for account in list(self._accounts.values())]
        return [allowance for allowance in allowances if allowance.lease.block]

    @property
    def holds(self) -> bool:
        """Whether anything is leased, or may be."""
        return any(one.holds for account in self._accounts.values() for one in account.allowances.values())

    def spend(
        self, service: Service, notification_type: NotificationType, key_type: KeyType, count: int, now: datetime
    ) -> bool:
        """Charges so many notifications to what is in hand; False, having charged nothing, if that does not suffice."""
        account = self._accounts.get(service.id.int)
        if account is None:
            return False
        seconds = account.used_at = monotonic()
        rate = account.rates[key_type]
        if not rate.spend(count, seconds):
            return False
        if key_type is KeyType.TEST or account.allowances[notification_type].spend(
            count, now.date(), service.daily_limit(notification_type), seconds
        ):
            return True
        rate.left += count
        return False

    async def take(
        self, service: Service, notification_type: NotificationType, key_type: KeyType, count: int, now: datetime
    ) -> None:
        """Charges so many notifications; `now` is in UTC.

        Raises LimitExceeded, having charged nothing, if they are too many; Unavailable if nothing is in hand and no lease can
        be had.
        """
        account = self._accounts.get(service.id.int)
        if account is None:
            account = self._accounts[service.id.int] = _Account(self._ledger, service.id)
        seconds = account.used_at = monotonic()
        rate = account.rates[key_type]
        if not rate.spend(count, seconds):
            wait = await rate.take_and_spend(count, service.rate_per_minute)
            if wait is not None:
                raise _too_fast(service, wait)
        if key_type is KeyType.TEST:
            return
        limit, day = service.daily_limit(notification_type), now.date()
        allowance = account.allowances[notification_type]
        try:
            enough = await allowance.lease_and_spend(count, day, limit, largest=service.rate_per_minute)
        except Unavailable:
            rate.left += count
            raise
        if not enough:
            rate.left += count
            raise used_up(service, notification_type, limit, count, now)

    def give_back(
        self, service: Service, notification_type: NotificationType, key_type: KeyType, count: int, now: datetime
    ) -> None:
        """Takes back what was charged for notifications that were certainly not accepted."""
        account = self._accounts.get(service.id.int)
        if account is None:
            return
        account.rates[key_type].left += count
        if key_type is not KeyType.TEST:
            account.allowances[notification_type].refund(count, day_of(now))

    async def _return_idle(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = monotonic()
            for number, account in list(self._accounts.items()):
                for allowance in account.allowances.values():
                    allowance.give_back_if_idle(now)
                if now - account.used_at > FORGOTTEN_SECONDS and not any(
                    allowance.holds for allowance in account.allowances.values()
                ):
                    del self._accounts[number]


async def _close(allowance: Allowance) -> None:
    with suppress(Unavailable):
        await allowance.close()


def used_up(service: Service, kind: NotificationType, limit: int, count: int, now: datetime) -> LimitExceeded:
    """The error for a daily limit that does not suffice: it opens again at midnight UTC, for no more than all of it."""
    never = count > limit
    too_many = f", fewer than the {count:,} asked for" if never else ""
    return LimitExceeded(
        Reason.DAILY_LIMIT_EXCEEDED,
        f"the service may send {limit:,} {kind} notifications a day{too_many}",
        subject=f"services/{service.id}/{kind}",
        limit=limit,
        retry_after=None if never else retry_after_midnight(now),
    )


def _too_fast(service: Service, wait: timedelta) -> LimitExceeded:
    return LimitExceeded(
        Reason.RATE_LIMIT_EXCEEDED,
        f"the service may send {service.rate_per_minute:,} notifications a minute with a kind of key",
        subject=f"services/{service.id}/rate",
        limit=service.rate_per_minute,
        retry_after=wait,
    )
