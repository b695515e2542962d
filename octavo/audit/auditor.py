"""Comparing what Kafka says was accepted with what the database knows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from octavo.audit.findings import Fault, Finding, HourOfLane
from octavo.domain.ids import id_of, time_of
from octavo.messaging.kafka.published import FinishedRecords, Pause, Published, go_on
from octavo.storage.errors import transaction
from octavo.storage.reconcile import (
    Stages,
    count_stages,
    find_persisted,
    find_resendable,
    find_still_stranded,
    find_stranded,
)

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
        # Read, and not compared yet: they are not read again.
        self._unchecked: list[tuple[str, UUID]] = []

    def lost(self, pause: Pause = go_on) -> list[Finding]:
        """Records that were finished and are nowhere. Raises Unavailable while Kafka or PostgreSQL is away.

        What was read by then is compared the next time.
        """
        if not self._unchecked:
            read = self._records.read(pause).items()
            self._unchecked = [(topic, one) for topic, published in read for one in self._ids(topic, published)]
        found = []
        for start in range(0, len(self._unchecked), BATCH):
            part = self._unchecked[start : start + BATCH]
            with transaction(self._engine) as connection:
                there = find_persisted(connection, [one for _, one in part])
            found += [Finding(Fault.LOST, topic, str(one)) for topic, one in part if one not in there]
        self._unchecked = []
        return found

    def stranded(self, since: datetime, until: datetime) -> list[Finding]:
        """Rows of this time that wait for nothing."""
        found: list[UUID] = []
        while since < until:
            end = min(since + timedelta(hours=1), until)
            with transaction(self._engine) as connection:
                found += find_stranded(connection, since, end)
            since = end
        return _stranded(found)

    def still_stranded(self, findings: Sequence[Finding]) -> list[Finding]:
        """Those of such findings that are still true."""
        if not findings:
            return []
        with transaction(self._engine) as connection:
            return _stranded(find_still_stranded(connection, [UUID(one.subject) for one in findings]))

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
        return [id_of(key) for key in different.keys() - published.dead]


def _stranded(ids: Sequence[UUID]) -> list[Finding]:
    return [Finding(Fault.STRANDED, "", str(one)) for one in ids]


def _hour_of(key: bytes) -> datetime | None:
    """The hour of the notification that a key names; None if it names none, as that of a poison record."""
    try:
        return time_of(id_of(key)).replace(minute=0, second=0, microsecond=0)
    except (ValueError, OverflowError):
        return None
