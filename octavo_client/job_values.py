"""What CSV jobs are, and what is wrong with their rows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from octavo_client.values import KeyType, NotificationType, Status


class JobStatus(StrEnum):
    """Where a job stands. `stopped` goes on by itself once its file is back."""

    READY = "ready"
    READING = "reading"
    STOPPED = "stopped"
    SENDING = "sending"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file in the store: its key, what the store knows its content by, and its size."""

    object_key: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with a cell, or with a row as a whole if `column` is empty. Row 1 is the first after the header."""

    row: int
    column: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many messages of a job have a status."""

    status: Status
    count: int


@dataclass(frozen=True, slots=True)
class Job:
    """A CSV job. `error` is the reason why it stopped; `problems` are the first 1,000, of `create`, `check` and `get` only."""

    id: str
    service_id: str
    template_id: str
    template_version: int
    type: NotificationType
    key_type: KeyType | None
    status: JobStatus
    file_name: str
    file: CsvFile | None
    total_rows: int
    refused_rows: int
    sent_rows: int
    counts: tuple[StatusCount, ...]
    error: str
    send_at: datetime | None
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    problems: tuple[RowProblem, ...]
    reply_to: str
    sms_sender: str

    @property
    def settled_rows(self) -> int:
        """Rows that nothing more is expected of: refused, or their message has a final status."""
        return self.refused_rows + sum(line.count for line in self.counts if line.status.is_final)

    @property
    def unread_rows(self) -> int:
        """Rows that are in no count, as they have not been read; of a cancelled job they never will be."""
        # Messages of a turn that was cut short are stored before the job says that they are sent.
        handed_over = max(self.sent_rows, sum(line.count for line in self.counts))
        return max(0, self.total_rows - self.refused_rows - handed_over)
