"""Options that take a member of an enumeration; not the one that stands for what a newer server answers."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

E = TypeVar("E", bound=StrEnum)

if TYPE_CHECKING:
    Choice = Annotated[E, "may be chosen"]
else:

    class Choice:
        """`Choice[Kind]` is the kind as typer sees it, who tells all members: in help, and where one is missing."""

        def __class_getitem__(cls, kind: type[E]) -> type[StrEnum]:
            return StrEnum(kind.__name__, [(name, name) for name in _names(kind)])


def choice(kind: type[E]) -> dict[str, Any]:
    """What makes an option or argument of typer, annotated as `Choice[kind]`, one of this kind."""
    return {"parser": _parser(kind), "metavar": "|".join(_names(kind))}


def _names(kind: type[E]) -> list[str]:
    return [member.value for member in kind if member.name != "UNKNOWN"]


def _parser(kind: type[E]) -> Callable[[str], E]:
    def member(text: str) -> E:
        if text not in _names(kind):
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(_names(kind))}")
        return kind(text)

    return member
