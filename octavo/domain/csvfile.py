"""CSV files of jobs: their encoding, header, rows and what is wrong with them; and cells that are safe to open again."""

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from octavo.domain.errors import Invalid, Reason, Violation
from octavo.domain.names import fold
from octavo.domain.notification import NotificationType
from octavo.domain.template import Template
from octavo.domain.text import is_storable
from octavo.domain.violations import Violations

MAX_CELL = 100_000
"""Characters of a cell. The csv module itself stops at 131,072, which bounds what an unclosed quote swallows."""
LONGEST_ROW = 2_000_000
"""Characters of a row, with all of its lines: as many cells as that takes are held at once."""
MAX_NAME = 200
"""Characters of a column's name that a problem tells."""

RECIPIENT_COLUMNS: Mapping[NotificationType, str] = {
    NotificationType.SMS: "phone number",
    NotificationType.EMAIL: "email address",
}
"""The column that holds the recipient, ignoring case, spaces, - and _."""

_DELIMITERS = (",", ";", "\t")
# A spreadsheet takes a cell that begins so for a formula; line feeds and full-width forms are taken so by some.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class EncodingDetector:
    """Finds a file's encoding from its bytes in constant memory: feed it all of them, then ask.

    A byte order mark decides. Without one it is UTF-16 if every other byte of the beginning is NUL, UTF-8 if all of the
    file is, and else CP1252, which is what spreadsheets of old wrote.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._marked: str | None = None
        self._begun = False
        self._utf8 = True

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the file. The first chunk must have at least four of them, if the file has."""
        if not self._begun and chunk:
            self._begun = True
            self._marked = _marked_encoding(chunk)
        if self._utf8 and self._marked is None:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self._utf8 = False

    @property
    def encoding(self) -> str:
        """The name that Python's codecs know it by."""
        return self._marked or ("utf-8" if self._utf8 else "cp1252")


def _marked_encoding(head: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if len(head) >= 4:  # noqa: PLR2004 - two UTF-16 code units.
        if head[1] == head[3] == 0 != head[0]:
            return "utf-16-le"
        if head[0] == head[2] == 0 != head[1]:
            return "utf-16-be"
    return None


def detect_delimiter(header_line: str) -> str:
    """Comma, semicolon or tab: whichever the header has most of, the comma in doubt."""
    return max(_DELIMITERS, key=header_line.count)


def read_rows(lines: Iterable[str], delimiter: str = ",") -> Iterator[list[str]]:
    """The cells of each row, the header first. Lines keep their line ends, as csv.reader wants them.

    Raises Invalid with FILE_UNREADABLE, naming row and column, at an unclosed quote, text after a quote, or an endless cell;
    and naming the row for bytes that its encoding does not know, or for a row that is too long.
    """
    unread: list[str] = []
    reader = csv.reader(_noted(lines, unread), delimiter=delimiter, strict=True)
    header: list[str] = []
    row = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            column = _column_at_fault("".join(unread), delimiter)
            name = _told(header[column]) if column < len(header) else str(column + 1)
            description = f"{_place(row)}, column {name}, can't be read as CSV (line {reader.line_num}): {error}"
            field = f"row[{row}].column[{name}]" if row else f"column[{name}]"
            raise Invalid.of(field, Reason.FILE_UNREADABLE, description) from None
        except UnicodeError:
            description = f"the file's encoding can't be read in or soon after row {row}, line {reader.line_num}"
            raise Invalid.of(f"row[{row}]", Reason.FILE_UNREADABLE, description) from None
        except _TooLongError:
            description = f"{_place(row)} is longer than {LONGEST_ROW:,} characters (line {reader.line_num})"
            raise Invalid.of(f"row[{row}]", Reason.FILE_UNREADABLE, description) from None
        unread.clear()
        header = header or cells
        yield cells
        row += 1


def _place(row: int) -> str:
    return f"row {row}" if row else "the header"


class _TooLongError(Exception):
    """The lines of one row are longer than a row may be."""


def _noted(lines: Iterable[str], unread: list[str]) -> Iterator[str]:
    length = 0
    for line in lines:
        # Emptied by whoever reads, once a row is whole.
        length = length + len(line) if unread else len(line)
        if length > LONGEST_ROW:
            raise _TooLongError
        unread.append(line)
        yield line


def _column_at_fault(text: str, delimiter: str) -> int:
    """In which cell of the row that begins the text the csv module gives up, counted from 0."""
    column, length, quoted, closed = 0, 0, False, False
    for character in text:
        if quoted:
            quoted, closed = character != '"', character == '"'
        elif character == delimiter:
            column, length, closed = column + 1, 0, False
            continue
        elif character == '"' and (closed or not length):
            quoted, closed = True, False
        elif closed and character not in "\r\n":
            break
        length += 1
        if length > csv.field_size_limit():
            break
    return column


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a template finds its values in a row. `names` is the header as written, long names cut."""

    names: tuple[str, ...]
    recipient: int
    values: tuple[tuple[str, int, bool], ...]
    """Placeholder, column, and whether an empty cell will do (it only decides whether some text is kept)."""


def match_header(header: Sequence[str], template: Template, notification_type: NotificationType) -> Columns:
    """The columns that the template and its recipient need; others are ignored.

    Raises Invalid, naming all of them: FILE_EMPTY, MISSING_COLUMN, or DUPLICATE_COLUMN for a needed one.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        places.setdefault(fold(name), []).append(place)
    if not any(places):
        raise Invalid.of("file", Reason.FILE_EMPTY, "the file has no header")
    faults = Violations()
    found: list[int] = []
    for name in (RECIPIENT_COLUMNS[notification_type], *template.placeholders):
        at = places.get(fold(name), [])
        if len(at) == 1:
            found.append(at[0])
        else:
            reason, words = (
                (Reason.DUPLICATE_COLUMN, "more than one column") if at else (Reason.MISSING_COLUMN, "no column")
            )
            faults.add(Violation(f"column[{name}]", reason, f"the file has {words} named {name}"))
    faults.tell()
    values = tuple(
        (name, place, name in template.conditional)
        for name, place in zip(template.placeholders, found[1:], strict=True)
    )
    return Columns(tuple(_told(name) for name in header), found[0], values)


def _told(name: str) -> str:
    """A column's name as problems tell it: short, and without what a database can't hold."""
    return "".join(filter(is_storable, name[:MAX_NAME]))


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row can't be sent: 1 is the first row after the header; `column` is the header's name for it, or empty."""

    row: int
    column: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Row:
    """A row's recipient, not parsed yet, and its personalisation."""

    row: int
    recipient: str
    personalisation: Mapping[str, str]


def read_row(columns: Columns, row: int, cells: Sequence[str]) -> Row | tuple[RowProblem, ...] | None:
    """What a row says, or everything that is wrong with it, or None for a row of empty cells, which is skipped."""
    if not any(cells):
        return None
    width = len(columns.names)
    problems: list[RowProblem] = []
    if len(cells) > width and any(cells[width:]):
        problems.append(RowProblem(row, "", Reason.RAGGED_ROW))
    recipient = _cell(cells, columns.recipient)
    if not recipient.strip():
        problems.append(RowProblem(row, columns.names[columns.recipient], Reason.MISSING_FIELD))
    personalisation: dict[str, str] = {}
    for name, place, optional in columns.values:
        cell = _cell(cells, place)
        personalisation[name] = cell
        reason = _cell_problem(cell, optional=optional)
        if reason is not None:
            problems.append(RowProblem(row, columns.names[place], reason))
    return tuple(problems) or Row(row, recipient, personalisation)


def _cell(cells: Sequence[str], place: int) -> str:
    """A cell of a row; one that ends early has empty ones there."""
    return cells[place] if place < len(cells) else ""


def _cell_problem(cell: str, *, optional: bool) -> Reason | None:
    if not cell and not optional:
        return Reason.MISSING_PERSONALISATION
    if len(cell) > MAX_CELL:
        return Reason.CELL_TOO_LONG
    return None if is_storable(cell) else Reason.INVALID_TEXT


def row_problems(error: Invalid, columns: Columns, row: int) -> tuple[RowProblem, ...]:
    """An error about the content of a row (its recipient, a value, the whole text), as problems of its columns."""
    recipient = columns.names[columns.recipient]
    by_field = {f"personalisation[{name}]": columns.names[place] for name, place, _ in columns.values}
    by_field |= {"phone_number": recipient, "email_address": recipient}
    return tuple(RowProblem(row, by_field.get(violation.field, ""), violation.reason) for violation in error.violations)


def escape_cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: an apostrophe goes before what begins like one.

    Before what begins so behind apostrophes of its own, too: so whoever takes one away has the text again.
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA_STARTS) else text
