"""docs/client.md tells of every exit status and every command group."""

import ast
import inspect
import re
from pathlib import Path

from octavo_cli.app import app
from octavo_cli.failures import Exit
from octavo_client import Client

PAGE = Path(__file__).resolve().parents[3].joinpath("docs/client.md").read_text("utf-8")


def test_every_exit_status_is_documented():
    table = PAGE[PAGE.index("| exit status |") :]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [int(code) for code in Exit]


def test_every_command_is_shown():
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert not {name for name in names if f"octavo {name}" not in PAGE}


def test_what_is_shown_in_python_can_be_called():
    shown = PAGE.split("```python\n")[1].split("```")[0]
    called = 0
    for call in ast.walk(ast.parse(shown)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        method = getattr(Client, call.func.attr, None)
        if method is None or ast.unparse(call.func.value) != "octavo":
            continue
        called += 1
        inspect.signature(method).bind(None, *call.args, **{str(one.arg): one.value for one in call.keywords})
    assert called >= 4
