"""Firetext: forms with the key inside; its receipts are forms with basic authorization."""

import hmac
import json
import uuid
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from deploy.local.simulator.message import Answer, Message, Outcome, Parcel, Receipt, outcome_of_number

# Status and code of a receipt, after the facts of the field: 102 is an absent subscriber, 101 an unknown one.
_PENDING = ("2", "")
_RECEIPTS = {
    Outcome.DELIVERED: ("0", "000"),
    Outcome.TEMPORARY_FAILURE: ("1", "102"),
    Outcome.PERMANENT_FAILURE: ("1", "101"),
}
# The username beside the token; a form has no place for a bearer token at this provider.
RECEIPT_USERNAME = "firetext"


class Firetext:
    """Plays Firetext, which answers 200 to whatever it understood enough to refuse."""

    name = "firetext"
    path = "/firetext"

    def __init__(self, api_key: str, receipt_token: str) -> None:
        self._api_key = api_key.encode()
        credentials = b64encode(f"{RECEIPT_USERNAME}:{receipt_token}".encode()).decode()
        self._receipt_headers = {
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def read(self, headers: Mapping[str, str], body: bytes) -> Message | Answer:  # noqa: ARG002
        """The message of a request, or 200 with the code that says why not."""
        try:
            form = dict(parse_qsl(body.decode(), max_num_fields=20))
        except ValueError:
            return _coded(200, 5, "Message error")
        if not hmac.compare_digest(form.get("apiKey", "").encode(), self._api_key):
            return _coded(200, 1, "Authentication error")
        number = form.get("to", "")
        if not (number.isascii() and number.isdigit()):
            return _coded(200, 2, "Destination number(s) error")
        if not form.get("from"):
            return _coded(200, 3, "From error")
        if not form.get("message"):
            return _coded(200, 5, "Message error")
        return Message(form.get("reference", ""), number, outcome_of_number(number), sender=form["from"])

    def new_id(self) -> str:
        """Firetext's id of a message."""
        return uuid.uuid4().hex

    def accepted(self, provider_id: str) -> Answer:
        """Firetext's code 0."""
        return Answer(
            200,
            b'{"code":0,"description":"SMS successfully queued","responseData":"%s"}' % provider_id.encode(),
        )

    def failure(self, status: int, retry_after: int | None) -> Answer:
        """Firetext's error; 200 asks for a failure that only the code tells."""
        headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        return _coded(status, 99, "Service unavailable", headers)

    def receipts(self, message: Message, provider_id: str, pending_first: bool) -> list[Receipt]:  # noqa: ARG002
        """One receipt, or none; when told so, one with the status pending comes first."""
        if message.outcome not in _RECEIPTS:
            return []
        states = [_PENDING, _RECEIPTS[message.outcome]] if pending_first else [_RECEIPTS[message.outcome]]
        return [self._receipt(message, status, code) for status, code in states]

    def _receipt(self, message: Message, status: str, code: str) -> Receipt:
        def parcel() -> Parcel:
            form = {
                "reference": message.reference,
                "mobile": message.recipient,
                "status": status,
                "code": code,
                "time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            }
            return Parcel(urlencode(form).encode(), self._receipt_headers)

        return Receipt("/receipts/firetext", parcel)


def _coded(status: int, code: int, description: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"code": code, "description": description, "responseData": ""})
    return Answer(status, body.encode(), headers=headers or {})
