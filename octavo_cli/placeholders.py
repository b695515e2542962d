"""What is put in for placeholders: from options, or from a file, so that other users of the machine can't see it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from octavo_client import Personalisation

Values = Annotated[
    list[str] | None, typer.Option("--personalisation", "-p", metavar="NAME=TEXT", help="A placeholder; once for each.")
]
Items = Annotated[
    list[str] | None,
    typer.Option(
        "--item", "-i", metavar="NAME=TEXT", help="An item of a placeholder that takes a list; once for each item."
    ),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--personalisation-file",
        help="A JSON object with placeholders: texts, or lists of texts. - reads standard input.",
    ),
]


def personalisation(values: list[str] | None, items: list[str] | None, source: Path | None) -> Personalisation:
    """All placeholders together; an option goes before the file. Raises typer.BadParameter, naming what is wrong."""
    found = _read(source) if source else {}
    for text in values or ():
        name, value = _pair(text)
        found[name] = value
    lists: dict[str, list[str]] = {}
    for text in items or ():
        name, value = _pair(text)
        lists.setdefault(name, []).append(value)
    return {**found, **lists}


def text_from(path: Path) -> str:
    """The text of a file, or of standard input for -. Raises typer.BadParameter if it can't be read, or is not UTF-8."""
    try:
        return typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8") from None
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise typer.BadParameter(f"{text.partition('=')[0]!r} must be NAME=TEXT")
    return name.strip(), value


def _read(source: Path) -> dict[str, str | list[str]]:
    try:
        found = json.loads(text_from(source))
    except (json.JSONDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"{source} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{source} must hold a JSON object")
    for name, value in found.items():
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            raise typer.BadParameter(f"{source}: {name!r} must be a text or a list of texts")
    return found
