"""Comparing what Kafka says was accepted with what the database knows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from octavo.audit.findings import Fault, Finding, HourOfLane
from octavo.domain.ids import time_of
from octavo.messaging.kafka.published import FinishedRecords, Published
from octavo.storage.errors import transaction
from octavo.storage.reconcile import Stages, count_stages, find_persisted, find_resendable, find_stranded

BATCH = 5_000


def hours_since(since: datetime, now: datetime) -> Iterator[datetime]:
    """The beginnings of the hours, from that of `since` to that of `now`."""
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour <= now:
        yield hour
        hour += timedelta(hours=1)


class Auditor:
    """Audits what consumers have finished since it was made, or since the last time it was asked. Repeatable, and read-only."""

    def __init__(self, engine: Engine, records: FinishedRecords) -> None:
        self._engine = engine
        self._records = records
        self._accepted: Counter[tuple[datetime, str]] = Counter()

    def lost(self) -> list[Finding]:
        """Records that were finished and are nowhere. Raises Unavailable while Kafka or PostgreSQL is away."""
        found = []
        for topic, published in self._records.read().items():
            ids = self._ids(topic, published)
            for start in range(0, len(ids), BATCH):
                part = ids[start : start + BATCH]
                with transaction(self._engine) as connection:
                    there = find_persisted(connection, part)
                found += [Finding(Fault.LOST, topic, str(one)) for one in part if one not in there]
        return found

    def stranded(self, since: datetime, now: datetime) -> list[Finding]:
        """Rows that wait for nothing."""
        found = []
        for hour in hours_since(since, now):
            with transaction(self._engine) as connection:
                found += [Finding(Fault.STRANDED, "", str(one)) for one in find_stranded(connection, hour)]
        return found

    def hours(self, since: datetime, now: datetime) -> Sequence[HourOfLane]:
        """How far the notifications of each hour and lane came. `accepted` are the records that were read: each id once."""
        counted = []
        for hour in hours_since(since, now):
            with transaction(self._engine) as connection:
                stages: Mapping[str, Stages] = {one.topic: one for one in count_stages(connection, hour)}
            topics = {topic for at, topic in self._accepted if at == hour} | set(stages)
            for topic in sorted(topics):
                one = stages.get(topic, Stages(topic, 0, 0, 0, 0))
                accepted = self._accepted[hour, topic]
                counted.append(HourOfLane(hour, topic, accepted, one.persisted, one.claimed, one.taken, one.settled))
        return counted

    def resent(self, references: Sequence[UUID]) -> set[UUID]:
        """Those that may have been sent again on purpose: by the policy of their service."""
        with transaction(self._engine) as connection:
            return find_resendable(connection, references)

    def known(self, references: Sequence[UUID]) -> set[UUID]:
        """Those that the database knows."""
        known: set[UUID] = set()
        for start in range(0, len(references), BATCH):
            with transaction(self._engine) as connection:
                known |= find_persisted(connection, references[start : start + BATCH])
        return known

    def _ids(self, topic: str, published: Published) -> list[UUID]:
        """The notifications on a topic, each once: a call that was repeated is on it twice."""
        different = {key: hour for key in published.keys if (hour := _hour_of(key)) is not None}
        for hour in different.values():
            self._accepted[hour, topic] += 1
        return [UUID(bytes=key) for key in different.keys() - published.dead]


def _hour_of(key: bytes) -> datetime | None:
    """The hour of the notification that a key names; None if it names none, as that of a poison record."""
    try:
        return time_of(UUID(bytes=key)).replace(minute=0, second=0, microsecond=0)
    except (ValueError, OverflowError):
        return None
