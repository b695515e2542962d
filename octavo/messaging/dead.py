"""Dead letters: where a record goes that can't be handled, and when to stop instead (design, section 4, rule 5)."""

from collections import deque
from dataclasses import dataclass

import structlog

from octavo.domain.errors import Malformed
from octavo.messaging import Record
from octavo.telemetry import metrics
from octavo.topics import DEAD_SUFFIX, Outgoing

log = structlog.get_logger()

_LONGEST_ERROR = 1000
_ORIGIN = "dead."
"""What the names of the headers that tell the origin begin with."""


class Halted(Exception):  # noqa: N818 - it is a state of the consumer
    """Too many of the last records were dead: more likely a bad deploy than bad records. Nothing is committed."""


def dead_letter(record: Record, error: Malformed) -> Outgoing:
    """The record as it came, with its origin and the reason in its headers."""
    origin = (
        ("dead.topic", record.partition.topic.encode()),
        ("dead.partition", str(record.partition.number).encode()),
        ("dead.offset", str(record.offset).encode()),
        ("dead.error", str(error).encode()[:_LONGEST_ERROR]),
    )
    return Outgoing(record.partition.topic + DEAD_SUFFIX, record.key, record.value, record.headers + origin)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dead letter came from, and why it is one."""

    topic: str
    partition: int
    offset: int
    reason: str


def origin_of(letter: Record) -> Origin:
    """The origin of a dead letter. Raises Malformed if the record is none."""
    told = dict(letter.headers)
    try:
        return Origin(
            told["dead.topic"].decode(),
            int(told["dead.partition"]),
            int(told["dead.offset"]),
            told["dead.error"].decode(errors="replace"),
        )
    except (KeyError, ValueError) as error:
        raise Malformed("it does not say where it came from") from error


def revived(letter: Record) -> Outgoing:
    """The record that a dead letter was made of, for the topic that it came from. Raises Malformed if the record is none."""
    headers = tuple((name, value) for name, value in letter.headers if not name.startswith(_ORIGIN))
    return Outgoing(origin_of(letter).topic, letter.key, letter.value, headers)


def bury(record: Record, error: Malformed) -> Outgoing:
    """The dead letter of a record, told to operators and counted."""
    metrics.DEAD_LETTERS.labels(record.partition.topic).inc()
    log.error(
        "dead letter",
        topic=record.partition.topic,
        partition=record.partition.number,
        offset=record.offset,
        error=str(error),
    )
    return dead_letter(record, error)


class DeadShare:
    """The share of dead records among the last ones of a consumer, whole batches at a time."""

    def __init__(self, window: int = 200, at_least: int = 20, share: float = 0.5) -> None:
        self._window = window
        self._at_least = at_least
        self._share = share
        self._batches: deque[tuple[int, int]] = deque()

    def note(self, records: int, dead: int) -> None:
        """Notes a batch: how many records, and how many of them dead. Raises Halted when the share is too high."""
        self._batches.append((records, dead))
        recent = sum(count for count, _ in self._batches)
        # The oldest go once there are enough without them.
        while recent - self._batches[0][0] >= self._window:
            recent -= self._batches.popleft()[0]
        dead = sum(count for _, count in self._batches)
        if dead >= self._at_least and dead > self._share * recent:
            raise Halted(f"{dead} of the last {recent} records are dead")
