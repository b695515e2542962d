"""A CSV job that is being read: its file as a stream, turn by turn, in constant memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from octavo.crypto import Hasher, Sealer
from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import FailedPrecondition, NotFound, Reason, Unavailable
from octavo.domain.jobrow import RowReader, Sendable, Texts
from octavo.jobfile import open_sheet
from octavo.objects import ObjectStore, Stored
from octavo.storage.directory import Directory, Service
from octavo.storage.jobqueue import ClaimedJob, Progress
from octavo.storage.jobs import TURN
from octavo.topics import Outgoing
from services.persister.jobmessages import RowSealer


@dataclass(frozen=True, slots=True)
class Turn:
    """Rows to publish, what is wrong with others, and how far the job is once that is done."""

    messages: Sequence[Outgoing]
    problems: Sequence[tuple[RowProblem, ...]]
    progress: Progress
    ended: bool


class OpenJob:
    """A claimed job and its place in the file. A turn stays the same until it is done: what fails is done again."""

    def __init__(self, job: ClaimedJob, rows: "Rows") -> None:
        self.job = job
        self.failures = job.failures
        self._rows: Rows | None = rows
        self._progress = Progress(job.next_row, job.published_rows, job.refused_rows)
        self._turn: Turn | None = None

    @property
    def next_rows(self) -> range:
        """The rows that the next turn looks at."""
        return range(self._progress.next_row, self._progress.next_row + TURN)

    def turn(self, refused: frozenset[int]) -> Turn:
        """The next turn, without the rows that were refused before.

        Raises what reading the file raises: then the job has to be opened again.
        """
        if self._turn is None:
            # A stream that failed once seems to be at its end: it must not be asked again.
            rows, self._rows = self._rows, None
            if rows is None:
                raise Unavailable("the file has to be opened again")
            self._turn = rows.take(self._progress, refused)
            self._rows = rows
        return self._turn

    def done(self) -> None:
        """Says that the turn is published and noted."""
        if self._turn is not None:
            self._progress, self._turn = self._turn.progress, None
            self.failures = 0


TURN_BYTES = 4_000_000
"""What the messages of a turn come to, about: of large rows a turn has fewer."""


class Rows:
    """The rows of a job's file from where its reading stopped, as messages."""

    def __init__(self, job: ClaimedJob, texts: Texts, files: "Files") -> None:
        blocks = files.store.read(Stored(job.object_key, job.etag, job.size_bytes))
        sheet = open_sheet(blocks, job.encoding)
        self._rows = sheet.rows
        self._reader = RowReader(sheet.header, texts, files.region)
        self._sealer = RowSealer(job, files.sealer, files.hasher, texts.prefix)

    def take(self, progress: Progress, refused: frozenset[int]) -> Turn:
        """The next TURN rows, empty ones counted; fewer where they are large."""
        messages: list[Outgoing] = []
        problems: list[tuple[RowProblem, ...]] = []
        next_row, size, ended = progress.next_row, 0, False
        until = next_row + TURN
        while next_row < until and size < TURN_BYTES:
            row, cells = next(self._rows, (0, ()))
            if not row:
                ended = True
                break
            if row < next_row:
                # Done by an earlier reader.
                continue
            next_row = row + 1
            if row in refused:
                continue
            found = self._reader.read(row, cells)
            if isinstance(found, Sendable):
                messages.append(self._sealer.message(found))
                size += len(messages[-1].value)
            elif found:
                # It was right when the job was created: a setting of the service, or the rules, changed since.
                problems.append(found)
        done = Progress(next_row, progress.published + len(messages), progress.refused + len(problems))
        return Turn(messages, problems, done, ended)


@dataclass(frozen=True, slots=True)
class Files:
    """What opening a job needs."""

    store: ObjectStore
    directory: Directory
    sealer: Sealer
    hasher: Hasher
    region: str

    def open(self, job: ClaimedJob) -> OpenJob:
        """The job, ready for its turns.

        Raises Rejected (the file is gone or another one, the service is suspended) or Unavailable.
        """
        service = self.service_of(job)
        version = self.directory.version(job.template_id, job.template_version)
        texts = Texts(job.notification_type, version.subject, version.content, service.prefix)
        return OpenJob(job, Rows(job, texts, self))

    def service_of(self, job: ClaimedJob) -> Service:
        """The service, if it may send. Raises Rejected or Unavailable."""
        service = self.directory.service(job.service_id)
        if service is None:
            raise NotFound("service")
        if service.suspended:
            raise FailedPrecondition(Reason.SERVICE_SUSPENDED, "the service is suspended")
        return service
