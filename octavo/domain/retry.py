"""When to try again: policies as data."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait after each failed attempt; none left means give up. `jitter` 0.2 spreads each wait by ±20 %."""

    delays: tuple[timedelta, ...]
    jitter: float = 0.0

    def after(self, attempt: int, draw: float = 0.5) -> timedelta | None:
        """How long to wait after the failed attempt (1 is the first), or None when all attempts are used.

        `draw` is a random number from 0 to 1; 0.5 gives the delay itself.
        """
        if not 1 <= attempt <= len(self.delays):
            return None
        return self.delays[attempt - 1] * (1 + self.jitter * (2 * draw - 1))


def seconds(*delays: float) -> tuple[timedelta, ...]:
    """The delays of a Backoff, written in seconds."""
    return tuple(timedelta(seconds=delay) for delay in delays)


PROVIDER_BACKOFF = Backoff(seconds(10, 60, 300, 3_600, 14_400), jitter=0.1)
"""Sends to a provider (facts of the field): six attempts in five hours, then technical-failure."""
