"""Ending a job: no row is read any more, and what no worker has taken is cancelled."""

from uuid import UUID

from sqlalchemy import Connection

from octavo.domain.errors import FailedPrecondition, Reason
from octavo.storage.directory import Service
from octavo.storage.jobrows import cancel_job_rows, count_job_rows
from octavo.storage.jobs import cancel_job, get_job
from octavo.telemetry.measured import measured
from services.api.fields import read_id
from services.api.jobs.view import no_such_job, settled
from services.api.transactions import Transactions


class JobCancel:
    """Ends jobs."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @measured
    async def cancel(self, job_id: str, service: Service) -> None:
        """Ends the job; harmless to repeat. What is cut short here, the sweeps of the job reader go on with.

        Raises NotFound if the service has no such job, FailedPrecondition if all of it is settled.
        """
        wanted = read_id("id", job_id)
        await self._transactions.run(lambda connection: _end(connection, service.id, wanted))
        after: int | None = 0
        while after is not None:
            after = await self._transactions.run(lambda connection, row=after: cancel_job_rows(connection, wanted, row))  # type: ignore[misc]


def _end(connection: Connection, service_id: UUID, job_id: UUID) -> None:
    row = get_job(connection, service_id, job_id)
    if row is None:
        raise no_such_job()
    if row.status == "read" and settled(row.published_rows, count_job_rows(connection, service_id, [job_id])[job_id]):
        raise FailedPrecondition(Reason.NOT_CANCELLABLE, "all messages of the job are settled", field="id")
    cancel_job(connection, service_id, job_id)
