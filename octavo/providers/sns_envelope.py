"""Amazon SNS envelopes: what they hold, what of them is signed, and why one is refused."""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from octavo.domain.errors import Reason, Rejected


class Kind(StrEnum):
    """What SNS sends."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


class Refusal(StrEnum):
    """Why a message is refused; the value is the label of its counter."""

    UNREADABLE = "unreadable"
    SIGNATURE_VERSION = "signature-version"
    FOREIGN_TOPIC = "foreign-topic"
    STALE = "stale"
    FUTURE = "future"
    REPLAYED = "replayed"
    SUBSCRIBE_URL = "subscribe-url"
    CERTIFICATE_URL = "certificate-url"
    CERTIFICATE = "certificate"
    SIGNATURE = "signature"


class Forged(Rejected):
    """An SNS message that breaks a rule: nothing is done for it, and nothing fetched."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(Reason.UNAUTHENTICATED, f"the SNS message is refused: {refusal}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message of SNS, as it calls itself: nothing of it is true before its signature is verified."""

    kind: Kind
    message_id: str
    topic_arn: str
    message: str = field(repr=False)
    at: datetime
    certificate_url: str
    signature: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    """The bytes that the signature covers."""
    token: str = field(default="", repr=False)
    subscribe_url: str = field(default="", repr=False)


# Key by key in the order of AWS; a notification's subject is signed only where there is one.
_SIGNED = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    Kind.UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_SIGNATURE_VERSION = "2"


def read(body: bytes) -> Envelope:
    """The envelope in a request's body.

    Raises Forged if it is none, or signed in another way than RSA with SHA-256 (SignatureVersion 2).
    """
    try:
        fields = json.loads(body)
        # A duplicate key counts once, the last one, for the signature as for all else.
        if not isinstance(fields, dict):
            raise Forged(Refusal.UNREADABLE)
        if fields.get("SignatureVersion") != _SIGNATURE_VERSION:
            raise Forged(Refusal.SIGNATURE_VERSION)
        return _envelope(fields)
    # RecursionError is how the parser ends in deeply nested JSON.
    except (ValueError, KeyError, TypeError, RecursionError, Base64Error) as error:
        raise Forged(Refusal.UNREADABLE) from error


def _envelope(fields: Mapping[str, object]) -> Envelope:
    kind = Kind(_text(fields, "Type"))
    signed = "".join(
        f"{key}\n{_text(fields, key)}\n" for key in _SIGNED[kind] if fields.get(key) is not None or key != "Subject"
    )
    confirms = kind is not Kind.NOTIFICATION
    return Envelope(
        kind=kind,
        message_id=_text(fields, "MessageId"),
        topic_arn=_text(fields, "TopicArn"),
        message=_text(fields, "Message"),
        at=_instant(_text(fields, "Timestamp")),
        certificate_url=_text(fields, "SigningCertURL"),
        signature=b64decode(_text(fields, "Signature"), validate=True),
        signed=signed.encode(),
        token=_text(fields, "Token") if confirms else "",
        subscribe_url=_text(fields, "SubscribeURL") if confirms else "",
    )


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _instant(timestamp: str) -> datetime:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise ValueError("no timestamp")
    return datetime.fromisoformat(timestamp.removesuffix("Z")).replace(tzinfo=UTC)
