"""Shares: of the calls that a process takes at once, one service has half at most, so that others have theirs."""

from datetime import timedelta
from uuid import UUID

from octavo.domain.errors import LimitExceeded, Reason

PART = 2
"""A service has this part of all calls, one of two."""
RETRY_AFTER = timedelta(seconds=1)


class Shares:
    """Counts the calls under way of each service. Used by one event loop."""

    def __init__(self, most_calls: int) -> None:
        self._most = max(1, most_calls // PART)
        self._under_way: dict[UUID, int] = {}

    def begin(self, service_id: UUID) -> None:
        """Says that a call of a service begins; each that begins has to end. Raises LimitExceeded if it has its share already."""
        under_way = self._under_way.get(service_id, 0)
        if under_way >= self._most:
            raise LimitExceeded(
                Reason.TOO_MANY_CALLS,
                f"a service may have {self._most:,} calls under way in one process",
                subject=f"services/{service_id}/calls",
                limit=self._most,
                retry_after=RETRY_AFTER,
            )
        self._under_way[service_id] = under_way + 1

    def end(self, service_id: UUID) -> None:
        """Says that a call ended, whichever way."""
        left = self._under_way[service_id] - 1
        if left:
            self._under_way[service_id] = left
        else:
            del self._under_way[service_id]
