"""Dead letters: where a record goes that can't be handled, and when to stop instead (design, section 4, rule 5)."""

from collections import deque

import structlog

from octavo.domain.errors import Malformed
from octavo.messaging import Record
from octavo.telemetry import metrics
from octavo.topics import DEAD_SUFFIX, Outgoing

log = structlog.get_logger()


class Halted(Exception):  # noqa: N818 - it is a state of the consumer
    """Too many of the last records were dead: more likely a bad deploy than bad records. Nothing is committed."""


def dead_letter(record: Record, error: Malformed) -> Outgoing:
    """The record as it came, with its origin and the reason in its headers."""
    origin = (
        ("dead.topic", record.partition.topic.encode()),
        ("dead.partition", str(record.partition.number).encode()),
        ("dead.offset", str(record.offset).encode()),
        ("dead.error", str(error).encode()),
    )
    return Outgoing(record.partition.topic + DEAD_SUFFIX, record.key, record.value, record.headers + origin)


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
    """The share of dead records among the last ones of a consumer."""

    def __init__(self, window: int = 200, at_least: int = 20, share: float = 0.5) -> None:
        self._recent: deque[bool] = deque(maxlen=window)
        self._at_least = at_least
        self._share = share

    def alive(self, count: int) -> None:
        """Notes records that could be decoded."""
        self._recent.extend([False] * min(count, self._recent.maxlen or count))

    def died(self) -> None:
        """Notes a dead one. Raises Halted when the share is too high."""
        self._recent.append(True)
        dead = sum(self._recent)
        if dead >= self._at_least and dead > self._share * len(self._recent):
            raise Halted(f"{dead} of the last {len(self._recent)} records are dead")
