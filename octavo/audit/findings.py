"""What an audit has found, and what of it is a fault."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from octavo.messaging import Backlog


class Fault(StrEnum):
    """What must never be."""

    LOST = "lost"
    """Accepted and finished by the persister, and neither a row nor a dead letter."""
    STRANDED = "stranded"
    """A row that nothing will ever take up."""
    TWICE = "twice"
    """Taken by a provider more than once."""
    PHANTOM = "phantom"
    """Taken by a provider, and not known to Octavo."""
    STUCK = "stuck"
    """A partition with records that wait, whose consumer does not move."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: of which kind, in which topic, and what it is about (an id, or a partition)."""

    fault: Fault
    topic: str
    subject: str


@dataclass(frozen=True, slots=True)
class HourOfLane:
    """How many notifications of a lane, accepted in an hour, came how far."""

    hour: datetime
    topic: str
    accepted: int
    persisted: int
    claimed: int
    taken: int
    settled: int


@dataclass(frozen=True, slots=True)
class Audit:
    """All of it."""

    hours: Sequence[HourOfLane]
    findings: Sequence[Finding] = field(default=())


def taken_wrongly(references: Iterable[str], known: set[UUID], resent: set[UUID]) -> list[Finding]:
    """Faults in what a provider says that it took: each reference is a notification's id.

    One that was sent again on purpose (the policy RESEND) may be there twice.
    """
    counted: Mapping[str, int] = Counter(references)
    found = []
    for reference, count in sorted(counted.items()):
        one = parsed(reference)
        if one is None or one not in known:
            found.append(Finding(Fault.PHANTOM, "", reference))
        elif count > 1 and one not in resent:
            found.append(Finding(Fault.TWICE, "", reference))
    return found


def behind(topics: Iterable[Backlog]) -> Mapping[tuple[str, int], int]:
    """Where each consumer that is behind goes on, by topic and partition."""
    return {(one.topic, number): position for one in topics for number, position in one.positions.items()}


def standing_still(before: Mapping[tuple[str, int], int], after: Mapping[tuple[str, int], int]) -> list[Finding]:
    """Partitions that were behind at both times, at the same position."""
    return [
        Finding(Fault.STUCK, topic, f"partition {number} at {position}")
        for (topic, number), position in sorted(before.items())
        if after.get((topic, number)) == position
    ]


def parsed(reference: str) -> UUID | None:
    """The id in a reference; None if it is none of ours."""
    try:
        return UUID(reference)
    except ValueError:
        return None
