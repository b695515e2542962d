"""Amazon SNS as an SMS provider: its delivery status records, as they come from CloudWatch."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from octavo.domain.notification import Status
from octavo.providers.receipt import message, unknown_status, unreadable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "sns"

FAILURES: Mapping[str, Status] = MappingProxyType(
    {
        "Phone is currently unreachable/unavailable": Status.TEMPORARY_FAILURE,
        "Phone carrier is currently unreachable/unavailable": Status.TEMPORARY_FAILURE,
        "Unknown error attempting to reach phone": Status.TEMPORARY_FAILURE,
        "Phone carrier has blocked this message": Status.PERMANENT_FAILURE,
        "Blocked as spam by phone carrier": Status.PERMANENT_FAILURE,
        "Destination is on a blocked list": Status.PERMANENT_FAILURE,
        "Phone number is on a blocked list": Status.PERMANENT_FAILURE,
        "Phone number is opted out": Status.PERMANENT_FAILURE,
        "Invalid phone number": Status.PERMANENT_FAILURE,
        "Phone is blocked": Status.PERMANENT_FAILURE,
        "Message body is invalid": Status.TECHNICAL_FAILURE,
        "No quota left for account": Status.TECHNICAL_FAILURE,
        "This delivery would exceed max price": Status.TECHNICAL_FAILURE,
        "Rate exceeded": Status.TEMPORARY_FAILURE,
    }
)
"""The provider's words for a failure (AWS documentation of SMS delivery status; facts of the field)."""


def receipt_of_record(record: Mapping[str, Any], received_at: datetime) -> ReceiptMessage:
    """The receipt in a delivery status record: SUCCESS, or FAILURE by its reason. Raises Invalid if it can't be read."""
    notification, delivery = record.get("notification"), record.get("delivery")
    if not isinstance(notification, dict) or not isinstance(notification.get("messageId"), str):
        raise unreadable(NAME, "has no messageId")
    response = delivery.get("providerResponse") if isinstance(delivery, dict) else None
    words = response.rstrip(".") if isinstance(response, str) else ""
    if record.get("status") == "SUCCESS":
        status, reason = Status.DELIVERED, ""
    elif record.get("status") == "FAILURE" and words in FAILURES:
        # Only words of the table are kept: others could name the number.
        status, reason = FAILURES[words], words
    else:
        status, reason = unknown_status(NAME), "unknown"
    made = message(NAME, notification["messageId"], status, reason, received_at)
    # SNS knows its own id only, which happens to be a UUID, too.
    made.notification_id, made.provider_reference = b"", notification["messageId"]
    return made
