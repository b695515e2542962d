"""Times, spans and placeholders as people type them; answers as people and programs read them."""

import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
import typer

from octavo_cli import output
from octavo_cli.moments import day, moment, span, wait
from octavo_cli.placeholders import personalisation
from octavo_client import Change, NotificationType, Status, StatusChange


def test_times_are_of_utc_unless_they_say_otherwise():
    assert moment("2026-03-01T09:30") == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert moment("2026-03-01T09:30+01:00") == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert day("2026-03-01") == date(2026, 3, 1)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("2 h", 7_200), ("3d", 259_200)])
def test_spans_have_a_unit(text, seconds):
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (moment, "tomorrow"),
        (day, "2026-02-30"),
        (span, "5"),
        (span, "-5m"),
        (span, "99999999999999d"),
        (span, "٣ weeks"),
    ],
)
def test_what_makes_no_sense_is_refused(read, text):
    with pytest.raises(typer.BadParameter, match=r"is like|longer"):
        read(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1 s"),
        (59.2, "60 s"),
        (119, "119 s"),
        (300, "5 min"),
        (3_541, "1 h"),
        (5_400, "1 h 30 min"),
        (43_213, "12 h 1 min"),
        (86_400, "24 h"),
    ],
)
def test_waits_are_told_in_the_units_that_people_use_and_rounded_up(seconds, said):
    assert wait(timedelta(seconds=seconds)) == said


def test_placeholders_come_from_options_and_a_file(tmp_path):
    source = tmp_path / "data.json"
    source.write_text('{"name": "Bob", "city": "Bath", "things": ["x"]}')
    found = personalisation(["name=Ann", "sum=1+1=2"], ["items=a", "items=b"], source)
    assert found == {"name": "Ann", "sum": "1+1=2", "city": "Bath", "things": ["x"], "items": ["a", "b"]}


@pytest.mark.parametrize("text", ["name", "=Ann", " =Ann"])
def test_a_placeholder_has_a_name_and_a_text(text):
    with pytest.raises(typer.BadParameter, match="NAME=TEXT"):
        personalisation([text], None, None)


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}', '{"a": [1]}', '{"a": {"b": "c"}}', "[" * 100_000, b"\xff"])
def test_a_file_that_holds_no_placeholders_is_refused(tmp_path, text):
    source = tmp_path / "data.json"
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(typer.BadParameter, match=r"data\.json"):
        personalisation(None, None, source)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(typer.BadParameter, match=r"none\.json: No such file"):
        personalisation(None, None, tmp_path / "none.json")


def test_json_has_one_object_a_line():
    at = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    change = Change("n", NotificationType.SMS, "line\nbreak", StatusChange(Status.SENT, at, ""), "token")
    file = io.StringIO()
    output.emit(change, file)
    assert file.getvalue().count("\n") == 1
    read = json.loads(file.getvalue())
    assert read["change"] == {"status": "sent", "at": "2026-03-01T09:30:00+00:00", "reason": ""}
    assert read["reference"] == "line\nbreak"


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b2J", "a\rb", "\x07"])
def test_what_others_wrote_does_not_steer_the_terminal(text):
    assert not set(output.shown(text).plain) & set("\x1b\x9b\r\x07")


def test_what_others_wrote_is_no_markup():
    assert output.shown("[red]x[/red]").plain == "[red]x[/red]"
