"""Fields of requests, read into the types of the domain. Each raises Invalid that names the field."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from octavo.domain.errors import Invalid, Reason
from octavo.domain.limits import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_SEND_AHEAD
from octavo.domain.text import check_line
from octavo.storage.directory import Service

T = TypeVar("T")

MAX_NAME = 255
"""Characters of a name."""
LATE = timedelta(minutes=5)
"""How far in the past send_at may be, for clocks that differ and calls that are repeated: what is late goes at once."""
_LENGTH_OF_UUID = 36
_LONGEST_SECONDS = 253_402_300_800
"""The beginning of the year 10000."""


def read_id(field: str, value: str) -> UUID:
    """An id. Raises Invalid: MISSING_FIELD if it is empty, INVALID_ID if it is not a UUID in its usual spelling."""
    if not value:
        raise Invalid.of(field, Reason.MISSING_FIELD, f"{field} is needed")
    try:
        parsed = UUID(value)
    except ValueError:
        parsed = None
    if parsed is None or len(value) != _LENGTH_OF_UUID:
        raise Invalid.of(field, Reason.INVALID_ID, f"{field} must be a UUID")
    return parsed


def read_time(request: Message, field: str) -> datetime | None:
    """A time; None if it is not given. Raises Invalid unless it is one of the years 1970 to 9999."""
    if not request.HasField(field):
        return None
    given: Timestamp = getattr(request, field)
    if not 0 <= given.seconds < _LONGEST_SECONDS or not 0 <= given.nanos < 1_000_000_000:  # noqa: PLR2004
        raise Invalid.of(field, Reason.INVALID_TIMESTAMP, f"{field} must lie in the years 1970 to 9999")
    return given.ToDatetime(tzinfo=UTC)


def check_send_at(send_at: datetime | None, now: datetime) -> None:
    """When to send; None for at once. Raises Invalid for a time that is past, or too far ahead."""
    if send_at is not None and not now - LATE <= send_at <= now + MAX_SEND_AHEAD:
        raise Invalid.of(
            "send_at",
            Reason.SEND_AT_OUT_OF_RANGE,
            f"send_at must not be in the past, nor more than {MAX_SEND_AHEAD.days} days ahead",
        )


def check_choice(service: Service, *, reply_to: str = "", sms_sender: str = "") -> None:
    """Whom a call names as its sender, if anybody. Raises Invalid unless it is one of the service's."""
    if reply_to and reply_to not in service.reply_to_addresses:
        raise Invalid.of("reply_to", Reason.UNKNOWN_REPLY_TO, "reply_to is not one of the service's")
    if sms_sender and sms_sender not in service.sms_senders:
        raise Invalid.of("sms_sender", Reason.UNKNOWN_SMS_SENDER, "sms_sender is not one of the service's")


def read_page_size(given: int) -> int:
    """How many on a page: the default if it is not given, and never more than is allowed. Raises Invalid below 0."""
    if given < 0:
        raise Invalid.of("page_size", Reason.INVALID_PAGE_SIZE, "page_size must not be negative")
    return min(given or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def read_enum(numbers: Mapping[Any, T], field: str, number: int) -> T:
    """What the number of an enum means. Raises Invalid: INVALID_ENUM for one that is not known, 0 among them."""
    if number not in numbers:
        raise Invalid.of(field, Reason.INVALID_ENUM, f"{field} knows no number {number}")
    return numbers[number]


def read_needed_enum(numbers: Mapping[Any, T], field: str, number: int) -> T:
    """As read_enum. Raises Invalid with MISSING_FIELD for 0."""
    if number == 0:
        raise Invalid.of(field, Reason.MISSING_FIELD, f"{field} is needed")
    return read_enum(numbers, field, number)


def read_name(field: str, value: str) -> str:
    """A name for people: one line of at most 255 characters, without spaces around it. Raises Invalid."""
    check_line(field, value, max_length=MAX_NAME)
    name = value.strip()
    if not name:
        raise Invalid.of(field, Reason.MISSING_FIELD, f"{field} is needed")
    return name


def written_time(at: datetime | None) -> Timestamp | None:
    """A time for an answer."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
