"""Firetext: SMS over HTTP with forms. Its client and its receipts."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from pydantic import Field, SecretStr

from octavo.config import Settings
from octavo.domain.notification import NOT_EXPLAINED, NotificationType, Status
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.providers import EmailMessage, ReceiptRequest, TextMessage
from octavo.providers.http import OK, TOTAL_SECONDS, Answer, HttpClient, refusal
from octavo.providers.receipt import code, message, require_basic, unknown_status, unreadable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "firetext"

ANSWERS: Mapping[str, Outcome] = MappingProxyType(
    {
        "2": Permanent("firetext code 2"),
        "3": Permanent("firetext code 3", Status.TECHNICAL_FAILURE),
        "5": Permanent("firetext code 5", Status.TECHNICAL_FAILURE),
    }
)
"""Codes of an answer that say the same however often it is asked: the number, the sender, the text.

All others but 0 (wrong credentials, no credit, a failure inside) may pass, and nothing was sent.
"""


class FiretextSettings(Settings):
    """Firetext."""

    firetext_url: str = Field(pattern=r"^https?://", description="Address that SMS are posted to at Firetext.")
    firetext_api_key: SecretStr = Field(min_length=1, description="API key at Firetext.")


class Firetext:
    """Firetext's client."""

    name = NAME
    type = NotificationType.SMS

    def __init__(self, settings: FiretextSettings, in_flight: int, total_seconds: float = TOTAL_SECONDS) -> None:
        self.at_once = in_flight
        self._url = settings.firetext_url
        self._api_key = settings.firetext_api_key.get_secret_value()
        self._client = HttpClient(in_flight, total_seconds)

    async def send(self, message: TextMessage | EmailMessage) -> Outcome:
        """Offers a text, once. Code 0 means accepted."""
        if not isinstance(message, TextMessage):
            raise TypeError("Firetext sends SMS")
        form = {
            "apiKey": self._api_key,
            "from": message.sender,
            "to": message.to.digits,
            "message": message.text,
            "reference": str(message.reference),
        }
        answer = await self._client.post(self._url, form=form)
        return _outcome(answer) if isinstance(answer, Answer) else answer

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.close()


def _outcome(answer: Answer) -> Outcome:
    if answer.status != OK:
        return refusal(answer)
    given = _read(answer.body)
    said = code(given.get("code"))
    if not answer.whole or not said:
        return Uncertain("an answer that can't be read")
    if said == "0":
        return Accepted(code(given.get("responseData")))
    return ANSWERS.get(said) or Temporary(f"firetext code {said}", answer.retry_after)


def _read(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


STATUSES: Mapping[str, Status] = MappingProxyType(
    {"0": Status.DELIVERED, "1": Status.PERMANENT_FAILURE, "2": Status.PENDING}
)
"""The status of a receipt. A failure without a known code gives way to a pending receipt (facts of the field; ADR 0029)."""

CODES: Mapping[str, Status] = MappingProxyType(
    dict.fromkeys(("000", "102", "103", "104", "302", "900"), Status.TEMPORARY_FAILURE)
    | dict.fromkeys(("101", "201", "301", "401"), Status.PERMANENT_FAILURE)
)
"""What the code of a receipt with status 1 makes of it (facts of the field)."""

_FAILED = "1"
_MOST_FIELDS = 50


class FiretextReceiptSettings(Settings):
    """Receipts of Firetext."""

    firetext_receipt_token: SecretStr = Field(min_length=16, description="Password of Firetext's receipts.")


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
    reason = f"firetext status {top or 'unknown'}" + (f", code {detail}" if detail else "")
    return f"{reason}: {NOT_EXPLAINED}" if top == _FAILED and detail not in CODES else reason


def _time(text: str) -> datetime | None:
    """The time in it, taken as UTC; None if there is none to be read."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
