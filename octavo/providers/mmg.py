"""MMG: SMS. Its receipts."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from octavo.domain.notification import Status
from octavo.providers import ReceiptRequest
from octavo.providers.receipt import code, message, require_bearer, unknown_status, unreadable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "mmg"

STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "2": Status.PERMANENT_FAILURE,
        "3": Status.DELIVERED,
        "4": Status.TEMPORARY_FAILURE,
        "5": Status.PERMANENT_FAILURE,
    }
)
"""The top status of a receipt, which alone decides (facts of the field)."""


class MmgReceipts:
    """Receipts of MMG: JSON with CID, status and substatus, and a bearer token."""

    name = NAME

    def __init__(self, token: str) -> None:
        self._token = token

    def authenticate(self, request: ReceiptRequest) -> None:
        """Raises Unauthenticated unless the token is ours."""
        require_bearer(request, self._token)

    def parse(self, request: ReceiptRequest) -> Sequence[ReceiptMessage]:
        """The one receipt in it. Raises Invalid if it is no JSON object with a CID and a status."""
        try:
            given = json.loads(request.body)
        except (ValueError, RecursionError):
            raise unreadable(NAME, "is no JSON") from None
        if not isinstance(given, dict) or not isinstance(given.get("CID"), str):
            raise unreadable(NAME, "has no CID")
        top = code(given.get("status"))
        status = STATUSES.get(top) or unknown_status(NAME)
        substatus = code(given.get("substatus"))
        reason = f"{top}/{substatus}" if substatus else top
        return [message(NAME, given["CID"], status, _worded(status, reason), request.received_at)]


def _worded(status: Status, reason: str) -> str:
    """A delivery needs no reason."""
    return "" if status is Status.DELIVERED else f"mmg status {reason or 'unknown'}"
