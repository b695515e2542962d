"""Firetext: SMS. Its receipts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import parse_qsl

from octavo.domain.notification import Status
from octavo.providers import ReceiptRequest
from octavo.providers.receipt import code, message, require_basic, unknown_status, unreadable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "firetext"

STATUSES: Mapping[str, Status] = MappingProxyType(
    {"0": Status.DELIVERED, "1": Status.PERMANENT_FAILURE, "2": Status.PENDING}
)
"""The status of a receipt (facts of the field)."""

CODES: Mapping[str, Status] = MappingProxyType(
    dict.fromkeys(("000", "102", "103", "104", "302", "900"), Status.TEMPORARY_FAILURE)
    | dict.fromkeys(("101", "201", "301", "401"), Status.PERMANENT_FAILURE)
)
"""What the code of a receipt with status 1 makes of it (facts of the field)."""

_FAILED = "1"
_MOST_FIELDS = 50


class FiretextReceipts:
    """Receipts of Firetext: forms with reference, status and code, and basic authorization."""

    name = NAME

    def __init__(self, password: str) -> None:
        self._password = password

    def authenticate(self, request: ReceiptRequest) -> None:
        """Raises Unauthenticated unless the password is ours."""
        require_basic(request, self._password)

    def parse(self, request: ReceiptRequest) -> Sequence[ReceiptMessage]:
        """The one receipt in it. Raises Invalid if it is no form with a reference."""
        try:
            form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        except ValueError:
            raise unreadable(NAME, "is no form") from None
        top, detail = code(form.get("status")), code(form.get("code"))
        status = status_of(top, detail) or unknown_status(NAME)
        return [
            message(
                NAME,
                form.get("reference", ""),
                status,
                _worded(status, top, detail),
                request.received_at,
                occurred_at=_time(form.get("time", "")),
            )
        ]


def status_of(top: str, detail: str) -> Status | None:
    """What a status and its code mean; None for a status that is in no table."""
    status = STATUSES.get(top)
    return CODES.get(detail, status) if top == _FAILED else status


def _worded(status: Status, top: str, detail: str) -> str:
    """A delivery needs no reason."""
    if status is Status.DELIVERED:
        return ""
    return f"firetext status {top or 'unknown'}" + (f", code {detail}" if detail else "")


def _time(text: str) -> datetime | None:
    """The time in it, taken as UTC; None if there is none to be read."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
