"""Tables of several sizes on terminals of several sizes."""

import io

import pytest
from rich.console import Console
from rich.live import Live
from rich.table import Table

from octavo_cli.fitting import Fitting

ROWS = (4, 12, 10, 3, 2)


def drawn(width: int, height: int | None) -> list[str]:
    """What is on the screen; without a height all is printed."""
    tables = []
    for number, rows in enumerate(ROWS):
        table = Table(f"table {number}", box=None)
        for row in range(rows):
            table.add_row(f"{number}-{row}".ljust(40))
        tables.append(table)
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height or 10, force_terminal=bool(height), _environ={"TERM": "xterm"}
    )
    if height:
        with Live(Fitting(tables, height), console=console, screen=True, auto_refresh=False):
            pass
    else:
        console.print(Fitting(tables))
    return file.getvalue().splitlines()


def shown(lines: list[str]) -> set[str]:
    text = "\n".join(lines)
    return {f"{number}-{row}" for number, rows in enumerate(ROWS) for row in range(rows) if f"{number}-{row} " in text}


ALL = {f"{number}-{row}" for number, rows in enumerate(ROWS) for row in range(rows)}


@pytest.mark.parametrize(("width", "height"), [(80, None), (80, 50), (100, 24), (150, 20)])
def test_all_is_shown_where_there_is_room(width, height):
    assert shown(drawn(width, height)) == ALL


def test_what_does_not_fit_is_told():
    lines = drawn(60, 24)
    assert {"0-0", "1-0"} <= shown(lines) < ALL
    assert any("lines more" in line for line in lines)


def test_nothing_is_nothing():
    file = io.StringIO()
    Console(file=file, width=80, height=3).print(Fitting([], 3))
    assert file.getvalue() == ""
