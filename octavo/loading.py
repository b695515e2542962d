"""Loading configuration: from the environment or mounted files, with all faults reported at once."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from octavo.config import Settings, variable
from octavo.misspelt import misspelt

EXIT_MISCONFIGURED = 78
"""EX_CONFIG of sysexits.h."""

S = TypeVar("S", bound=Settings)

unread: dict[str, str] = {}
"""Variables that nothing reads of what was loaded last, each with the setting that it nearly names."""

_NOT_SET = "is not set"


class Misconfigured(Exception):  # noqa: N818 - the name says what the process is
    """The process can't work as it is configured, and won't until somebody changes that."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


def loaded(kind: type[S]) -> S:
    """An instance of a class. Raises ValidationError with all its faults."""
    folder = os.environ.get("OCTAVO_SECRETS_DIR")
    return kind(_secrets_dir=folder if folder and Path(folder).is_dir() else None)  # type: ignore[call-arg]


def loaded_if_right(kind: type[S]) -> S | None:
    """An instance of a class that says what else is to be loaded; None if it has faults, which are told when all is loaded."""
    try:
        return loaded(kind)
    except (ValidationError, SettingsError):
        return None


def load(*kinds: type[S], beside: Callable[[], Sequence[str]] = tuple) -> tuple[Any, ...]:
    """An instance of each class; or all faults of all of them on standard error and the end, with status 78.

    `beside` tells what else is at fault. It is only asked when something is, so that all is reported at once.
    """
    made: list[Settings] = []
    faults: list[str] = []
    folder = os.environ.get("OCTAVO_SECRETS_DIR")
    for kind in kinds:
        try:
            made.append(loaded(kind))
        except ValidationError as error:
            faults += _faults(kind, error)
        except SettingsError:
            faults += _faults_of_files(kind, Path(folder or ""))
    if folder and not Path(folder).is_dir():
        # What is not set was to come from there.
        faults = [fault for fault in faults if not fault.endswith(_NOT_SET)]
        faults.append(f"OCTAVO_SECRETS_DIR: {folder} is no folder")
    unread.clear()
    unread.update(misspelt(_given(folder), {variable(kind, field) for kind in kinds for field in kind.model_fields}))
    if faults:
        doubts = [f"{name}: nothing reads it; {meant} is read" for name, meant in unread.items()]
        refuse(sorted({*faults, *doubts, *beside()}))
    return tuple(made)


def _given(folder: str | None) -> set[str]:
    """The names of all variables and mounted files."""
    try:
        mounted = os.listdir(folder) if folder else ()  # noqa: PTH208 - the names are all that is wanted
    except OSError:
        # No folder, which is reported; or one whose files may be read but not listed.
        mounted = ()
    return {*os.environ, *mounted}


def report(faults: Sequence[str]) -> None:
    """Reports what is misconfigured, all at once, on standard error."""
    lines = "\n".join(f"  - {fault}" for fault in faults)
    sys.stderr.write(f"octavo: misconfigured, {len(faults)} fault(s):\n{lines}\n")


def refuse(faults: Sequence[str]) -> NoReturn:
    """Reports what is misconfigured, and ends with status 78."""
    report(faults)
    raise SystemExit(EXIT_MISCONFIGURED)


def _faults(kind: type[Settings], error: ValidationError) -> list[str]:
    return [_fault(kind, dict(item)) for item in error.errors()]


def _faults_of_files(kind: type[Settings], folder: Path) -> list[str]:
    """Which mounted files can't be read, and what is wrong beside."""
    read: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for field in kind.model_fields:
        name = variable(kind, field)
        if name in os.environ:
            # It comes first, as it does when all can be read.
            continue
        given_as = name if name == kind.model_fields[field].validation_alias else field
        try:
            read[given_as] = (folder / name).read_text("utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            unreadable[name] = f"{name}: {folder / name} can't be read: {why}"
    try:
        kind(_secrets_dir=None, **read)  # type: ignore[call-arg]
    except ValidationError as error:
        others = [fault for fault in _faults(kind, error) if fault.partition(":")[0] not in unreadable]
        return [*unreadable.values(), *others]
    return list(unreadable.values())


def _fault(kind: type[Settings], item: dict[str, Any]) -> str:
    message = _NOT_SET if item["type"] == "missing" else str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        # What is wrong with several variables together names them itself.
        return message
    place = str(item["loc"][0])
    name = place if place.isupper() else variable(kind, place)
    return f"{name}: {message}"
