"""CSV jobs as their readers see them: claimed with a lease, read on turn by turn, put back, finished.

A reader that dies leaves its claim, which runs out; whoever claims the job next goes on where Kafka's acknowledgement was noted.
Each statement sets what the reader knows, so that repeating it after a lost answer changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.csvfile import RowProblem
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.allowances import unreserve
from octavo.storage.columns import texts
from octavo.storage.jobs import add_problems
from octavo.telemetry.measured import measured

LEASE = timedelta(seconds=30)
"""How long a claim holds without a sign of life: longer than a turn, with the wait for a Kafka that does not answer."""
UPLOADS = "/uploads/"
"""What follows the service's id in the keys of uploaded files."""

_WAITING = (
    "status IN ('ready', 'reading', 'stopped') AND next_try_at <= now() "
    "AND (claim_expires_at IS NULL OR claim_expires_at < now()) AND id <> ALL(CAST(:open AS uuid[]))"
)
# What waits longest comes first, so that every job gets its turns however large the others are.
_CLAIM = text(f"""
WITH picked AS MATERIALIZED (
    SELECT id FROM jobs WHERE {_WAITING} ORDER BY next_try_at, id LIMIT :at_most FOR UPDATE SKIP LOCKED
)
UPDATE jobs j
SET claim_token = :token, claim_expires_at = now() + :lease, started_at = coalesce(j.started_at, now()),
    status = CASE WHEN j.status = 'ready' THEN 'reading' ELSE j.status END, updated_at = now()
FROM picked p WHERE j.id = p.id
RETURNING j.id, j.service_id, j.template_id, j.template_version, j.notification_type, j.key_type, j.object_key, j.etag,
          j.size_bytes, j.encoding, j.total_rows, j.refused_rows, j.published_rows, j.next_row, j.reply_to, j.sms_sender,
          j.failures, j.send_at, j.created_at
""")  # noqa: S608 - of constants
_ANY_WAITING = text(f"SELECT EXISTS (SELECT FROM jobs WHERE {_WAITING})")  # noqa: S608 - of constants
_REFUSED = text(
    "SELECT row_number FROM job_problems WHERE job_id = :id AND row_number >= :from_row AND row_number < :before_row"
)
_ADVANCE = text("""
UPDATE jobs
SET next_row = :next_row, published_rows = :published, refused_rows = :refused, failures = 0, error = '',
    status = CASE WHEN status = 'cancelled' THEN status ELSE 'reading' END,
    claim_expires_at = now() + :lease, updated_at = now()
WHERE id = :id AND claim_token = :token AND next_row <= :next_row
RETURNING status
""")
_FINISH = text("""
WITH before AS MATERIALIZED (SELECT id, reserved FROM jobs WHERE id = :id AND claim_token = :token FOR UPDATE)
UPDATE jobs j
SET status = 'read', finished_at = now(), claim_token = NULL, claim_expires_at = NULL, updated_at = now(), error = '',
    reserved = least(b.reserved, j.published_rows)
FROM before b WHERE j.id = b.id AND j.status IN ('reading', 'stopped')
RETURNING j.service_id, j.notification_type, j.reserved_day, b.reserved - j.reserved AS freed
""")
_PUT_BACK = text("""
UPDATE jobs
SET claim_token = NULL, claim_expires_at = NULL, next_try_at = now() + :wait, failures = :failures, updated_at = now(),
    status = CASE WHEN status IN ('cancelled', 'read') THEN status WHEN :error <> '' THEN 'stopped' ELSE status END,
    error = CASE WHEN status IN ('cancelled', 'read') THEN error ELSE :error END
WHERE id = :id AND claim_token = :token
""")
# Only what UploadCsv stored, and only if no other job still reads it or may have it read.
_TO_ERASE = text("""
SELECT DISTINCT j.object_key FROM jobs j JOIN services s ON s.id = j.service_id
WHERE j.finished_at < now() - make_interval(days => s.retention_days) AND j.file_erased_at IS NULL
  AND starts_with(j.object_key, j.service_id || :uploads)
  AND NOT EXISTS (
      SELECT FROM jobs other WHERE other.service_id = j.service_id AND other.object_key = j.object_key
        AND (other.finished_at IS NULL OR other.finished_at >= now() - make_interval(days => s.retention_days)))
LIMIT :at_most
""")
_ERASED = text(
    "UPDATE jobs SET file_erased_at = now() WHERE object_key = ANY(:keys) AND finished_at IS NOT NULL "
    "AND file_erased_at IS NULL"
)
_NAMED = text("SELECT DISTINCT object_key FROM jobs WHERE service_id = :service_id AND object_key = ANY(:keys)")
_NEXT_SERVICE = text("SELECT id FROM services WHERE id > :after ORDER BY id LIMIT 1")


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that is this reader's as long as its token is in the job's row."""

    token: UUID
    id: UUID
    service_id: UUID
    template_id: UUID
    template_version: int
    notification_type: NotificationType
    key_type: KeyType
    object_key: str
    etag: str
    size_bytes: int
    encoding: str
    total_rows: int
    refused_rows: int
    published_rows: int
    next_row: int
    reply_to: str
    sms_sender: str
    failures: int
    send_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: rows before `next_row` are done, so many of them published, so many refused."""

    next_row: int
    published: int
    refused: int


@measured
def claim_jobs(
    connection: Connection, token: UUID, at_most: int, lease: timedelta = LEASE, *, but: Collection[UUID] = ()
) -> list[ClaimedJob]:
    """Takes jobs that wait for a reader, those that wait longest first.

    `but` names those that the reader has open: while Kafka is away their leases run out.
    """
    rows = connection.execute(_CLAIM, {"token": token, "at_most": at_most, "lease": lease, "open": texts(but)})
    return [
        ClaimedJob(
            **dict(row._mapping)  # noqa: SLF001 - its public name
            | {
                "token": token,
                "notification_type": NotificationType(row.notification_type),
                "key_type": KeyType(row.key_type),
            }
        )
        for row in rows
    ]


@measured
def any_job_waits(connection: Connection, but: Collection[UUID] = ()) -> bool:
    """Whether there is a job that nobody reads, but for those that the reader has open."""
    return bool(connection.execute(_ANY_WAITING, {"open": texts(but)}).scalar())


@measured
def refused_rows(connection: Connection, job_id: UUID, from_row: int, before_row: int) -> frozenset[int]:
    """Which rows of a range were refused when the job was created, or since."""
    values = {"id": job_id, "from_row": from_row, "before_row": before_row}
    return frozenset(connection.execute(_REFUSED, values).scalars())


@measured
def advance_job(
    connection: Connection,
    job: ClaimedJob,
    progress: Progress,
    problems: Sequence[Sequence[RowProblem]] = (),
    lease: timedelta = LEASE,
) -> bool:
    """Notes what Kafka acknowledged, and the rows refused on the way; whether the reader is to go on.

    False if the job was cancelled, or is another reader's by now.
    """
    values = {
        "id": job.id,
        "token": job.token,
        "next_row": progress.next_row,
        "published": progress.published,
        "refused": progress.refused,
        "lease": lease,
    }
    status = connection.execute(_ADVANCE, values).scalar()
    if status is not None:
        # What is another reader's by now, that one tells of.
        add_problems(connection, job.id, problems)
    return status == "reading"


@measured
def finish_job(connection: Connection, job: ClaimedJob) -> bool:
    """Says that all rows are read, and gives the allowance of those back that were refused on the way; False as above."""
    done = connection.execute(_FINISH, {"id": job.id, "token": job.token}).one_or_none()
    if done is None:
        return False
    if done.freed > 0:
        unreserve(connection, done.service_id, NotificationType(done.notification_type), done.reserved_day, done.freed)
    return True


@measured
def put_job_back(
    connection: Connection, job: ClaimedJob, *, wait: timedelta = timedelta(0), failures: int = 0, error: str = ""
) -> None:
    """Lets another reader, or a later turn, go on after the wait. With an error the job counts as stopped until then."""
    values = {"id": job.id, "token": job.token, "wait": wait, "failures": failures, "error": error}
    connection.execute(_PUT_BACK, values)


@measured
def files_to_erase(connection: Connection, at_most: int) -> Sequence[str]:
    """Keys of uploaded files whose jobs all ended longer ago than their service's retention."""
    return connection.execute(_TO_ERASE, {"uploads": UPLOADS, "at_most": at_most}).scalars().all()


@measured
def note_erased(connection: Connection, keys: Sequence[str]) -> None:
    """Says that these files are gone."""
    connection.execute(_ERASED, {"keys": list(keys)})


@measured
def named_files(connection: Connection, service_id: UUID, keys: Sequence[str]) -> frozenset[str]:
    """Those of the files that a job of the service names, however it ended."""
    return frozenset(connection.execute(_NAMED, {"service_id": service_id, "keys": list(keys)}).scalars())


@measured
def next_service(connection: Connection, after: UUID) -> UUID | None:
    """The service that follows in the order of ids; None after the last."""
    found: UUID | None = connection.execute(_NEXT_SERVICE, {"after": after}).scalar()
    return found
