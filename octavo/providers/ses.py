"""Amazon SES: email. Its receipts, which are event records inside SNS messages (octavo/providers/sns.py verifies those)."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from octavo.domain.notification import Status
from octavo.providers import ReceiptRequest
from octavo.providers.receipt import code, message, unknown_status, unreadable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "ses"
TAG = "notification_id"
"""The email tag that carries our reference: SES hands it back in every event."""

BOUNCES: Mapping[str, Status] = MappingProxyType({"Permanent": Status.PERMANENT_FAILURE})
"""The type of a bounce; any other is a temporary failure (facts of the field)."""

EVENTS: Mapping[str, Status | None] = MappingProxyType(
    {
        "Delivery": Status.DELIVERED,
        "Bounce": Status.TEMPORARY_FAILURE,
        "Complaint": None,
        # SES gave up before it tried: a virus, or a rendering that failed.
        "Reject": Status.TECHNICAL_FAILURE,
        "Rendering Failure": Status.TECHNICAL_FAILURE,
    }
)
"""The type of an event. A complaint is recorded, and the status stays."""

SILENT = frozenset({"Send", "Open", "Click", "DeliveryDelay", "Subscription"})
"""Events that tell nothing about the end of an email."""


class SesReceipts:
    """Receipts of SES: the event inside an SNS message whose signature has been verified."""

    name = NAME

    def authenticate(self, request: ReceiptRequest) -> None:
        """The envelope's signature says where it comes from; there is nothing left to check."""

    def parse(self, request: ReceiptRequest) -> Sequence[ReceiptMessage]:
        """The receipts of an event in JSON. Raises Invalid if it can't be read."""
        try:
            event = json.loads(request.body)
        except (ValueError, RecursionError):
            raise unreadable(NAME, "is no JSON") from None
        if not isinstance(event, dict):
            raise unreadable(NAME, "is no event")
        return receipts_of_event(event, request.received_at)


def receipts_of_event(event: Mapping[str, Any], received_at: datetime) -> list[ReceiptMessage]:
    """The receipt in an event; none in one that tells nothing about the end. Raises Invalid if it can't be read."""
    # Events say eventType, notifications of the older kind notificationType.
    kind = event.get("eventType") or event.get("notificationType")
    mail = event.get("mail")
    if not isinstance(kind, str) or not isinstance(mail, dict):
        raise unreadable(NAME, "has no type or no mail")
    if kind in SILENT:
        return []
    details = event.get(kind.lower())
    details = details if isinstance(details, dict) else {}
    made = message(
        NAME,
        _reference(mail),
        _status(kind, details),
        _reason(kind, details),
        received_at,
        occurred_at=_time(details.get("timestamp")),
        complaint=kind == "Complaint",
    )
    message_id = mail.get("messageId")
    if not made.provider_reference and isinstance(message_id, str):
        made.provider_reference = message_id[:200]
    return [made]


def _status(kind: str, details: Mapping[str, Any]) -> Status | None:
    if kind not in EVENTS:
        return unknown_status(NAME)
    status = EVENTS[kind]
    return BOUNCES.get(code(details.get("bounceType")), status) if kind == "Bounce" else status


def _reason(kind: str, details: Mapping[str, Any]) -> str:
    """Codes alone: diagnostic texts hold addresses."""
    if kind == "Delivery":
        return ""
    words = {
        "Bounce": (details.get("bounceType"), details.get("bounceSubType"), _enhanced_status(details)),
        "Complaint": (details.get("complaintFeedbackType"),),
    }.get(kind, ())
    return " ".join(filter(None, [kind.lower(), *map(code, words)]))


def _enhanced_status(details: Mapping[str, Any]) -> object:
    """The enhanced status code (RFC 3463) of the first recipient, as 5.1.1; we send to one recipient at a time."""
    bounced = details.get("bouncedRecipients")
    first = bounced[0] if isinstance(bounced, list) and bounced else None
    return first.get("status") if isinstance(first, dict) else None


def _reference(mail: Mapping[str, Any]) -> str:
    """Our own tag, or else the message id that SES gave."""
    tags = mail.get("tags")
    tagged = tags.get(TAG) if isinstance(tags, dict) else None
    if isinstance(tagged, list) and tagged and isinstance(tagged[0], str) and tagged[0]:
        return tagged[0]
    message_id = mail.get("messageId")
    return message_id if isinstance(message_id, str) else ""


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
