"""Makes values out of protobuf messages: each field of a frozen dataclass is read from the field of the same name."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[Any], Any]


def read(kind: type[T], message: Message, **known: Any) -> T:
    """A value of the kind; `known` fields are given instead of read. A field that the message lacks keeps its default."""
    kind_of_value: Any = kind
    fields = {name: reader(message) for name, reader in _readers(kind_of_value, message.DESCRIPTOR)}
    return kind(**{**fields, **known})


def timestamp(at: datetime | None) -> Timestamp | None:
    """A time for a request. Raises ValueError for one without a zone, which could mean two instants."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("a time needs a zone, such as datetime.UTC")
    made = Timestamp()
    made.FromDatetime(at.astimezone(UTC))
    return made


def enum_number(field: Any, member: StrEnum | str | None) -> Any:
    """The number of a member for a request, 0 for None; `field` is one of the enum's type. Raises ValueError for no member."""
    if member is None:
        return 0
    wanted = str(member).upper().replace("-", "_")
    for value in field.enum_type.values:
        if value.name == f"{_prefix(field)}{wanted}":
            return value.number
    raise ValueError(f"{member!r} is no {field.name}")


@cache
def _readers(kind: Any, descriptor: Any) -> tuple[tuple[str, Reader], ...]:
    hints = get_type_hints(kind)
    return tuple(
        (field.name, _reader(hints[field.name], descriptor.fields_by_name[field.name]))
        for field in dataclasses.fields(kind)
        if field.name in descriptor.fields_by_name
    )


def _reader(hint: Any, field: Any) -> Reader:
    name = field.name
    if get_origin(hint) is tuple:
        of_item = _convert(get_args(hint)[0], field)
        return lambda message: tuple(of_item(item) for item in getattr(message, name))
    convert = _convert(hint, field)
    if field.has_presence and (field.message_type is not None or isinstance(hint, UnionType)):
        return lambda message: convert(getattr(message, name)) if message.HasField(name) else None
    return lambda message: convert(getattr(message, name))


def _convert(hint: Any, field: Any) -> Reader:
    optional = isinstance(hint, UnionType)
    if optional:
        (hint,) = (option for option in get_args(hint) if option is not NoneType)
    if hint is datetime:
        return lambda value: value.ToDatetime(tzinfo=UTC)
    if dataclasses.is_dataclass(hint):
        kind: Any = hint
        return lambda value: read(kind, value)
    if field.enum_type is not None:
        return _enum_reader(hint, field, optional=optional)
    return lambda value: value


def _enum_reader(kind: type[E], field: Any, *, optional: bool) -> Callable[[int], E | None]:
    members: dict[int, E | None] = {
        value.number: kind(value.name.removeprefix(_prefix(field)).lower().replace("_", "-"))
        for value in field.enum_type.values
        if value.number
    }
    unknown = kind("unknown")
    members[0] = None if optional else unknown
    # A newer server may know more than this client.
    return lambda number: members.get(number, unknown)


def _prefix(field: Any) -> str:
    """What the names of the enum's values begin with: its own name, as in NOTIFICATION_STATUS_."""
    return str(field.enum_type.values_by_number[0].name).removesuffix("UNSPECIFIED")
