"""Requests from the wire: parsed after the caller is known, with the field named that can't be read."""

from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from octavo.domain.errors import Invalid, Reason

M = TypeVar("M", bound=Message)

_DEEPEST = 16
_LONGEST_VARINT = 10
_MOST_FIELDS = 20_000
"""Fields that are looked at for the one at fault: it is done in Python, and all other calls wait."""


def parse(kind: type[M], data: bytes) -> M:
    """The message. Raises Invalid, with the name of the field if one holds what is not UTF-8."""
    try:
        return kind.FromString(data)
    except DecodeError:
        field = _not_utf8(kind.DESCRIPTOR, memoryview(data), _DEEPEST, iter(range(_MOST_FIELDS)))
        if field is None:
            raise Invalid.of("request", Reason.INVALID_ARGUMENT, "the request can't be decoded") from None
        raise Invalid.of(field, Reason.INVALID_TEXT, f"{field} is not UTF-8") from None


def _not_utf8(descriptor: Any, data: memoryview, depth: int, budget: Iterator[int]) -> str | None:
    """The path of the first text that is not UTF-8; None if there is none, if the data end early, or the budget."""
    if depth == 0:
        return None
    try:
        for number, value in _fields(data, budget):
            field = descriptor.fields_by_number.get(number)
            if field is None:
                continue
            if field.type == FieldDescriptor.TYPE_STRING and not _is_utf8(value):
                return str(field.name)
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                inner = _not_utf8(field.message_type, value, depth - 1, budget)
                if inner is not None:
                    entry = field.message_type.GetOptions().map_entry
                    return str(field.name) if entry else f"{field.name}.{inner}"
    except (IndexError, ValueError):
        return None
    return None


def _fields(data: memoryview, budget: Iterator[int]) -> Iterator[tuple[int, memoryview]]:
    """The fields that have a length, as they lie on the wire, while the budget lasts.

    Raises IndexError or ValueError at nonsense.
    """
    at = 0
    while at < len(data) and next(budget, None) is not None:
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 2:
                size, at = _varint(data, at)
                yield tag >> 3, data[at : at + size]
                at += size
            case 5:
                at += 4
            case _:
                raise ValueError("a group, or nonsense")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError if the data end before it does, ValueError if it never ends."""
    number = 0
    for place in range(_LONGEST_VARINT):
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return number, at + place + 1
    raise ValueError("a number without an end")


def _is_utf8(value: memoryview) -> bool:
    try:
        bytes(value).decode()
    except UnicodeDecodeError:
        return False
    return True
