"""docs/client.md tells of every exit status and every command group."""

import re
from pathlib import Path

from octavo_cli.app import app
from octavo_cli.failures import Exit

PAGE = Path(__file__).resolve().parents[3].joinpath("docs/client.md").read_text("utf-8")


def test_every_exit_status_is_documented():
    table = PAGE[PAGE.index("| exit status |") :]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [int(code) for code in Exit]


def test_every_command_is_shown():
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert not {name for name in names if f"octavo {name}" not in PAGE}
