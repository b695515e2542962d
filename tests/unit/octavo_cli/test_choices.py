"""What stands for the answers of a newer server is no choice of a user's."""

import pytest
from typer.testing import CliRunner

from octavo_cli.app import app


@pytest.mark.parametrize(
    "command",
    [
        ["list", "--status", "unknown"],
        ["list", "--type", "unknown"],
        ["statistics", "--type", "letter"],
        ["key", "create", "01a21ab2-6fd9-7000-8000-000000000000", "web", "--type", "unknown"],
        ["service", "update", "01a21ab2-6fd9-7000-8000-000000000000", "--unconfirmed", "unknown"],
        ["template", "create", "unknown", "Permit", "--body", "x"],
        ["template", "list", "--type", "unknown"],
    ],
)
def test_a_member_that_nobody_may_choose_is_a_wrong_command_line(command):
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "is not one of" in done.output


def test_the_choices_are_told():
    told = CliRunner().invoke(app, ["list", "--help"], env={"COLUMNS": "200"}).output
    assert "sms|email" in told
    assert "temporary-failure" in told
    assert "unknown" not in told


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["template", "create", "--help"], "sms|email"),
        (["template", "list", "--help"], "sms|email"),
        (["key", "create", "--help"], "live|team|test"),
        # What is missing is told with its choices.
        (["template", "create"], "sms,"),
        (["key", "create", "01a21ab2-6fd9-7000-8000-000000000000", "web"], "live,"),
    ],
)
def test_what_nobody_may_choose_is_not_told_either(command, told):
    output = CliRunner().invoke(app, command, env={"COLUMNS": "200"}).output
    assert told in output
    assert "unknown" not in output
