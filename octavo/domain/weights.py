"""How providers of one type share the traffic: weights that move away from who fails, and back again (facts of the field)."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

POINTS = 10
"""How much moves at once."""
ERRORS = 50
ERRORS_WITHIN = timedelta(seconds=60)
"""More errors than that within that time move points to the others."""
SLOW_AFTER = timedelta(minutes=5)
SLOW_SHARE = 0.15
SLOW_WITHIN = timedelta(minutes=15)
"""A share of receipts that came later than that after their sends, over that time, moves points, too."""
MOVE_AT_MOST_EVERY = timedelta(minutes=1)
MOVE_FOR_SLOWNESS_AT_MOST_EVERY = timedelta(minutes=5)
UNCHANGED_FOR = timedelta(minutes=15)
"""Weights that did not move for so long go back towards rest."""
BACK_EVERY = timedelta(minutes=5)


class Weights:
    """The weights of the providers of one type, by name. Time is passed in."""

    def __init__(self, rest: Mapping[str, int]) -> None:
        self._rest = dict(rest)
        self._now = dict(rest)
        self._errors: dict[str, deque[datetime]] = {name: deque(maxlen=ERRORS + 1) for name in rest}
        self._slow: frozenset[str] = frozenset()
        self._moved_away: datetime | None = None
        self._moved_for_slowness: datetime | None = None
        self._moved_back: datetime | None = None

    @property
    def current(self) -> Mapping[str, int]:
        """The weights as they are."""
        return self._now

    def failed(self, name: str, at: datetime) -> None:
        """Notes an error of a provider, and moves points away from it when they are too many.

        Never when all providers are bad: then moving helps nobody. One that rests at 0 is switched off, and gets none.
        """
        self._errors[name].append(at)
        if self._moved_away and at - self._moved_away < MOVE_AT_MOST_EVERY:
            return
        if self._failing(name, at):
            self._move_away(name, at)

    def paced(self, slow_shares: Mapping[str, float], at: datetime) -> None:
        """Notes which share of each provider's receipts is slow, and moves points away from the slowest, as for errors."""
        self._slow = frozenset(
            name for name, share in slow_shares.items() if name in self._rest and share >= SLOW_SHARE
        )
        if self._moved_for_slowness and at - self._moved_for_slowness < MOVE_FOR_SLOWNESS_AT_MOST_EVERY:
            return
        slow = [name for name in self._slow if self._now[name]]
        if slow and self._move_away(max(slow, key=lambda name: slow_shares[name]), at):
            self._moved_for_slowness = at

    def _move_away(self, name: str, at: datetime) -> bool:
        good = [other for other, rest in self._rest.items() if rest and not self._bad(other, at)]
        if not good or not self._now[name]:
            return False
        moved = min(POINTS, self._now[name])
        self._now[name] -= moved
        self._now[max(good, key=lambda other: self._now[other])] += moved
        self._moved_away = at
        return True

    def settle(self, at: datetime) -> None:
        """Moves points back towards rest, once all has been quiet for long enough."""
        if self._now == self._rest or self._moved_away is None or at - self._moved_away < UNCHANGED_FOR:
            return
        if self._moved_back and at - self._moved_back < BACK_EVERY:
            return
        below = min(self._now, key=lambda name: self._now[name] - self._rest[name])
        above = max(self._now, key=lambda name: self._now[name] - self._rest[name])
        moved = min(POINTS, self._rest[below] - self._now[below], self._now[above] - self._rest[above])
        self._now[below] += moved
        self._now[above] -= moved
        self._moved_back = at

    def choose(self, draw: float, but: str | None = None) -> str | None:
        """A provider, by weight; None if none is left. `draw` is a random number from 0 to 1."""
        candidates = {name: weight for name, weight in self._now.items() if name != but and weight > 0}
        place = draw * sum(candidates.values())
        for name, weight in candidates.items():
            place -= weight
            if place < 0:
                return name
        return next(reversed(candidates), None)

    def _bad(self, name: str, at: datetime) -> bool:
        return name in self._slow or self._failing(name, at)

    def _failing(self, name: str, at: datetime) -> bool:
        errors = self._errors[name]
        return len(errors) > ERRORS and at - errors[0] <= ERRORS_WITHIN
