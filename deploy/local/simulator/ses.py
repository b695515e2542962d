"""Amazon SES v2: `SendEmail` as the `sesv2` client of boto3 calls it; its receipts are event records inside SNS."""

import json
import time
import uuid
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parseaddr
from types import MappingProxyType
from typing import Any

from deploy.local.simulator import sns
from deploy.local.simulator.message import Answer, Message, Outcome, Parcel, Receipt, outcome_of_mailbox

# The tag that carries Octavo's reference.
REFERENCE_TAG = "notification_id"
_ERRORS = MappingProxyType({429: "TooManyRequestsException", 400: "BadRequestException", 403: "AccessDeniedException"})
_EVENTS: Mapping[Outcome, tuple[str, ...]] = {
    Outcome.DELIVERED: ("Delivery",),
    Outcome.TEMPORARY_FAILURE: ("Bounce",),
    Outcome.PERMANENT_FAILURE: ("Bounce",),
    Outcome.COMPLAINT: ("Delivery", "Complaint"),
}


class Ses:
    """Plays SES; it wants a request that is signed, without judging the signature, as it has no keys of callers."""

    name = "ses"
    path = "/v2/email/outbound-emails"

    def __init__(self, topic: sns.Topic) -> None:
        self._topic = topic

    def read(self, headers: Mapping[str, str], body: bytes) -> Message | Answer:
        """The message of a request, or 403 without a signature and 400 for what SES would not take."""
        if not headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
            return _error(403, "Missing Authentication Token", {})
        try:
            return _message(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError) as fault:
            reason = str(fault) if isinstance(fault, _NotTakenError) else "Malformed request"
            return _error(400, reason, {})

    def new_id(self) -> str:
        """A message id in the form of SES."""
        return f"0102{time.time_ns() // 1_000_000:012x}-{uuid.uuid4()}-000000"

    def accepted(self, provider_id: str) -> Answer:
        """SES answers with its message id."""
        return Answer(200, b'{"MessageId":"%s"}' % provider_id.encode())

    def failure(self, status: int, retry_after: int | None) -> Answer:
        """An AWS error."""
        headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        return _error(status, "Maximum sending rate exceeded." if status == 429 else "Service unavailable", headers)  # noqa: PLR2004

    def receipts(self, message: Message, provider_id: str, pending_first: bool) -> list[Receipt]:  # noqa: ARG002
        """One event, or none, or two for a complaint; a repetition is published anew, with another SNS MessageId."""
        return [self._receipt(message, provider_id, kind) for kind in _EVENTS.get(message.outcome, ())]

    def _receipt(self, message: Message, provider_id: str, kind: str) -> Receipt:
        sent = datetime.now(UTC)

        def parcel() -> Parcel:
            now = datetime.now(UTC)
            event = json.dumps(_event(message, provider_id, kind, sent, now))
            return sns.parcel(self._topic.notification(event, "Amazon SES Email Event Notification", now))

        return Receipt("/receipts/ses", parcel)


class _NotTakenError(ValueError):
    """A request that SES refuses; its text is for the caller and names no one."""


def _message(request: dict[str, Any]) -> Message:
    content = request["Content"]
    if len(content.keys() & {"Simple", "Raw"}) != 1:
        raise _NotTakenError("Content must be exactly one of Simple and Raw.")
    sender = request.get("FromEmailAddress", "")
    recipients = list(request.get("Destination", {}).get("ToAddresses", []))
    reply_to = list(request.get("ReplyToAddresses", []))
    if "Raw" in content:
        mime = BytesHeaderParser().parsebytes(b64decode(content["Raw"]["Data"], validate=True))
        sender = sender or str(mime.get("From", ""))
        recipients = recipients or [address for _, address in getaddresses(mime.get_all("To", []))]
        reply_to = reply_to or [address for _, address in getaddresses(mime.get_all("Reply-To", []))]
    else:
        simple = content["Simple"]
        if not simple["Subject"]["Data"] or not simple["Body"].keys() & {"Text", "Html"}:
            raise _NotTakenError("A simple email needs a subject and a body.")
    if not sender:
        raise _NotTakenError("Missing FromEmailAddress.")
    if len(recipients) != 1:
        raise _NotTakenError("This simulator takes exactly one recipient.")
    recipient = parseaddr(recipients[0])[1]
    if "@" not in recipient:
        raise _NotTakenError("Illegal address.")
    tags = {tag["Name"]: [tag["Value"]] for tag in request.get("EmailTags", [])}
    return Message(
        reference=tags.get(REFERENCE_TAG, [""])[0],
        recipient=recipient,
        outcome=outcome_of_mailbox(recipient),
        reply_to=tuple(reply_to),
        sender=sender,
        tags=tags,
    )


def _event(message: Message, provider_id: str, kind: str, sent: datetime, now: datetime) -> dict[str, Any]:
    """An event record as SES publishes it to SNS."""
    at = sns.timestamp(now)
    mail = {
        "timestamp": sns.timestamp(sent),
        "source": message.sender,
        "sendingAccountId": "000000000000",
        "messageId": provider_id,
        "destination": [message.recipient],
        "headersTruncated": False,
        "headers": [],
        "commonHeaders": {"from": [message.sender], "to": [message.recipient], "messageId": provider_id},
        "tags": {name: list(values) for name, values in message.tags.items()},
    }
    return {"eventType": kind, "mail": mail, kind.lower(): _details(message, kind, at, sent, now)}


def _details(message: Message, kind: str, at: str, sent: datetime, now: datetime) -> dict[str, Any]:
    if kind == "Delivery":
        return {
            "timestamp": at,
            "processingTimeMillis": int((now - sent).total_seconds() * 1000),
            "recipients": [message.recipient],
            "smtpResponse": "250 2.6.0 Message received",
            "reportingMTA": "simulator.invalid",
        }
    if kind == "Complaint":
        return {
            "timestamp": at,
            "feedbackId": str(uuid.uuid4()),
            "complainedRecipients": [{"emailAddress": message.recipient}],
            "complaintFeedbackType": "abuse",
        }
    permanent = message.outcome is Outcome.PERMANENT_FAILURE
    status, text = ("5.1.1", "550 5.1.1 user unknown") if permanent else ("4.2.2", "452 4.2.2 mailbox full")
    return {
        "timestamp": at,
        "feedbackId": str(uuid.uuid4()),
        "bounceType": "Permanent" if permanent else "Transient",
        "bounceSubType": "General" if permanent else "MailboxFull",
        "bouncedRecipients": [
            {"emailAddress": message.recipient, "action": "failed", "status": status, "diagnosticCode": f"smtp; {text}"}
        ],
        "reportingMTA": "dsn; simulator.invalid",
    }


def _error(status: int, text: str, headers: Mapping[str, str]) -> Answer:
    kind = _ERRORS.get(status, "InternalServiceErrorException")
    return Answer(status, json.dumps({"message": text}).encode(), headers={"x-amzn-ErrorType": kind, **headers})
