"""The notifications of CSV jobs: counted from the history, cancelled in batches, reported row by row.

A job's rows have ids of the job's millisecond, in the order of the rows: they are found as a range of ids of their service.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from octavo.domain.ids import first_id_at, time_of
from octavo.domain.notification import Status
from octavo.storage.lookups import MOST_SEALED_BYTES
from octavo.telemetry.measured import measured

_MILLISECOND = timedelta(milliseconds=1)
_COUNTS = text("""
SELECT j.id, c.status, c.many
FROM unnest(CAST(:ids AS uuid[]), CAST(:firsts AS uuid[]), CAST(:ends AS uuid[])) AS j (id, first, beyond)
CROSS JOIN LATERAL (
    SELECT h.status, count(*) AS many FROM notification_history h
    WHERE h.service_id = :service_id AND h.id >= j.first AND h.id < j.beyond AND h.job_id = j.id
    GROUP BY h.status
) c
""")
_REPORT = text("""
SELECT * FROM (
    SELECT h.*, n.sealed, count(*) OVER () AS candidates,
           sum(coalesce(octet_length(n.sealed), 0)) OVER (ORDER BY h.id) - coalesce(octet_length(n.sealed), 0) AS before
    FROM (
        SELECT h.id, h.job_row, h.status, h.status_reason, h.sent_at, h.completed_at FROM notification_history h
        WHERE h.service_id = :service_id AND h.id > :after AND h.id < :beyond AND h.job_id = :job_id
        ORDER BY h.id LIMIT :at_most
    ) h
    LEFT JOIN notifications n ON n.id = h.id AND n.id > :after AND n.id < :beyond
) page
-- The length of what is sealed is known without reading it: what does not fit is not read at all.
WHERE before < :most_bytes ORDER BY id
""")
# Compare and set, as for a single one: what a worker has claimed goes its way.
_CANCEL = text("""
WITH picked AS MATERIALIZED (
    SELECT n.id FROM notifications n
    WHERE n.job_id = :job_id AND n.job_row > :after AND n.id >= :first AND n.id < :beyond
      AND n.status IN ('scheduled', 'created') AND n.claim_token IS NULL
    ORDER BY n.job_row LIMIT :at_most FOR UPDATE SKIP LOCKED
), changed AS (
    UPDATE notifications n
    SET status = 'cancelled', next_attempt_at = NULL, completed_at = now(), updated_at = now()
    FROM picked p WHERE n.id = p.id AND n.id >= :first AND n.id < :beyond
    RETURNING n.id, n.service_id, n.job_row
), remembered AS (
    UPDATE notification_history h SET status = 'cancelled', completed_at = now(), updated_at = now()
    FROM changed c WHERE h.id = c.id AND h.id >= :first AND h.id < :beyond
), moved AS (
    INSERT INTO notification_moves (notification_id, service_id, status) SELECT id, service_id, 'cancelled' FROM changed
)
SELECT max(job_row) FROM changed
""")
_CANCELLED_LATELY = text(
    "SELECT id FROM jobs WHERE status = 'cancelled' AND finished_at > now() - CAST(:within AS interval)"
)


@measured
def count_job_rows(connection: Connection, service_id: UUID, job_ids: Sequence[UUID]) -> dict[UUID, dict[Status, int]]:
    """How many notifications of each job have which status."""
    counts: dict[UUID, dict[Status, int]] = {job_id: {} for job_id in job_ids}
    values = {
        "service_id": service_id,
        "ids": [str(one) for one in job_ids],
        "firsts": [str(_first(one)) for one in job_ids],
        "ends": [str(_beyond(one)) for one in job_ids],
    }
    for row in connection.execute(_COUNTS, values):
        counts[row.id][Status(row.status)] = row.many
    return counts


@measured
def report_rows(
    connection: Connection, service_id: UUID, job_id: UUID, after: UUID | None, at_most: int
) -> Sequence[Row[Any]]:
    """The notifications of a job that follow one of them, in the order of its rows.

    A page ends early once what is sealed comes to megabytes; `candidates` on each row is how many rows it would have had.
    """
    values = {
        "service_id": service_id,
        "job_id": job_id,
        "after": after or _first(job_id),
        "beyond": _beyond(job_id),
        "at_most": at_most,
        "most_bytes": MOST_SEALED_BYTES,
    }
    return connection.execute(_REPORT, values).all()


@measured
def cancel_job_rows(connection: Connection, job_id: UUID, after: int = 0, at_most: int = 1_000) -> int | None:
    """Cancels notifications of rows after this one that no worker has taken; the last such row, None if there was none."""
    values = {
        "job_id": job_id,
        "after": after,
        "first": _first(job_id),
        "beyond": _beyond(job_id),
        "at_most": at_most,
    }
    return connection.execute(_CANCEL, values).scalar()


@measured
def cancelled_lately(connection: Connection, within: timedelta) -> Sequence[UUID]:
    """The jobs that were cancelled so short ago that rows of theirs may still arrive."""
    return connection.execute(_CANCELLED_LATELY, {"within": within}).scalars().all()


def _first(job_id: UUID) -> UUID:
    return first_id_at(time_of(job_id))


def _beyond(job_id: UUID) -> UUID:
    return first_id_at(time_of(job_id) + _MILLISECOND)
