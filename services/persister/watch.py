"""The watch: tells operators what waits, on Kafka and in PostgreSQL, whoever stands still."""

from datetime import UTC, datetime
from threading import Event

from sqlalchemy import Engine

from octavo.domain.errors import Unavailable
from octavo.messaging.kafka import KafkaBacklog
from octavo.process import repeat
from octavo.storage.errors import transaction
from octavo.storage.open_rows import count_open_rows
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured

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
