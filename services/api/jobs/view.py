"""Jobs as their services see them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from octavo.crypto import Hasher
from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import Invalid, NotFound, Reason
from octavo.domain.notification import FINAL, KeyType, NotificationType, Status
from octavo.storage.columns import KEY_TYPE, STATUS, TYPE
from octavo.storage.directory import Service
from octavo.storage.jobrows import count_job_rows
from octavo.storage.jobs import get_job, list_jobs, problems_of
from octavo.v1 import job_service_pb2 as pb
from services.api.fields import read_id, written_time
from services.api.page_token import PageTokens
from services.api.transactions import Transactions

MOST_PROBLEMS = 1_000
DEFAULT_PAGE = 20
MOST_ON_PAGE = 50
"""Each job of a page has its rows counted."""

STATUSES = {
    "ready": pb.JOB_STATUS_READY,
    "reading": pb.JOB_STATUS_READING,
    "stopped": pb.JOB_STATUS_STOPPED,
    "read": pb.JOB_STATUS_SENDING,
    "cancelled": pb.JOB_STATUS_CANCELLED,
}

Counts = Mapping[Status, int]


class JobView:
    """Finds jobs of a service, and counts their notifications."""

    def __init__(self, transactions: Transactions, hasher: Hasher) -> None:
        self._transactions = transactions
        self._tokens = PageTokens(hasher)

    async def get(self, service: Service, job_id: str, *, problems: bool = False) -> pb.Job:
        """A job, with its first problems if they are wanted. Raises NotFound if the service has no such one."""
        wanted = read_id("id", job_id)

        def find(connection: Connection) -> pb.Job:
            row = get_job(connection, service.id, wanted)
            if row is None:
                raise no_such_job()
            counts = count_job_rows(connection, service.id, [wanted])[wanted]
            return shown(row, counts, problems_of(connection, wanted) if problems else ())

        return await self._transactions.run(find)

    async def list(self, request: pb.ListJobsRequest, service: Service) -> pb.ListJobsResponse:
        """A page, newest first. Raises Invalid that names the field which can't be read."""
        if request.page_size < 0:
            raise Invalid.of("page_size", Reason.INVALID_PAGE_SIZE, "page_size must not be negative")
        size = min(request.page_size or DEFAULT_PAGE, MOST_ON_PAGE)
        before = self._tokens.read(service.id, request)

        def find(connection: Connection) -> tuple[Sequence[Row[Any]], Mapping[UUID, Counts]]:
            # One more than the page holds tells whether there is another page.
            rows = list_jobs(connection, service.id, before, size + 1)
            return rows, count_job_rows(connection, service.id, [row.id for row in rows[:size]])

        rows, counts = await self._transactions.run(find)
        page = rows[:size]
        return pb.ListJobsResponse(
            jobs=[shown(row, counts[row.id]) for row in page],
            next_page_token=self._tokens.write(service.id, request, page[-1].id) if len(rows) > size else "",
        )


def shown(job: Any, counts: Counts, problems: Sequence[Sequence[RowProblem]] = ()) -> pb.Job:
    """The job of a row."""
    status = STATUSES[job.status]
    if status == pb.JOB_STATUS_SENDING and settled(job.published_rows, counts):
        status = pb.JOB_STATUS_FINISHED
    return pb.Job(
        id=str(job.id),
        service_id=str(job.service_id),
        template_id=str(job.template_id),
        template_version=job.template_version,
        type=TYPE[NotificationType(job.notification_type)],
        key_type=KEY_TYPE[KeyType(job.key_type)],
        status=status,
        file_name=job.file_name,
        file=pb.CsvFile(object_key=job.object_key, etag=job.etag, size_bytes=job.size_bytes),
        total_rows=job.total_rows,
        refused_rows=job.refused_rows,
        sent_rows=job.published_rows,
        counts=[pb.StatusCount(status=STATUS[one], count=counts[one]) for one in Status if counts.get(one)],
        error=job.error,
        send_at=written_time(job.send_at),
        created_at=written_time(job.created_at),
        started_at=written_time(job.started_at),
        finished_at=written_time(job.finished_at),
        problems=told(problems),
        reply_to=job.reply_to,
        sms_sender=job.sms_sender,
    )


def settled(published: int, counts: Counts) -> bool:
    """Whether every row that was handed over has a notification in a final status."""
    final = sum(count for status, count in counts.items() if status in FINAL)
    return final >= max(published, sum(counts.values()))


def told(problems: Sequence[Sequence[RowProblem]]) -> list[pb.RowProblem]:
    """The first problems."""
    flat = (problem for row in problems[:MOST_PROBLEMS] for problem in row)
    return [
        pb.RowProblem(row=one.row, column=one.column, reason=one.reason.value, description=one.reason.meaning)
        for one, _ in zip(flat, range(MOST_PROBLEMS), strict=False)
    ]


def no_such_job() -> NotFound:
    """The one answer for a job that does not exist and for another service's."""
    return NotFound("job", field="id", reason=Reason.UNKNOWN_JOB)
