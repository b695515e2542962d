"""Options that take a member of an enumeration; not the one that stands for what a newer server answers."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import typer

E = TypeVar("E", bound=StrEnum)


def choice(kind: type[E]) -> dict[str, Any]:
    """What makes an option or argument of typer one of this kind."""
    return {"parser": _parser(kind), "metavar": "|".join(_names(kind))}


def _names(kind: type[E]) -> list[str]:
    return [member.value for member in kind if member.name != "UNKNOWN"]


def _parser(kind: type[E]) -> Callable[[str], E]:
    def member(text: str) -> E:
        if text not in _names(kind):
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(_names(kind))}")
        return kind(text)

    return member
