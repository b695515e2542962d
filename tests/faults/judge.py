"""The judge: what the ledgers say about each invariant of Octavo. Pure: it looks at evidence, and at nothing else."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from octavo.domain.notification import FINAL, MOVES, SETTLES, Status
from tests.faults.evidence import Evidence, Place, Position, Quota, Row

STUCK_SECONDS = 60.0
"""How long a partition with a lag may stand still."""
QUOTA_SECONDS = 3.0
"""How soon the whole limit can be used once nobody else holds a part of it."""
MOST_MEGABYTES = 250.0
"""How much memory a process may have, whatever happens around it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one invariant: how many things were looked at, and those that violate it."""

    invariant: str
    title: str
    checks: int
    violations: tuple[str, ...]
    figures: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing violates it."""
        return not self.violations


def judge(evidence: Evidence) -> list[Verdict]:
    """A verdict on every invariant, in their order."""
    return [look(evidence) for look in INVARIANTS]


def _settled(row: Row) -> bool:
    return Status(row.status) in FINAL


def lost(evidence: Evidence) -> Verdict:
    """I1: what was acknowledged, or persisted without it, ends in a final status or is listed as unconfirmed."""
    rows = {row.id: row for row in evidence.rows}
    wanted = {one.id for one in evidence.acknowledged} | set(rows)
    found = []
    for one in sorted(wanted):
        row = rows.get(one)
        if row is None:
            found.append(f"{one} was acknowledged and is nowhere")
        elif not _settled(row) and not row.unconfirmed:
            found.append(f"{one} is still {row.status} ({row.reason})")
        elif not row.in_history:
            found.append(f"{one} is not in the history")
    return Verdict("I1", "lost", len(wanted), tuple(found), f"{len(evidence.acknowledged)} acknowledged")


def duplicate_rows(evidence: Evidence) -> Verdict:
    """I2: one row for each (service, request_id), and for each (job, row)."""
    ids_of: dict[str, set[str]] = defaultdict(set)
    for one in evidence.acknowledged:
        ids_of[one.request_id].add(one.id)
    found = [f"request_id {one} has {len(ids)} ids" for one, ids in sorted(ids_of.items()) if len(ids) > 1]
    asked = {one.id: one.request_id for one in evidence.attempted.values()}
    keys = Counter(
        ("job", row.job_id, row.job_row) if row.job_id else (row.service_id, asked.get(row.id, row.id), None)
        for row in evidence.rows
    )
    found += [f"{key} has {count} rows" for key, count in sorted(keys.items(), key=str) if count > 1]
    return Verdict("I2", "duplicate rows", len(keys), tuple(found))


def double_sends(evidence: Evidence) -> Verdict:
    """I3: no provider accepted a reference twice."""
    accepts = Counter(evidence.accepted)
    found = [f"{one} was accepted {count} times" for one, count in sorted(accepts.items()) for _ in range(count - 1)]
    return Verdict("I3", "double sends", len(accepts), tuple(found), f"{len(evidence.accepted)} accepts")


def unconfirmed(evidence: Evidence) -> Verdict:
    """I4: ambiguous sends are bounded by what crashed and what the provider left open, and each is listed."""
    bound = evidence.crashes * evidence.in_flight + evidence.ambiguous
    why = {row.id: "; ".join((*row.reasons, row.reason)) for row in evidence.rows}
    found = [
        f"{one} exceeds the bound of {bound}: {why.get(one, 'no row')}" for one in sorted(evidence.unconfirmed)[bound:]
    ]
    sent = set(evidence.accepted)
    found += [
        f"{row.id} was accepted by a provider, and nobody lists it"
        for row in evidence.rows
        if row.id in sent and row.status in {Status.CREATED, Status.SCHEDULED} and not row.unconfirmed
    ]
    return Verdict(
        "I4", "unconfirmed", len(sent), tuple(found), f"{len(evidence.unconfirmed)} of at most {bound} were unconfirmed"
    )


def phantoms(evidence: Evidence) -> Verdict:
    """I5: nothing reached a provider, or the database, that no client asked for."""
    known = set(evidence.attempted)
    found = [f"{one} was sent, and nobody asked for it" for one in sorted(set(evidence.accepted) - known)]
    found += [f"{one} is a row, and nobody asked for it" for one in sorted({row.id for row in evidence.rows} - known)]
    return Verdict("I5", "phantoms", len(evidence.accepted) + len(evidence.rows), tuple(found))


def receipts(evidence: Evidence) -> Verdict:
    """I6: whatever the order and number of receipts, the recipient alone decides the final status; moves are listed ones."""
    found = []
    checked = 0
    for row in evidence.rows:
        attempt = evidence.attempted.get(row.id)
        for before, after in pairwise(map(Status, row.moves)):
            # Receipts may skip steps whose receipts come late or never.
            if after not in MOVES[before] and after not in SETTLES[before]:
                found.append(f"{row.id} moved from {before} to {after}")
        if row.moves and row.moves[-1] != row.status:
            found.append(f"{row.id} is {row.status}, and its last move led to {row.moves[-1]}")
        if attempt is None or not _settled(row) or _given_up(row):
            continue
        checked += 1
        if row.status != attempt.expected:
            found.append(f"{row.id} ended as {row.status} ({row.reason}) instead of {attempt.expected}")
    return Verdict("I6", "receipts", checked, tuple(found))


def _given_up(row: Row) -> bool:
    """Whether no receipt was to come: what was never accepted, or not known to be, can't end as its recipient says."""
    return row.status == Status.TECHNICAL_FAILURE


def job_rows(evidence: Evidence) -> Verdict:
    """I7: the rows of a CSV file are notifications, or refused with a reason."""
    made = Counter(row.job_id for row in evidence.rows if row.job_id)
    found = [
        f"job {job.id} has {job.rows} rows, {made[job.id]} notifications and {job.refused} refused"
        for job in evidence.jobs
        if job.rows != made[job.id] + job.refused
    ]
    figures = f"{sum(job.rows for job in evidence.jobs)} rows" if evidence.jobs else ""
    return Verdict("I7", "rows of jobs", len(evidence.jobs), tuple(found), figures)


def offsets(evidence: Evidence) -> Verdict:
    """I8: nothing is committed beyond a record that was not finished."""
    found = [
        f"{one.place} is committed to {one.committed}, and {one.lowest_unfinished} is not finished"
        for one in evidence.offsets
        if one.lowest_unfinished is not None and one.committed > one.lowest_unfinished
    ]
    return Verdict("I8", "offsets", len(evidence.offsets), tuple(found))


def stuck(evidence: Evidence) -> Verdict:
    """I9: no partition has a lag and stands still for long, but for the time in which something was broken on purpose."""
    series: dict[Place, list[Position]] = defaultdict(list)
    for position in evidence.positions:
        series[position.place].append(position)
    longest = {place: max(_still(seen, evidence.faults), default=0.0) for place, seen in series.items()}
    found = [
        f"{place} stood still for {time:.0f} s with a lag" for place, time in longest.items() if time > STUCK_SECONDS
    ]
    return Verdict(
        "I9", "stuck", len(series), tuple(found), f"{max(longest.values(), default=0.0):.0f} s at most behind and still"
    )


def _still(seen: Iterable[Position], faults: Sequence[tuple[float, float]]) -> Iterator[float]:
    """How long each stand of a lagging partition took, without the time of faults."""
    since: Position | None = None
    for position in sorted(seen, key=lambda one: one.at):
        if position.committed >= position.end:
            since = None
        elif since is None or position.committed != since.committed:
            since = position
        else:
            overlaps = (min(end, position.at) - max(start, since.at) for start, end in faults)
            yield position.at - since.at - sum(max(0.0, overlap) for overlap in overlaps)


def quotas(evidence: Evidence) -> Verdict:
    """I10: never more than the limit is accepted, and all of it when demand exceeds it."""
    found = [problem for quota in evidence.quotas for problem in _quota(quota)]
    figures = ", ".join(f"{one.accepted} of {one.limit}" for one in evidence.quotas)
    return Verdict("I10", "quota", len(evidence.quotas), tuple(found), figures)


def _quota(quota: Quota) -> Iterator[str]:
    if quota.accepted > quota.limit:
        yield f"{quota.service} had {quota.accepted} accepted of {quota.limit}"
    if quota.exceeded and quota.accepted < quota.limit:
        yield f"{quota.service} had only {quota.accepted} accepted of {quota.limit}"
    elif quota.exceeded and (quota.reached_in is None or quota.reached_in > QUOTA_SECONDS):
        yield f"{quota.service} reached its limit after {quota.reached_in} s"


def memory(evidence: Evidence) -> Verdict:
    """Beside the invariants: the memory of every process is bounded, whatever stands still."""
    found = [f"{name} had {size:.0f} MB" for name, size in sorted(evidence.megabytes.items()) if size > MOST_MEGABYTES]
    figures = f"{max(evidence.megabytes.values()):.0f} MB at most" if evidence.megabytes else ""
    return Verdict("MB", "memory", len(evidence.megabytes), tuple(found), figures)


INVARIANTS: tuple[Callable[[Evidence], Verdict], ...] = (
    lost, duplicate_rows, double_sends, unconfirmed, phantoms, receipts, job_rows, offsets, stuck, quotas, memory,
)  # fmt: skip
"""Every invariant, in the order of their numbers."""
