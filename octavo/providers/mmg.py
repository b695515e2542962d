"""MMG: SMS over HTTP with JSON. Its client and its receipts."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import Field, SecretStr

from octavo.config import Settings
from octavo.domain.notification import NotificationType, Status
from octavo.domain.outcome import Accepted, Outcome, Permanent
from octavo.providers import EmailMessage, ReceiptRequest, TextMessage
from octavo.providers.http import OK, TOTAL_SECONDS, Answer, HttpClient, refusal
from octavo.providers.receipt import code, message, require_bearer, unknown_status, unreadable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "mmg"

_REFUSES_THE_REQUEST = frozenset({400, 422})


class MmgSettings(Settings):
    """MMG."""

    mmg_url: str = Field(pattern=r"^https?://", description="Address that SMS are posted to at MMG.")
    mmg_username: str = Field(min_length=1, description="User name at MMG.")
    mmg_password: SecretStr = Field(min_length=1, description="Password at MMG.")


class Mmg:
    """MMG's client."""

    name = NAME
    type = NotificationType.SMS

    def __init__(self, settings: MmgSettings, in_flight: int, total_seconds: float = TOTAL_SECONDS) -> None:
        self.at_once = in_flight
        self._url = settings.mmg_url
        credentials = f"{settings.mmg_username}:{settings.mmg_password.get_secret_value()}"
        self._headers = {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
        self._client = HttpClient(in_flight, total_seconds)

    async def send(self, message: TextMessage | EmailMessage) -> Outcome:
        """Offers a text, once. Status 200 means accepted, whatever else is in the answer."""
        if not isinstance(message, TextMessage):
            raise TypeError("MMG sends SMS")
        request = {
            "reqType": "BULK",
            "MSISDN": message.to.digits,
            "msg": message.text,
            "sender": message.sender,
            "cid": str(message.reference),
            "multi": True,
        }
        answer = await self._client.post(self._url, headers=self._headers, json=request)
        return _outcome(answer) if isinstance(answer, Answer) else answer

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.close()


def _outcome(answer: Answer) -> Outcome:
    if answer.status == OK:
        return Accepted(code(_read(answer.body).get("Reference")))
    if answer.status in _REFUSES_THE_REQUEST:
        # Of our fields only the number is the recipient's; its name in the description says that it is at fault.
        number = "MSISDN" in str(_read(answer.body).get("errorDescription"))
        return Permanent(f"http {answer.status}", Status.PERMANENT_FAILURE if number else Status.TECHNICAL_FAILURE)
    return refusal(answer)


def _read(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "2": Status.PERMANENT_FAILURE,
        "3": Status.DELIVERED,
        "4": Status.TEMPORARY_FAILURE,
        "5": Status.PERMANENT_FAILURE,
    }
)
"""The top status of a receipt, which alone decides (facts of the field)."""


class MmgReceiptSettings(Settings):
    """Receipts of MMG."""

    mmg_receipt_token: SecretStr = Field(min_length=16, description="Bearer token of MMG's receipts.")


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
