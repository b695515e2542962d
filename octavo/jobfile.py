"""The file of a CSV job as a stream of rows: never more of it in memory than a block and a row."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from octavo.domain.csvfile import LONGEST_ROW, EncodingDetector, detect_delimiter, read_rows
from octavo.domain.errors import Invalid, Reason

LONGEST_LINE = LONGEST_ROW
"""Characters of a line. Without a line end, a whole file would be one."""
_BUFFER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that is being read. Rows are numbered from 1, the first after the header; empty ones count."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def encoding_of(blocks: Iterable[bytes]) -> str:
    """The encoding of a file, from all of its bytes. Raises what reading the blocks raises."""
    detector = EncodingDetector()
    for block in blocks:
        detector.feed(block)
    return detector.encoding


def open_sheet(blocks: Iterator[bytes], encoding: str) -> Sheet:
    """The file, its header read.

    Raises Invalid: FILE_EMPTY if there is no header, FILE_UNREADABLE (now or when rows are read) as read_rows does; and what
    reading the blocks raises.
    """
    # Bytes that CP1252 does not know become halves of surrogate pairs, for which the cell is refused and not the file.
    reader = io.TextIOWrapper(io.BufferedReader(_Blocks(blocks), _BUFFER), encoding, "surrogateescape", newline="")
    first: list[str] = []
    try:
        first.append(reader.readline(LONGEST_LINE))
    except UnicodeError:
        raise Invalid.of("file", Reason.FILE_UNREADABLE, "the file's encoding can't be read in its header") from None
    rows = read_rows(_lines(first[0], reader), detect_delimiter(first[0]))
    header = next(rows, [])
    if not any(header):
        raise Invalid.of("file", Reason.FILE_EMPTY, "the file has no header")
    return Sheet(header, enumerate(rows, start=1))


def _lines(first: str, reader: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a file. One that is too long is cut, for the csv module to say what is wrong with it; then it ends."""
    number = 1
    line = first
    while line:
        yield line
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            description = f"line {number} is longer than {LONGEST_LINE:,} characters"
            raise Invalid.of("file", Reason.FILE_UNREADABLE, description)
        line = reader.readline(LONGEST_LINE)
        number += 1


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file that can be read once, from its beginning to its end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
