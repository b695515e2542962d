"""MMG: JSON with basic authorization; its receipts are JSON with a bearer token."""

import hmac
import json
import uuid
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from deploy.local.simulator.message import Answer, Message, Outcome, Parcel, Receipt, outcome_of_number

# Status and substatus of a receipt: facts of the field for the status, free text for the other.
_RECEIPTS = {
    Outcome.DELIVERED: ("3", ""),
    Outcome.TEMPORARY_FAILURE: ("4", "27"),
    Outcome.PERMANENT_FAILURE: ("5", "51"),
}


class Mmg:
    """Plays MMG."""

    name = "mmg"
    path = "/mmg"

    def __init__(self, username: str, password: str, receipt_token: str) -> None:
        self._authorization = b"Basic " + b64encode(f"{username}:{password}".encode())
        self._receipt_headers = {"Authorization": f"Bearer {receipt_token}", "Content-Type": "application/json"}

    def read(self, headers: Mapping[str, str], body: bytes) -> Message | Answer:
        """The message of a request, or 401 for wrong credentials and 400 for what MMG would not take."""
        given = headers.get("Authorization", "").encode(errors="replace")
        if not hmac.compare_digest(given, self._authorization):
            return _error(401, "Authentication failed")
        try:
            request = json.loads(body)
        except ValueError:
            return _error(400, "Malformed JSON")
        if fault := _fault(request):
            return _error(400, fault)
        number = request["MSISDN"]
        return Message(request["cid"], number, outcome_of_number(number), sender=request["sender"])

    def new_id(self) -> str:
        """MMG's reference of a message."""
        return uuid.uuid4().hex

    def accepted(self, provider_id: str) -> Answer:
        """MMG answers with its reference."""
        return Answer(200, b'{"Reference":"%s"}' % provider_id.encode())

    def failure(self, status: int, retry_after: int | None) -> Answer:
        """MMG's error in JSON."""
        return _error(
            status, "Service unavailable", {"Retry-After": str(retry_after)} if retry_after is not None else {}
        )

    def receipts(self, message: Message, provider_id: str, pending_first: bool) -> list[Receipt]:  # noqa: ARG002
        """One receipt, or none."""
        if message.outcome not in _RECEIPTS:
            return []
        status, substatus = _RECEIPTS[message.outcome]
        body = {
            "CID": message.reference,
            "MSISDN": message.recipient,
            "reference": provider_id,
            "status": status,
            "substatus": substatus,
        }
        return [Receipt("/receipts/mmg", lambda: Parcel(json.dumps(body).encode(), self._receipt_headers))]


def _fault(request: Any) -> str | None:
    """Why MMG would not take a request, or None if it would."""
    if not isinstance(request, dict):
        return "Malformed JSON"
    for key in ("MSISDN", "msg", "sender", "cid"):
        if not isinstance(request.get(key), str) or not request[key]:
            return f"Missing or invalid field: {key}"
    if not (request["MSISDN"].isascii() and request["MSISDN"].isdigit()):
        return "Missing or invalid field: MSISDN"
    if request.get("reqType") != "BULK" or request.get("multi") is not True:
        return "Only multi-part BULK requests are allowed"
    return None


def _error(status: int, description: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"errorCode": str(status), "errorDescription": description})
    return Answer(status, body.encode(), headers=headers or {})
