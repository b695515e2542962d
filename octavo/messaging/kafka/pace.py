"""How soon one batch follows the other (ADR 0017)."""

from time import monotonic

SHORTEST_PAUSE_SECONDS = 0.008
LONGEST_PAUSE_SECONDS = 0.02
"""From one departure to the next, with a broker that answers at once and with one that does not."""
_TIMES = 4.0
"""Of what an acknowledgement takes, between the two."""
_SMOOTHING = 0.2


class Pace:
    """The pauses of one publisher: the longer it takes until batches are acknowledged, the fewer and larger they become."""

    def __init__(self) -> None:
        self._departed = 0.0
        # Batches that left and are not settled yet, and how long that has taken of late.
        self._under_way = 0
        self._took = 0.0

    def wait(self) -> float:
        """Seconds until the next departure; none or less after a pause that was long enough."""
        pause = min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, _TIMES * self._took))
        return self._departed + pause - monotonic()

    def depart(self) -> None:
        """Notes a departure, now."""
        self._departed = monotonic()

    def left(self) -> None:
        """Notes that a batch of this departure is on its way."""
        self._under_way += 1

    def settled(self, batches: int) -> None:
        """Notes that so many are settled."""
        self._under_way -= batches
        if self._under_way <= 0:
            self._took += _SMOOTHING * (monotonic() - self._departed - self._took)
