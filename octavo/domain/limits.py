"""The arithmetic of limits: leases of a daily allowance, a token bucket, and the figures themselves."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

DAILY_LIMIT = 250_000
"""Emails, and as many SMS, a day (facts of the field)."""
TRIAL_DAILY_LIMIT = 50
"""Of each type a day in trial mode (facts of the field)."""
RATE_PER_MINUTE = 3_000
"""For each service and key type (facts of the field)."""
MAX_REFERENCE = 1_000
"""Characters of a caller's reference (facts of the field)."""
MAX_REFERENCE_BYTES = 2_400
"""The same in UTF-8: PostgreSQL's index of references takes rows of 2,704 bytes."""
MOST_NAMES = 1_000
"""Names in one personalisation, and placeholders of a template: all other calls wait while they are looked at."""
MOST_PERSONALISATION = 2_500_000
"""Bytes of personalisation in one message: as a Fernet token it is a third longer, and Kafka takes 4 MiB."""
MAX_PAGE_SIZE = 250
"""Notifications on a page (facts of the field)."""
DEFAULT_PAGE_SIZE = 50
"""Notifications on a page if the caller does not say."""
MAX_JOB_ROWS = 100_000
"""Rows of a CSV job (facts of the field)."""
MAX_BATCH = 500
"""Messages in one SendBatch."""
MAX_SEND_AHEAD = timedelta(days=14)
"""How far ahead send_at may be."""
RETENTION_DAYS = 7
"""How long sealed data is kept, if the service does not say (facts of the field)."""

SHARE = 16
"""A block is at most this part of what is left, so that several processes can all spend to the very end."""
IDLE_SECONDS = 1.0
"""A lease that spent nothing for so long goes back."""


@dataclass(slots=True)
class Lease:
    """Messages that this process may still accept on `day` (UTC) without asking anybody.

    `spent` counts those that were accepted since the lease began: what remains of all that was leased goes back at its end,
    blocks whose grant was lost on its way among it. `block` is the latest block, 0 before the first. `used_at` is the last
    time something was spent, in seconds of any steady clock, as is every `now` here.
    """

    day: date
    left: int = 0
    spent: int = 0
    block: int = 0
    used_at: float = 0.0

    def spend(self, count: int, now: float) -> bool:
        """Takes `count` from the lease: all of it, or nothing when it does not suffice."""
        if self.left < count:
            return False
        self.left -= count
        self.spent += count
        self.used_at = now
        return True

    def refill(self, block: int, now: float) -> None:
        """Adds a block that was leased."""
        self.left += block
        self.block = block
        self.used_at = now

    def refund(self, count: int) -> None:
        """Takes back what was spent on a call that was not accepted after all."""
        self.left += count
        self.spent = max(0, self.spent - count)

    def runs_low(self) -> bool:
        """Whether to lease the next block now, in the background, before a call has to wait for it."""
        return self.left * 2 < self.block

    def idle(self, now: float, after: float = IDLE_SECONDS) -> bool:
        """Whether it should end, so that others have what is left."""
        return self.block > 0 and now - self.used_at >= after

    def empty(self) -> int:
        """Takes what is left out of use, on idleness, at midnight or on shutdown: how much was spent, which stays charged.

        Until its end is certain the lease goes on counting what is spent, and can be emptied again.
        """
        self.left = 0
        return self.spent


@dataclass(frozen=True, slots=True)
class Bucket:
    """The state of a token bucket: tokens at an instant, in seconds since 1970."""

    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What a bucket gave: the new state, how many tokens, and how long until one more call would be allowed."""

    bucket: Bucket
    granted: int
    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A rate: `capacity` calls at once, refilled at `per_second`."""

    capacity: float
    per_second: float

    @classmethod
    def per_minute(cls, calls: int) -> "TokenBucket":
        """So many calls a minute, all of which may come at once."""
        return cls(float(calls), calls / 60)

    def full(self, now: float) -> Bucket:
        """A bucket that nobody used yet."""
        return Bucket(self.capacity, now)

    def take(self, bucket: Bucket, now: float, wanted: int = 1, *, least: int = 1) -> Taken:
        """Takes up to `wanted` tokens, or none if there are fewer than `least`. A clock that went back adds nothing."""
        tokens = min(self.capacity, bucket.tokens + max(0.0, now - bucket.at) * self.per_second)
        at = max(now, bucket.at)
        granted = min(wanted, int(tokens))
        if granted < least:
            wait = (least - tokens) / self.per_second if self.per_second > 0 else timedelta.max.total_seconds()
            return Taken(Bucket(tokens, at), 0, timedelta(seconds=min(wait, 86_400.0)))
        return Taken(Bucket(tokens - granted, at), granted, timedelta(0))


def day_of(now: datetime) -> date:
    """The day that counts for limits: in UTC."""
    return now.astimezone(UTC).date()


def retry_after_midnight(now: datetime) -> timedelta:
    """How long until the daily limits are new again: at midnight UTC."""
    utc = now.astimezone(UTC)
    midnight = datetime(utc.year, utc.month, utc.day, tzinfo=UTC) + timedelta(days=1)
    return midnight - utc
