"""What a process holds of the tokens of a rate: a second's worth at a time, which lapses if nobody spends it."""

from datetime import timedelta
from time import monotonic
from uuid import UUID

from octavo.domain.errors import Unavailable
from octavo.domain.limits import Bucket, TokenBucket
from octavo.domain.notification import KeyType
from octavo.storage.rates import Tokens
from services.api.question import Question, within
from services.api.sending.ledger import Ledger

TOKEN_SECONDS = 2.0
"""Tokens that were taken longer ago than this lapse: the bucket has refilled since."""
REFUSED_SECONDS = 0.25
"""How long a refusal holds without asking again, at the most."""
WAIT_SECONDS = 1.0
AWAY_SECONDS = 2.0
"""How long nothing is asked after a question was not answered."""


class Rate:
    """The rate of one service and kind of key, as far as this process holds tokens of it."""

    __slots__ = (
        "_again_at", "_away_until", "_hoped", "_ledger", "_own", "_question", "_refused_until", "_taken_at", "key_type", "left",
        "service_id",
    )  # fmt: skip

    def __init__(self, ledger: Ledger, service_id: UUID, key_type: KeyType) -> None:
        self._ledger = ledger
        self.service_id = service_id
        self.key_type = key_type
        self.left = 0
        self._taken_at = 0.0
        self._question = Question()
        self._hoped = 0
        self._refused_until = 0.0
        self._again_at = 0.0
        self._away_until = 0.0
        self._own: Bucket | None = None

    def spend(self, count: int, seconds: float) -> bool:
        """Spends tokens in hand; False if they do not suffice."""
        if self.left < count or seconds - self._taken_at >= TOKEN_SECONDS:
            return False
        self.left -= count
        return True

    async def take_and_spend(self, count: int, per_minute: int) -> timedelta | None:
        """Spends after taking what is missing; None if that was possible, else how long until it may be."""
        if count > per_minute:
            return timedelta(minutes=1)
        deadline = monotonic() + WAIT_SECONDS
        self._hoped += count
        try:
            while not self.spend(count, monotonic()):
                now = monotonic()
                if now < self._refused_until:
                    return timedelta(seconds=max(self._again_at - now, 0.001))
                if now < self._away_until:
                    self._take_own(count, per_minute)
                    continue
                asked = self._question.ask(lambda: self._take(count, per_minute))
                try:
                    await within(asked, deadline - now)
                except Unavailable:
                    self._away_until = monotonic() + AWAY_SECONDS
            return None
        finally:
            self._hoped -= count

    async def _take(self, count: int, per_minute: int) -> None:
        self._lapse()
        least = count - self.left
        # A second's worth at once: the rate is never exceeded, and at most so much lapses in a process that falls idle.
        block = max(self._hoped - self.left, per_minute // 60)
        granted, wait = await self._ledger.take(
            Tokens(self.service_id, self.key_type, per_minute=per_minute, wanted=least, block=block)
        )
        self._own = None
        self._note(granted, wait)

    def _take_own(self, count: int, per_minute: int) -> None:
        """Without the database each process keeps to the rate by itself: it protects, it promises nothing."""
        self._lapse()
        now, rate = monotonic(), TokenBucket.per_minute(per_minute)
        taken = rate.take(
            self._own or rate.full(now), now, max(count - self.left, per_minute // 60), least=count - self.left
        )
        self._own = taken.bucket
        self._note(taken.granted, taken.retry_after)

    def _lapse(self) -> None:
        if monotonic() - self._taken_at >= TOKEN_SECONDS:
            self.left = 0

    def _note(self, granted: int, wait: timedelta) -> None:
        now = monotonic()
        if granted:
            self.left += granted
            self._taken_at = now
        else:
            self._again_at = now + wait.total_seconds()
            self._refused_until = now + min(wait.total_seconds(), REFUSED_SECONDS)
