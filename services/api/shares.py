"""Shares: of what a process can have under way at once, one service has some at most, so that others have theirs."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from octavo.domain.errors import LimitExceeded, Reason


class Shares:
    """Counts what each service has under way. Used by one event loop.

    Iterating gives the services that have anything. `what` says what is counted, `subject` is its word in the name of the quota,
    `reason` and `retry_after` are those of the refusal.
    """

    def __init__(self, most: int, what: str, subject: str, reason: Reason, retry_after: timedelta) -> None:
        self._most = most
        self._what = what
        self._subject = subject
        self._reason = reason
        self._retry_after = retry_after
        # By the integers of services' ids: the hash of a UUID is a call.
        self._under_way: dict[int, int] = {}

    def __iter__(self) -> Iterator[UUID]:
        return (UUID(int=number) for number in self._under_way)

    def __contains__(self, service_id: UUID) -> bool:
        return service_id.int in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    def total(self) -> int:
        """What all services have under way."""
        return sum(self._under_way.values())

    def begin(self, service_id: UUID) -> None:
        """Says that one of a service begins; each that begins has to end. Raises LimitExceeded if it has its share already."""
        number = service_id.int
        under_way = self._under_way.get(number, 0)
        if under_way >= self._most:
            raise LimitExceeded(
                self._reason,
                f"a service may have {self._most:,} {self._what} in one process",
                subject=f"services/{service_id}/{self._subject}",
                limit=self._most,
                retry_after=self._retry_after,
            )
        self._under_way[number] = under_way + 1

    def end(self, service_id: UUID) -> None:
        """Says that one ended, whichever way."""
        number = service_id.int
        left = self._under_way[number] - 1
        if left:
            self._under_way[number] = left
        else:
            del self._under_way[number]


def share_of_calls(most_calls: int) -> Shares:
    """Half of the calls that a process takes at once (ADR 0034)."""
    return Shares(max(1, most_calls // 2), "calls under way", "calls", Reason.TOO_MANY_CALLS, timedelta(seconds=1))


def share_of_uploads(most: int, retry_after: timedelta) -> Shares:
    """Some of the uploads that a process takes at once (ADR 0034)."""
    return Shares(most, "uploads under way", "uploads", Reason.TOO_MANY_CALLS, retry_after)


def share_of_streams(most: int, what: str = "streams") -> Shares:
    """Streams of one kind that a service may have in a process."""
    return Shares(most, what, "streams", Reason.TOO_MANY_STREAMS, timedelta(seconds=30))
