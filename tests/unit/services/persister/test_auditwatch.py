"""The audit of the watch: what it looks at, and how long it tells what it found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from octavo.audit.findings import Fault, Finding
from octavo.messaging.kafka.published import Pause
from services.persister.auditwatch import AGES, COUNTED_EVERY, AuditWatch

BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Audited:
    """An auditor over rows that are stranded, by when they were accepted; and a clock."""

    def __init__(self, *rows: datetime) -> None:
        self.rows = set(rows)
        self.at = BEGUN
        self.looked: list[tuple[datetime, datetime]] = []
        self.counted: list[datetime] = []
        self.watch = AuditWatch(self, self, lambda: self.at)  # type: ignore[arg-type] # of both what is used

    def after(self, seconds: float) -> float:
        """Audits so much later: how many stranded rows are told."""
        self.at += timedelta(seconds=seconds)
        before = told()
        self.watch.once()
        return told() - before

    def stranded(self, since: datetime, until: datetime) -> list[Finding]:
        self.looked.append((since, until))
        return [Finding(Fault.STRANDED, "", str(one)) for one in self.rows if since <= one < until]

    def still_stranded(self, findings: Sequence[Finding]) -> list[Finding]:
        return [one for one in findings if datetime.fromisoformat(one.subject) in self.rows]

    def hours(self, _since: datetime, until: datetime) -> Sequence[Any]:
        self.counted.append(until)
        return ()

    def lost(self, _pause: Pause) -> list[Finding]:
        return []

    def read(self) -> Sequence[Any]:
        return ()


def told() -> float:
    return REGISTRY.get_sample_value("notifications_audit_faults_total", {"fault": "stranded"}) or 0.0


# The first audit makes metrics, which takes its time.
@settings(deadline=None)
@given(st.lists(st.floats(1, 7_200), max_size=8))
def test_each_moment_is_looked_at_once_at_each_age(waits):
    audited = Audited()
    audited.after(0)
    for wait in waits:
        audited.after(wait)
    first, later = audited.looked[0], audited.looked[1:]
    assert first == (BEGUN - AGES[-1], BEGUN)
    for place, age in enumerate(AGES):
        windows = later[place :: len(AGES)]
        ends = [BEGUN - age, *(until for _, until in windows)]
        assert [since for since, _ in windows] == ends[:-1]
        assert ends[-1] == audited.at - age


def test_a_stranded_row_is_told_each_time_until_somebody_has_looked():
    accepted = BEGUN + timedelta(seconds=30)
    audited = Audited(accepted)
    audited.after(0)
    assert [audited.after(60) for _ in range(4)] == [0, 1, 1, 1]
    assert audited.after(7_200) == 1
    audited.rows.clear()
    assert audited.after(60) == 0


def test_a_row_that_is_stranded_late_is_found_too():
    audited = Audited()
    for _ in range(30):
        audited.after(60)
    audited.rows.add(BEGUN)
    assert audited.after(60) == 0
    assert audited.after(3_600) == 1


def test_the_hour_is_counted_now_and_then():
    audited = Audited()
    for _ in range(25):
        audited.after(60)
    assert audited.counted == [BEGUN + timedelta(minutes=1) + number * COUNTED_EVERY for number in range(3)]
