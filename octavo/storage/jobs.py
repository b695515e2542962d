"""CSV jobs as their services see them: created, found, listed, cancelled."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import Reason
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.allowances import unreserve
from octavo.telemetry.measured import measured

TURN = 500
"""Rows that a reader publishes before it says so: a claimed job may be so far ahead of its row."""
_PROBLEMS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to create. `reserved` is charged to the day already, in the same transaction."""

    id: UUID
    service_id: UUID
    template_id: UUID
    template_version: int
    notification_type: NotificationType
    key_type: KeyType
    content_hash: bytes
    file_name: str
    object_key: str
    etag: str
    size_bytes: int
    encoding: str
    total_rows: int
    refused_rows: int
    reply_to: str
    sms_sender: str
    reserved: int
    reserved_day: date
    send_at: datetime | None
    created_at: datetime


_NAMES = ", ".join(field.name for field in fields(NewJob))
_COLUMNS = f"{_NAMES}, status, published_rows, error, started_at, finished_at"
_INSERT = text(
    f"INSERT INTO jobs ({_NAMES}) VALUES ({', '.join(f':{field.name}' for field in fields(NewJob))}) "  # noqa: S608
    "ON CONFLICT (id) DO NOTHING RETURNING id"
)
_PROBLEMS = text(
    "INSERT INTO job_problems (job_id, row_number, problems) SELECT :job_id, row_number, CAST(problems AS jsonb) "
    "FROM unnest(CAST(:rows AS integer[]), CAST(:problems AS text[])) AS given (row_number, problems) "
    "ON CONFLICT (job_id, row_number) DO NOTHING"
)
_GET = text(f"SELECT {_COLUMNS} FROM jobs WHERE id = :id AND service_id = :service_id")  # noqa: S608 - of constants
_LIST = text(
    f"SELECT {_COLUMNS} FROM jobs WHERE service_id = :service_id "  # noqa: S608 - of constants
    "AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :at_most"
)
_PROBLEMS_OF = text("""
SELECT row_number, problems FROM job_problems
WHERE job_id = :job_id AND row_number > :after AND row_number <= :until ORDER BY row_number LIMIT :at_most
""")
_GUESTS = text("SELECT recipient_hash FROM guests WHERE service_id = :service_id")
# The claim's token stays: its reader learns of the end from it, and says how far it has come.
_CANCEL = text("""
WITH before AS MATERIALIZED (
    SELECT id, reserved, published_rows, claim_token IS NOT NULL AS claimed, status FROM jobs
    WHERE id = :id AND service_id = :service_id AND status <> 'cancelled' FOR UPDATE
)
UPDATE jobs j
SET status = 'cancelled', finished_at = now(), updated_at = now(), error = '',
    reserved = least(b.reserved, b.published_rows + CASE WHEN b.claimed THEN :turn ELSE 0 END)
FROM before b WHERE j.id = b.id
RETURNING j.notification_type, j.reserved_day, b.reserved - j.reserved AS freed
""")


@measured
def create_job(connection: Connection, job: NewJob, problems: Iterable[Sequence[RowProblem]]) -> bool:
    """Writes a job and the problems of its rows, one sequence for each row; False if its id is taken already.

    A job's row is visible to readers when the transaction is committed, and not before.
    """
    if connection.execute(_INSERT, {field.name: getattr(job, field.name) for field in fields(NewJob)}).scalar() is None:
        return False
    add_problems(connection, job.id, problems)
    return True


@measured
def add_problems(connection: Connection, job_id: UUID, problems: Iterable[Sequence[RowProblem]]) -> None:
    """Writes the problems of rows, one sequence for each row. Those that are there already stay."""
    remaining = iter(problems)
    while batch := list(islice(remaining, _PROBLEMS_AT_ONCE)):
        values = {
            "job_id": job_id,
            "rows": [row[0].row for row in batch],
            "problems": [json.dumps([[one.column, one.reason.value] for one in row]) for row in batch],
        }
        connection.execute(_PROBLEMS, values)


@measured
def get_job(connection: Connection, service_id: UUID, job_id: UUID) -> Row[Any] | None:
    """A job of a service; None if the service has no such one."""
    return connection.execute(_GET, {"id": job_id, "service_id": service_id}).one_or_none()


@measured
def list_jobs(connection: Connection, service_id: UUID, before: UUID | None, at_most: int) -> Sequence[Row[Any]]:
    """The jobs of a service whose ids are below `before`, newest first."""
    return connection.execute(_LIST, {"service_id": service_id, "before": before, "at_most": at_most}).all()


@measured
def problems_of(
    connection: Connection, job_id: UUID, after: int = 0, until: int = 2**31 - 1, at_most: int = 1_000
) -> list[tuple[RowProblem, ...]]:
    """The problems of the rows after one and up to another, one tuple for each row, in order."""
    values = {"job_id": job_id, "after": after, "until": until, "at_most": at_most}
    return [
        tuple(RowProblem(row.row_number, column, Reason[reason]) for column, reason in row.problems)
        for row in connection.execute(_PROBLEMS_OF, values)
    ]


@measured
def guest_hashes(connection: Connection, service_id: UUID) -> frozenset[bytes]:
    """The keyed hashes of all guests of a service."""
    return frozenset(map(bytes, connection.execute(_GUESTS, {"service_id": service_id}).scalars()))


@measured
def cancel_job(connection: Connection, service_id: UUID, job_id: UUID) -> bool:
    """Ends a job, and gives the allowance of rows back that were not read. False if the service has none to end."""
    ended = connection.execute(_CANCEL, {"id": job_id, "service_id": service_id, "turn": TURN}).one_or_none()
    if ended is None:
        return False
    if ended.freed > 0:
        unreserve(connection, service_id, NotificationType(ended.notification_type), ended.reserved_day, ended.freed)
    return True
