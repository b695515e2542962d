"""What the receipts of all providers have in common: credentials compared in constant time, and the message made of one."""

import hmac
import re
from base64 import b64decode
from datetime import UTC, datetime
from uuid import UUID

import structlog

from octavo.domain.errors import Invalid, Reason, Unauthenticated
from octavo.domain.moment import micros
from octavo.domain.notification import Status
from octavo.providers import ReceiptRequest
from octavo.telemetry import metrics
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import ReceiptMessage

log = structlog.get_logger()

LONGEST_REFERENCE = 200
LONGEST_REASON = 200
_DIGITS = 32
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def require_bearer(request: ReceiptRequest, token: str) -> None:
    """Raises Unauthenticated unless the request carries the bearer token."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Compared whatever the scheme is, so that the time tells nothing.
    same = hmac.compare_digest(given.strip().encode(errors="replace"), token.encode())
    if not same or scheme.lower() != "bearer":
        raise Unauthenticated("a valid token is needed")


def require_basic(request: ReceiptRequest, password: str) -> None:
    """Raises Unauthenticated unless the request carries basic credentials with the password; the user name is free."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        credentials = b64decode(given.strip().encode(), validate=True)
    except ValueError:
        credentials = b""
    same = hmac.compare_digest(credentials.partition(b":")[2], password.encode())
    if not same or scheme.lower() != "basic":
        raise Unauthenticated("a valid password is needed")


def unreadable(provider: str, why: str) -> Invalid:
    """The error for a receipt that can't be read; `why` names what is wrong, never a value."""
    return Invalid.of("body", Reason.INVALID_ARGUMENT, f"the receipt of {provider} {why}")


def unknown_status(provider: str) -> Status:
    """What a status outside of the provider's table comes to: technical-failure, and an alert."""
    metrics.RECEIPTS_UNKNOWN.labels(provider).inc()
    # The status itself is a stranger's text: it is in the notification's reason if it is a short code, not here.
    log.error("a receipt has a status that is in no table", provider=provider)
    return Status.TECHNICAL_FAILURE


def message(
    provider: str,
    reference: str,
    status: Status | None,
    reason: str,
    received_at: datetime,
    *,
    occurred_at: datetime | None = None,
    complaint: bool = False,
) -> ReceiptMessage:
    """A receipt. A reference that is not a UUID can't be ours: then it is kept as the provider's.

    `status` None moves nothing. Raises Invalid if the reference is empty, too long, or holds what no text may: a NUL or half a
    surrogate pair.
    """
    if not usable(reference):
        raise unreadable(provider, "has no usable reference")
    # A time that can't be right is none: what the receipt says of the status counts nevertheless.
    told = micros(occurred_at) if occurred_at and _1970 <= occurred_at <= received_at else 0
    made = ReceiptMessage(
        provider=provider,
        status=_NUMBERS[status] if status else pb.NOTIFICATION_STATUS_UNSPECIFIED,
        reason=reason[:LONGEST_REASON],
        occurred_at_micros=told,
        received_at_micros=micros(received_at),
        complaint=complaint,
    )
    ours = _id_in(reference)
    if ours is None:
        made.provider_reference = reference
    else:
        made.notification_id = ours
    return made


def _id_in(reference: str) -> bytes | None:
    """The id that a reference is, in any spelling of a UUID; None if it is none."""
    digits = reference.replace("-", "")
    try:
        # As ours come back. UUID() reads other spellings, too, and takes four times as long.
        found = bytes.fromhex(digits) if len(digits) == _DIGITS else b""
    except ValueError:
        found = b""
    if len(found) == _DIGITS // 2:
        return found
    try:
        return UUID(reference).bytes
    except ValueError:
        return None


def usable(reference: str) -> bool:
    """Whether a text can be kept as a reference."""
    return 0 < len(reference) <= LONGEST_REFERENCE and not _UNUSABLE.search(reference)


def code(value: object) -> str:
    """A provider's code as a reason: short, of letters, digits, `-`, `_`, `.` alone; empty if it is anything else."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    text = text.strip()
    return text if _CODE.fullmatch(text) else ""


_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_NUMBERS = {
    Status.PENDING: pb.NOTIFICATION_STATUS_PENDING,
    Status.DELIVERED: pb.NOTIFICATION_STATUS_DELIVERED,
    Status.TEMPORARY_FAILURE: pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE,
    Status.PERMANENT_FAILURE: pb.NOTIFICATION_STATUS_PERMANENT_FAILURE,
    Status.TECHNICAL_FAILURE: pb.NOTIFICATION_STATUS_TECHNICAL_FAILURE,
}
"""What a receipt can say."""
