"""How providers of one type share the traffic: weights that move away from who fails, and back again (facts of the field)."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

POINTS = 10
"""How much moves at once."""
ERRORS = 50
ERRORS_WITHIN = timedelta(seconds=60)
"""More errors than that within that time move points to the others."""
MOVE_AT_MOST_EVERY = timedelta(minutes=1)
UNCHANGED_FOR = timedelta(minutes=15)
"""Weights that did not move for so long go back towards rest."""
BACK_EVERY = timedelta(minutes=5)


class Weights:
    """The weights of the providers of one type, by name. Time is passed in."""

    def __init__(self, rest: Mapping[str, int]) -> None:
        self._rest = dict(rest)
        self._now = dict(rest)
        self._errors: dict[str, deque[datetime]] = {name: deque(maxlen=ERRORS + 1) for name in rest}
        self._moved_away: datetime | None = None
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
        good = [other for other, rest in self._rest.items() if rest and not self._bad(other, at)]
        if not self._bad(name, at) or not good or not self._now[name]:
            return
        moved = min(POINTS, self._now[name])
        self._now[name] -= moved
        self._now[max(good, key=lambda other: self._now[other])] += moved
        self._moved_away = at

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
        errors = self._errors[name]
        return len(errors) > ERRORS and at - errors[0] <= ERRORS_WITHIN
