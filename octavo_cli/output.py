"""How answers look: tables for people, one JSON object a line for programs."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TextIO, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

FAILED = "red"
WAITING = "yellow"
GOOD = "green"
_COLOURS = {
    "delivered": GOOD,
    "sent": GOOD,
    "finished": GOOD,
    "temporary-failure": FAILED,
    "permanent-failure": FAILED,
    "technical-failure": FAILED,
    "stopped": FAILED,
    "cancelled": "dim",
}
_FOLDED = {"reference", "why", "problem", "name", "file", "column", "recipient"}
_WIDE = 200
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if code not in {9, 10}}


def terminal() -> Console:
    """Where answers go. Made when it is used, so that it finds the standard output of that moment."""
    return Console(highlight=False, soft_wrap=False)


def side() -> Console:
    """Where remarks, errors and progress go: they never mix with answers."""
    return Console(stderr=True, highlight=False)


def emit(value: Any, file: TextIO | None = None) -> None:
    """Prints a value as one line of JSON, at once, for a program that reads along."""
    file = file or sys.stdout
    file.write(json.dumps(plain(value)) + "\n")
    file.flush()


def listing(
    items: Iterable[T],
    limit: int,
    columns: Sequence[str],
    cells: Callable[[T], Sequence[object]],
    *,
    as_json: bool,
    empty: str,
) -> None:
    """Prints the first so many, or all if the limit is 0: one JSON object a line, or a table of their cells."""
    found = islice(items, limit or None)
    if as_json:
        for item in found:
            emit(item)
    else:
        table(columns, (cells(item) for item in found), empty=empty)


def plain(value: Any) -> Any:
    """A value as JSON has it: objects by field, times in ISO 8601 with their zone."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def shown(value: Any) -> Text:
    """A value for people. What others wrote can't steer the terminal."""
    if value is None or value == "":
        return Text("-", "dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    if isinstance(value, list | tuple):
        return Text(", ").join(shown(item) for item in value) if value else shown(None)
    text = str(value).translate(_CONTROLS)
    return Text(text, _COLOURS.get(text, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "none") -> None:
    """Prints rows under headings; times are in UTC. Says so if there are none."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        # An id that is cut is of no use; what people wrote may be folded.
        drawn.add_column(column, no_wrap=column not in _FOLDED, overflow="fold", min_width=len(column))
    for row in rows:
        drawn.add_row(*(shown(cell) for cell in row))
    if not drawn.row_count:
        side().print(Text(empty, "dim"))
        return
    wide = Console(width=_WIDE)
    # A terminal that is too narrow breaks the lines by itself, which can still be read and copied; a file has room.
    width = max(terminal().width, wide.measure(drawn).minimum) if wide.is_terminal else _WIDE
    Console(width=width, highlight=False).print(drawn)


def line(cells: Iterable[Any]) -> None:
    """Prints one line of a stream, at once."""
    terminal().print(Text("  ").join(shown(cell) for cell in cells), soft_wrap=True)


def facts(lines: Iterable[tuple[str, Any]], width: int = 0) -> None:
    """Prints what is known about one thing, a line for each, the names at least so wide; what is empty is left out."""
    known = [(name, value) for name, value in lines if value is not None and value not in ("", ())]
    width = max((width, *(len(name) for name, _ in known)))
    for name, value in known:
        terminal().print(Text.assemble((name.ljust(width), "bold"), "  ", shown(value)), soft_wrap=True)


def body(text: str) -> None:
    """Prints a text that will be sent, apart from what is said about it."""
    if text:
        terminal().print()
        terminal().print(shown(text), soft_wrap=True)
