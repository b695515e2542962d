"""Ids: UUIDv7 (RFC 9562), whose first 48 bits are the milliseconds since 1970.

Rows insert in order, partitions are ranges of ids, and an id tells its age.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID, SafeUUID

from octavo.domain.errors import Invalid, Reason

REQUEST_ID_MAX_AGE = timedelta(hours=24)
"""Oldest request_id that repeats a call (design, section 3)."""
REQUEST_ID_MAX_AHEAD = timedelta(minutes=5)
"""How far a client's clock may be ahead (design, section 3)."""
FIRST_ATTEMPT = timedelta(seconds=2)
"""How old a request_id can be that no earlier call had (design, section 3)."""

_BYTES = 16
_VERSION = 0x7
# A member of an enumeration is looked up by a call.
_UNKNOWN = SafeUUID.unknown
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX_AGE = REQUEST_ID_MAX_AGE // _MILLISECOND
_MAX_AHEAD = REQUEST_ID_MAX_AHEAD // _MILLISECOND
_FIRST_ATTEMPT = FIRST_ATTEMPT // _MILLISECOND
# As nearly all are written, and read in a third of the time.
_CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_CANONICAL_LENGTH = 36
_TIMESTAMP_SHIFT = 80
_RANDOM_A_SHIFT = 64
_RANDOM_A_MASK = (1 << 12) - 1
_RANDOM_B_MASK = (1 << 62) - 1
_RANDOM_BITS = 74
_FIXED_BITS = (_VERSION << 76) | (0b10 << 62)
_FIXED_MASK = (0xF << 76) | (0b11 << 62)
_HASH_BYTES = 10
# 24 bits number 16 million rows; the other 50 of the 74 free bits tell jobs of the same millisecond apart.
_ROW_SHIFT = 50
_MAX_ROW = (1 << 24) - 1


def _assemble(milliseconds: int, random: int) -> UUID:
    """A UUIDv7 of 48 bits of time and 74 bits of anything, in that order of significance."""
    return _uuid(
        (milliseconds << _TIMESTAMP_SHIFT)
        | _FIXED_BITS
        | ((random >> 62) << _RANDOM_A_SHIFT)
        | (random & _RANDOM_B_MASK)
    )


def _uuid(number: int) -> UUID:
    """The UUID of a number, which must have 128 bits at most.

    UUID() looks first for what it was given, and four times as long. Its attributes are read-only, but for this.
    """
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def id_of(written: bytes) -> UUID:
    """An id from its 16 bytes, as messages carry it. Raises ValueError if they are not 16."""
    _check_length(written)
    return _uuid(int.from_bytes(written, "big"))


def text_of(written: bytes) -> str:
    """The usual text of an id of 16 bytes. Raises ValueError if they are not 16."""
    _check_length(written)
    digits = written.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _check_length(written: bytes) -> None:
    if len(written) != _BYTES:
        raise ValueError("an id has 16 bytes")


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND


def uuid7(at: datetime, randomness: bytes) -> UUID:
    """A new id of this instant. It needs 10 bytes of randomness, of which it uses 74 bits."""
    random = int.from_bytes(randomness[:_HASH_BYTES], "big")
    return _assemble(_milliseconds(at), random & ((1 << _RANDOM_BITS) - 1))


def time_of(notification_id: UUID) -> datetime:
    """When the id was made, in UTC, to the millisecond. Raises OverflowError for one that names a time after the year 9999."""
    return _EPOCH + (notification_id.int >> _TIMESTAMP_SHIFT) * _MILLISECOND


def age_of(notification_id: UUID, now: datetime) -> timedelta:
    """How long ago the id was made; negative for a time to come. Any id will do, also one that is none of ours."""
    return _age(notification_id, now) * _MILLISECOND


def _age(one: UUID, now: datetime) -> int:
    """The same, in milliseconds."""
    return _milliseconds(now) - (one.int >> _TIMESTAMP_SHIFT)


def span_of(notification_id: UUID) -> tuple[UUID, UUID]:
    """The first and the last id of the same millisecond. Any id will do."""
    milliseconds = notification_id.int >> _TIMESTAMP_SHIFT
    return _assemble(milliseconds, 0), _assemble(milliseconds, (1 << _RANDOM_BITS) - 1)


def first_id_at(at: datetime) -> UUID:
    """The smallest id of this instant: where a partition or a range of time begins."""
    return _assemble(_milliseconds(at), 0)


def repeatable_id(request_id: UUID, service_id: UUID, key: bytes) -> UUID:
    """The notification id of a request_id: always the same, and nobody without the key can foresee it.

    It keeps the time of the request_id. The key has 16 to 64 bytes.
    """
    digest = blake2b(service_id.bytes + request_id.bytes, digest_size=_HASH_BYTES, key=key).digest()
    return _assemble(
        request_id.int >> _TIMESTAMP_SHIFT,
        int.from_bytes(digest, "big") & ((1 << _RANDOM_BITS) - 1),
    )


def check_request_id(request_id: str, now: datetime) -> UUID:
    """The request_id as a UUID.

    Raises Invalid unless it is a UUIDv7, at most 24 h old and at most 5 minutes ahead of `now`.
    """
    parsed = _read(request_id)
    if parsed is None or parsed.int & _FIXED_MASK != _FIXED_BITS:
        raise Invalid.of("request_id", Reason.REQUEST_ID_NOT_UUID7, "request_id must be a UUIDv7")
    if not -_MAX_AHEAD <= _age(parsed, now) <= _MAX_AGE:
        raise Invalid.of(
            "request_id",
            Reason.REQUEST_ID_OUT_OF_RANGE,
            "request_id must be at most 24 hours old and at most 5 minutes ahead",
        )
    return parsed


def _read(text: str) -> UUID | None:
    """The id that a text of the canonical length is; None if it is none."""
    if _CANONICAL.fullmatch(text):
        return _uuid(int(text.replace("-", ""), 16))
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    # UUID() also reads braces, "urn:uuid:" and missing hyphens; two spellings of one id would be two contents.
    return parsed if len(text) == _CANONICAL_LENGTH else None


def may_repeat(request_id: UUID, now: datetime) -> bool:
    """Whether an earlier call may have had the request_id: only then is it worth a look-up.

    One of the future is by a clock that goes ahead, and tells nothing of how long the id has been there. Ahead by less than
    FIRST_ATTEMPT, as many clocks are, it counts as new: for twice that time a repetition at another process is charged again.
    """
    return not -_FIRST_ATTEMPT <= _age(request_id, now) <= _FIRST_ATTEMPT


def row_id(job_id: UUID, row: int) -> UUID:
    """The notification id of a row of a CSV job: a pure function, so that reading a job again repeats nothing.

    It keeps the job's time, and the ids of a job are in the order of its rows. Raises ValueError for a row below 0 or
    above 16,777,215.
    """
    if not 0 <= row <= _MAX_ROW:
        raise ValueError("no job has such a row")
    digest = blake2b(job_id.bytes + row.to_bytes(3, "big"), digest_size=7).digest()
    tail = int.from_bytes(digest, "big") & ((1 << _ROW_SHIFT) - 1)
    return _assemble(job_id.int >> _TIMESTAMP_SHIFT, (row << _ROW_SHIFT) | tail)
