"""Fields of requests, read into the types of the domain. Each raises Invalid that names the field."""

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from octavo.domain.errors import Invalid, Reason

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


def written_time(at: datetime | None) -> Timestamp | None:
    """A time for an answer."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
