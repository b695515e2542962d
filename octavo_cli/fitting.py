"""Tables one below the other, or beside each other where a terminal is too low and wide enough; what is left out is told."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

GAP = 3


class Fitting:
    """Tables that make the best of a terminal's size."""

    def __init__(self, tables: Sequence[Table], room: int | None = None) -> None:
        """`room` is how many lines there are; None for as many as it takes."""
        self._tables = tables
        self._room = room

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All of it; or as much as there is room for."""
        free, room = options.reset_height(), self._room
        heights = [len(console.render_lines(_spaced(table), free, pad=False)) for table in self._tables]
        if room is None or sum(heights) <= room:
            yield from map(_spaced, self._tables)
            return
        widest = max((Measurement.get(console, free, table).maximum for table in self._tables), default=1)
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_row(
            *(Group(*map(_spaced, tables)) for tables in self._split(heights, options.max_width // (widest + GAP)))
        )
        lines = console.render_lines(grid, free, pad=False)
        if len(lines) <= room:
            yield grid
            return
        for line in lines[: room - 1]:
            yield from line
            yield Segment.line()
        yield Text(f"… {len(lines) - room + 1} lines more: the window is too low", style="dim")

    def _split(self, heights: Sequence[int], columns: int) -> list[list[Table]]:
        """The tables in their order, over so many columns, none higher than it must be."""
        split: list[list[Table]] = [[]]
        filled, left = 0, sum(heights)
        for table, height in zip(self._tables, heights, strict=True):
            share = left / max(1, columns - len(split) + 1)
            if split[-1] and len(split) < columns and filled + height / 2 > share:
                left -= filled
                filled = 0
                split.append([])
            split[-1].append(table)
            filled += height
        return split


def _spaced(table: Table) -> Padding:
    return Padding(table, (0, 0, 1, 0), expand=False)
