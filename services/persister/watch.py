"""The watch: tells operators what waits, on Kafka and in PostgreSQL, whoever stands still."""

from datetime import UTC, datetime, timedelta
from threading import Event

import structlog
from sqlalchemy import Engine

from octavo.audit.auditor import Auditor
from octavo.audit.findings import standing_still
from octavo.domain.errors import Unavailable
from octavo.messaging.kafka import KafkaBacklog
from octavo.process import repeat
from octavo.storage.errors import transaction
from octavo.storage.open_rows import count_open_rows
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured

log = structlog.get_logger()

AUDIT_SECONDS = 60.0
TOPICS_SECONDS = 2.0
ROWS_SECONDS = 10.0


class TopicWatch:
    """Reads what waits on every topic."""

    def __init__(self, backlog: KafkaBacklog, every_seconds: float = TOPICS_SECONDS) -> None:
        self._backlog = backlog
        self._every = every_seconds

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; Kafka may be away."""
        repeat("topic watch", self.once, self._every, stop)
        self._backlog.close()

    @measured
    def once(self) -> bool:
        """Reads once. Raises Unavailable."""
        now = datetime.now(UTC)
        try:
            waiting = self._backlog.read()
        except Unavailable:
            # Nobody is to take for true what was so before.
            metrics.BACKLOG_RECORDS.clear()
            metrics.BACKLOG_AGE.clear()
            raise
        for one in waiting:
            metrics.BACKLOG_RECORDS.labels(one.topic).set(one.records)
            age = max(0.0, (now - one.oldest).total_seconds()) if one.oldest else 0.0
            if one.oldest or not one.records:
                metrics.BACKLOG_AGE.labels(one.topic).set(age)
        return False


class AuditWatch:
    """Audits what was finished since the last time, and the rows of this hour and the one before."""

    def __init__(self, auditor: Auditor, backlog: KafkaBacklog, every_seconds: float = AUDIT_SECONDS) -> None:
        self._auditor = auditor
        self._backlog = backlog
        self._every = every_seconds
        self._behind: dict[tuple[str, int], int] = {}

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; Kafka and PostgreSQL may be away."""
        repeat("audit", self.once, self._every, stop)
        self._backlog.close()

    @measured
    def once(self) -> bool:
        """Audits once. Raises Unavailable."""
        now = datetime.now(UTC)
        behind = {(one.topic, number): at for one in self._backlog.read() for number, at in one.positions.items()}
        stuck = standing_still(self._behind, behind)
        self._behind = behind
        # A row that waits for nothing stays one: it is told again each time, until somebody has looked.
        for finding in (*self._auditor.lost(), *self._auditor.stranded(now - timedelta(hours=1), now), *stuck):
            metrics.AUDIT_FAULTS.labels(finding.fault).inc()
            log.error("audit", fault=finding.fault, topic=finding.topic, subject=finding.subject)
        for one in self._auditor.hours(now, now):
            for stage in ("accepted", "persisted", "claimed", "taken", "settled"):
                metrics.AUDITED.labels(one.topic, stage).set(getattr(one, stage))
        return False


class RowWatch:
    """Counts what is not settled."""

    def __init__(self, engine: Engine, every_seconds: float = ROWS_SECONDS) -> None:
        self._engine = engine
        self._every = every_seconds

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL may be away."""
        repeat("row watch", self.once, self._every, stop)

    @measured
    def once(self) -> bool:
        """Counts once. Raises Unavailable."""
        with transaction(self._engine) as connection:
            found = count_open_rows(connection)
        for one in found:
            metrics.ROWS.labels(one.state).set(one.rows)
            metrics.ROWS_AGE.labels(one.state).set(one.age_seconds)
        return False
