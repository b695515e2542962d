"""The audit of the watch: every minute what was new in it, gently, as others work beside it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import structlog

from octavo.audit.auditor import Auditor
from octavo.audit.findings import Finding, behind, standing_still
from octavo.messaging.kafka import KafkaBacklog
from octavo.messaging.kafka.published import Pause, go_on
from octavo.process import repeat
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured

log = structlog.get_logger()

EVERY_SECONDS = 60.0
AGES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""How old rows are when they are looked at: the cost grows with what was accepted, not with what there is."""
COUNTED_EVERY = timedelta(minutes=10)
"""How often the notifications of the hour are counted, which reads all of them."""


class AuditWatch:
    """Audits what was finished since the last time, and the rows that came of age."""

    def __init__(
        self, auditor: Auditor, backlog: KafkaBacklog, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._auditor = auditor
        self._backlog = backlog
        self._now = now
        self._behind: Mapping[tuple[str, int], int] = {}
        self._looked: datetime | None = None
        self._stranded: list[Finding] = []
        self._counted: datetime | None = None

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; Kafka and PostgreSQL may be away."""
        repeat("audit", partial(self.once, stop.wait), EVERY_SECONDS, stop)
        self._backlog.close()

    @measured
    def once(self, pause: Pause = go_on) -> bool:
        """Audits once. Raises Unavailable."""
        now = self._now()
        before, self._behind = self._behind, behind(self._backlog.read())
        stuck = standing_still(before, self._behind)
        self._look(now)
        # A row that waits for nothing stays one: it is told again each time, until somebody has looked.
        for finding in (*self._auditor.lost(pause), *self._stranded, *stuck):
            metrics.AUDIT_FAULTS.labels(finding.fault).inc()
            log.error("audit", fault=finding.fault, topic=finding.topic, subject=finding.subject)
        if self._counted is None or now - self._counted >= COUNTED_EVERY:
            self._count(now)
            self._counted = now
        return False

    def _look(self, now: datetime) -> None:
        """Looks for rows that wait for nothing."""
        found = self._auditor.still_stranded(self._stranded)
        for since, until in self._windows(now):
            found += self._auditor.stranded(since, until)
        self._stranded = sorted(set(found), key=lambda one: one.subject)
        self._looked = now

    def _windows(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        if self._looked is None:
            yield now - AGES[-1], now
            return
        for age in AGES:
            yield self._looked - age, now - age

    def _count(self, now: datetime) -> None:
        for one in self._auditor.hours(now, now):
            for stage in ("accepted", "persisted", "claimed", "taken", "settled"):
                metrics.AUDITED.labels(one.topic, stage).set(getattr(one, stage))
