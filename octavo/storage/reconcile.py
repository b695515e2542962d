"""What the audit asks of the database: how far the notifications of an hour came, and which of them nobody will take up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.ids import first_id_at
from octavo.domain.notification import FINAL, NotificationType
from octavo.storage.columns import texts
from octavo.telemetry.measured import measured
from octavo.topics import lane_of

_STAGES = text("""
SELECT notification_type, job_id IS NOT NULL AS in_job, count(*) AS persisted,
       count(*) FILTER (WHERE attempts > 0) AS claimed,
       count(*) FILTER (WHERE sent_at IS NOT NULL) AS taken,
       count(*) FILTER (WHERE status = ANY(:final)) AS settled
FROM notification_history WHERE id >= :first AND id < :last
GROUP BY 1, 2 ORDER BY 1, 2
""")
_THERE = text("SELECT id FROM notification_history WHERE id = ANY(CAST(:ids AS uuid[]))")
# Neither due, nor claimed, nor with a provider: nothing that runs would ever find it.
_WAITS_FOR_NOTHING = "status IN ('created', 'scheduled') AND next_attempt_at IS NULL AND claim_expires_at IS NULL"
_STRANDED = text(f"""
SELECT id FROM notifications WHERE id >= :first AND id < :last AND {_WAITS_FOR_NOTHING} ORDER BY id LIMIT :at_most
""")  # noqa: S608 - of a constant
_STILL_STRANDED = text(f"""
SELECT id FROM notifications WHERE id = ANY(CAST(:ids AS uuid[])) AND {_WAITS_FOR_NOTHING} ORDER BY id
""")  # noqa: S608 - of a constant

_RESENDABLE = text("""
SELECT h.id FROM notification_history h JOIN services s ON s.id = h.service_id
WHERE h.id = ANY(CAST(:ids AS uuid[])) AND h.attempts > 1 AND s.unconfirmed_policy = 'RESEND'
""")


@dataclass(frozen=True, slots=True)
class Stages:
    """How many notifications of a lane came how far. `topic` is the lane's first one; `taken` is what providers took."""

    topic: str
    persisted: int
    claimed: int
    taken: int
    settled: int


@measured
def count_stages(connection: Connection, hour: datetime) -> Sequence[Stages]:
    """One for each lane that has notifications of the hour."""
    between = _between(hour, hour + timedelta(hours=1))
    rows = connection.execute(_STAGES, between | {"final": [status.value for status in FINAL]})
    return [
        Stages(
            lane_of(NotificationType(row.notification_type), in_job=row.in_job).persist.name,
            row.persisted,
            row.claimed,
            row.taken,
            row.settled,
        )
        for row in rows
    ]


@measured
def find_persisted(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that the history knows."""
    return set(connection.execute(_THERE, {"ids": texts(ids)}).scalars())


@measured
def find_resendable(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that had several attempts, and whose service wants unconfirmed sends to be repeated."""
    return set(connection.execute(_RESENDABLE, {"ids": texts(ids)}).scalars())


@measured
def find_stranded(connection: Connection, since: datetime, until: datetime, at_most: int = 1_000) -> Sequence[UUID]:
    """Notifications of this time that wait for nothing: none, unless something was lost. The cost grows with all of that time."""
    return connection.execute(_STRANDED, _between(since, until) | {"at_most": at_most}).scalars().all()


@measured
def find_still_stranded(connection: Connection, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Those of the ids that wait for nothing."""
    return connection.execute(_STILL_STRANDED, {"ids": texts(ids)}).scalars().all()


def _between(since: datetime, until: datetime) -> dict[str, str]:
    return {"first": str(first_id_at(since)), "last": str(first_id_at(until))}
