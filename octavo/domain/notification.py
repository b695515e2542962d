"""What a notification is and how it moves: types, statuses, and the one table of allowed moves."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class NotificationType(StrEnum):
    """The channel."""

    SMS = "sms"
    EMAIL = "email"


class KeyType(StrEnum):
    """What kind of API key sends: to anybody, to the guest list only, or to nobody (the test recipients decide)."""

    LIVE = "live"
    TEAM = "team"
    TEST = "test"


class Status(StrEnum):
    """Where a notification stands."""

    SCHEDULED = "scheduled"
    CREATED = "created"
    SENDING = "sending"
    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    TEMPORARY_FAILURE = "temporary-failure"
    PERMANENT_FAILURE = "permanent-failure"
    TECHNICAL_FAILURE = "technical-failure"
    CANCELLED = "cancelled"


MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.SCHEDULED: frozenset({Status.CREATED, Status.CANCELLED}),
        Status.CREATED: frozenset(
            {
                Status.SENDING,
                Status.TECHNICAL_FAILURE,
                Status.PERMANENT_FAILURE,
                Status.CANCELLED,
            }
        ),
        Status.SENDING: frozenset(
            {
                Status.PENDING,
                Status.DELIVERED,
                Status.SENT,
                Status.TEMPORARY_FAILURE,
                Status.PERMANENT_FAILURE,
                Status.TECHNICAL_FAILURE,
            }
        ),
        Status.PENDING: frozenset(
            {
                Status.DELIVERED,
                Status.TEMPORARY_FAILURE,
                Status.PERMANENT_FAILURE,
                Status.TECHNICAL_FAILURE,
            }
        ),
        Status.SENT: frozenset(),
        # An email bounce or a complaint can come after delivery.
        Status.DELIVERED: frozenset({Status.PERMANENT_FAILURE}),
        # A late receipt still counts.
        Status.TEMPORARY_FAILURE: frozenset({Status.DELIVERED}),
        Status.PERMANENT_FAILURE: frozenset(),
        # A receipt for a send that was unconfirmed.
        Status.TECHNICAL_FAILURE: frozenset(
            {
                Status.DELIVERED,
                Status.TEMPORARY_FAILURE,
                Status.PERMANENT_FAILURE,
            }
        ),
        Status.CANCELLED: frozenset(),
    }
)
"""Status by status, what it may move to. A move that is not listed is ignored and counted."""

FINAL: frozenset[Status] = frozenset(
    {
        Status.SENT,
        Status.DELIVERED,
        Status.TEMPORARY_FAILURE,
        Status.PERMANENT_FAILURE,
        Status.TECHNICAL_FAILURE,
        Status.CANCELLED,
    }
)
"""Settled: Octavo does no more by itself. A late receipt may still correct some of them."""

REPORTABLE: frozenset[Status] = frozenset(
    {
        Status.PENDING,
        Status.DELIVERED,
        Status.TEMPORARY_FAILURE,
        Status.PERMANENT_FAILURE,
        Status.TECHNICAL_FAILURE,
    }
)
"""What a receipt can say. `sent` is not among them: it is our own word for "no receipt will come"."""


def _reachable(start: Status) -> frozenset[Status]:
    seen: set[Status] = set()
    waiting = [start]
    while waiting:
        for status in MOVES[waiting.pop()] - seen:
            seen.add(status)
            waiting.append(status)
    return frozenset(seen)


# A receipt may skip steps whose receipts come late or never: temporary-failure → (delivered) → permanent-failure is two
# listed moves, taken as one. With that, what receipts can say stands in one line (pending, technical-failure,
# temporary-failure, delivered, permanent-failure), each status only moves forward in it, and the order of arrival can't
# matter. Without it, a temporary and a permanent failure would end as whichever came first.
SETTLES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        status: (_reachable(status) & REPORTABLE) - {status}
        # No provider knows of these: a receipt for one is a mistake.
        if status not in {Status.SCHEDULED, Status.CANCELLED}
        else frozenset()
        for status in Status
    }
)
"""Status by status, the receipts that move it. `created` counts as `sending`: its receipt overtook our own record."""


def settle(current: Status, reported: Iterable[Status]) -> Status:
    """The status after these receipts. Any order, repetition and division into batches ends the same."""
    for status in reported:
        if status in SETTLES[current]:
            current = status
    return current
