"""What a notification is and how it moves: types, statuses, and the one table of allowed moves."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


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


NOT_EXPLAINED = "not explained"
"""How the reason of a permanent failure ends that a provider gave no known reason for."""


class Standing(NamedTuple):
    """What is known of a notification: its status, and whether a failure is explained by the provider (docs/adr/0029)."""

    status: Status
    explained: bool = True

    @classmethod
    def of(cls, status: Status, reason: str) -> "Standing":
        """That of a status with its reason, as a row or a receipt has them."""
        return cls(status, not (status is Status.PERMANENT_FAILURE and reason.endswith(NOT_EXPLAINED)))


_UNEXPLAINED = Standing(Status.PERMANENT_FAILURE, explained=False)
_TEMPORARY = Standing(Status.TEMPORARY_FAILURE)
# What makes a temporary failure of one that is not explained.
_TEMPERS = frozenset({Status.PENDING, Status.TECHNICAL_FAILURE, Status.TEMPORARY_FAILURE})


def settle(current: Standing, reported: Iterable[Standing]) -> Standing:
    """What stands after these receipts. Any order, repetition and division into batches ends the same."""
    for one in reported:
        current = _joined(current, one)
    return current


def _joined(current: Standing, reported: Standing) -> Standing:
    if current == _UNEXPLAINED and reported.status in SETTLES[Status.SENDING] and reported != _UNEXPLAINED:
        return _TEMPORARY if reported.status in _TEMPERS else reported
    if reported == _UNEXPLAINED:
        if current.status in _TEMPERS:
            return _TEMPORARY
        # Nothing of the kind has been reported yet, or else that stands.
        return reported if Status.PENDING in SETTLES[current.status] else current
    return reported if reported.status in SETTLES[current.status] else current
