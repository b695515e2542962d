"""Checking the file of a CSV job, whole, before anything of it is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import Invalid, Reason
from octavo.domain.jobrow import RowReader, Sendable, Texts
from octavo.domain.limits import MAX_JOB_ROWS
from octavo.domain.recipient import Recipient
from octavo.jobfile import encoding_of, open_sheet
from octavo.objects import ObjectStore, Stored

MOST_COLUMNS = 1_000
MOST_RECORDS = 1_048_576
"""Rows with the empty ones: as many as a spreadsheet has, all of which some programs export."""
MOST_PROBLEMS = 50
"""Problems told of one row."""
MOST_PROBLEMS_IN_ALL = 20_000
"""Problems told of a file; once there are so many, each further row tells its first one."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that can be read: its encoding, its rows that are not empty, and what is wrong with some of them."""

    encoding: str
    total_rows: int
    problems: Sequence[tuple[RowProblem, ...]] = field(default=())

    @property
    def sendable_rows(self) -> int:
        """How many messages it makes."""
        return self.total_rows - len(self.problems)


def check_file(
    store: ObjectStore,
    stored: Stored,
    texts: Texts,
    region: str,
    admits: Callable[[Recipient], bool] = lambda _recipient: True,
) -> Checked:
    """Reads a file twice, first for its encoding, in constant memory but for the problems found.

    `admits` says whether the key may write to a recipient. Raises Invalid for what is wrong with the file as a whole, and what
    reading it raises.
    """
    encoding = encoding_of(store.read(stored))
    sheet = open_sheet(store.read(stored), encoding)
    # Asked here alone: a job that was checked by an earlier release goes on.
    if len(sheet.header) > MOST_COLUMNS:
        raise Invalid.of("file", Reason.TOO_MANY_COLUMNS, f"the file has more than {MOST_COLUMNS:,} columns")
    reader = RowReader(sheet.header, texts, region)
    recipient_column = reader.columns.names[reader.columns.recipient]
    total = 0
    problems: list[tuple[RowProblem, ...]] = []
    told = 0
    for row, cells in sheet.rows:
        found = reader.read(row, cells)
        if found is not None:
            total += 1
        if total > MAX_JOB_ROWS or row > MOST_RECORDS:
            description = f"the file has more than {MAX_JOB_ROWS:,} rows"
            raise Invalid.of("file", Reason.TOO_MANY_ROWS, description)
        if isinstance(found, Sendable):
            if not admits(found.recipient):
                problems.append((RowProblem(row, recipient_column, Reason.RECIPIENT_NOT_ALLOWED),))
        elif found:
            problems.append(found[: MOST_PROBLEMS if told < MOST_PROBLEMS_IN_ALL else 1])
            told += len(problems[-1])
    if not total:
        raise Invalid.of("file", Reason.FILE_EMPTY, "the file has no row below its header")
    return Checked(encoding, total, problems)
