"""The report of a job: CSV with a line for each row, in their order, page by page."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row

from octavo.crypto import Sealer
from octavo.domain.csvfile import RowProblem, escape_cell
from octavo.domain.errors import Malformed
from octavo.storage.directory import Service
from octavo.storage.jobrows import report_rows
from octavo.storage.jobs import get_job, problems_of
from services.api.fields import read_id
from services.api.inforce import InForce
from services.api.jobs.view import no_such_job
from services.api.transactions import Transactions

log = structlog.get_logger()

PAGE = 500
"""Rows at once: opening what is sealed holds the interpreter for some milliseconds."""
PIECE_BYTES = 1024 * 1024
"""Bytes sent at once: clients refuse what is longer than 4 MiB."""
HEADER = ("row", "recipient", "status", "reason", "column", "id", "sent at", "completed at")
REFUSED = "refused"
_LAST_ROW = 2**31 - 1
_BYTE_ORDER_MARK = "\ufeff"


class JobReport:
    """Writes reports."""

    def __init__(self, transactions: Transactions, sealer: Sealer) -> None:
        self._transactions = transactions
        self._sealer = sealer

    async def write(self, job_id: str, service: Service, in_force: InForce) -> AsyncIterator[bytes]:
        """The report in pieces. Raises NotFound if the service has no such job, Unauthenticated once the key is revoked."""
        wanted = read_id("id", job_id)
        yield (_BYTE_ORDER_MARK + _lines([HEADER])).encode()
        last: UUID | None = None
        done = 0
        more = True
        while more:
            await in_force.check()
            page = _Page(self._sealer, service, wanted, last, done)
            piece = await self._transactions.run(page.read)
            last, done, more = page.last, page.done, page.more
            for start in range(0, len(piece), PIECE_BYTES):
                yield piece[start : start + PIECE_BYTES]


class _Page:
    """One page, and where the next one begins."""

    def __init__(self, sealer: Sealer, service: Service, job_id: UUID, last: UUID | None, done: int) -> None:
        self._sealer = sealer
        self._service = service
        self._job_id = job_id
        self.last = last
        self.done = done
        self.more = False
        self._unopened = 0

    def read(self, connection: Connection) -> bytes:
        """The lines. Not for the event loop: it opens what is sealed."""
        if get_job(connection, self._service.id, self._job_id) is None:
            raise no_such_job()
        rows = report_rows(connection, self._service.id, self._job_id, self.last, PAGE)
        # What was refused between two rows of the page; after the last page, all that is left.
        ends_here = not rows or len(rows) == rows[0].candidates < PAGE
        until = _LAST_ROW if ends_here else rows[-1].job_row
        problems = problems_of(connection, self._job_id, self.done, until, PAGE)
        if len(problems) == PAGE:
            until = problems[-1][0].row
            rows = [row for row in rows if row.job_row <= until]
        self.more = until != _LAST_ROW
        self.done = until
        self.last = rows[-1].id if rows else self.last
        lines = [*map(self._sent, rows), *map(_refused, problems)]
        if self._unopened:
            log.warning("notifications can't be opened", job_id=str(self._job_id), notifications=self._unopened)
        return _lines(sorted(lines, key=lambda line: int(line[0]))).encode()

    def _sent(self, row: Row[Any]) -> Sequence[str]:
        return (
            str(row.job_row),
            self._recipient(row),
            row.status,
            row.status_reason,
            "",
            str(row.id),
            _written(row.sent_at),
            _written(row.completed_at),
        )

    def _recipient(self, row: Row[Any]) -> str:
        if row.sealed is None:
            return ""
        try:
            return self._sealer.open(row.id.bytes, bytes(row.sealed)).recipient
        except Malformed:
            # A key is missing: that is the operators' to mend, and no reason to hide the rest of it, or of the report.
            self._unopened += 1
            return ""


def _refused(problems: Sequence[RowProblem]) -> Sequence[str]:
    reasons = "; ".join(problem.reason.value for problem in problems)
    columns = "; ".join(problem.column for problem in problems)
    return (str(problems[0].row), "", REFUSED, reasons, columns, "", "", "")


def _lines(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([escape_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _written(at: datetime | None) -> str:
    return at.isoformat(timespec="milliseconds") if at else ""
