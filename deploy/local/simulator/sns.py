"""Amazon SNS envelopes, signed as SNS signs them (SignatureVersion 2).

Octavo has its own reading of the canonical string; this one is written apart on purpose, so that a slip in either
shows.
"""

import json
import uuid
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local.simulator.message import Parcel

_SIGNED_KEYS = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


def canonical_string(envelope: Mapping[str, str]) -> bytes:
    r"""What the signature of a notification covers: `Key\nValue\n` for each signed key that is present, in order."""
    return "".join(f"{key}\n{envelope[key]}\n" for key in _SIGNED_KEYS if key in envelope).encode()


def load_key(pem: bytes) -> RSAPrivateKey:
    """The private key of a PEM file; raises ValueError if it holds another kind of key."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the SNS key is no RSA key")  # noqa: TRY004  # it is what the file holds.
    return key


class Topic:
    """An SNS topic with a key of its own."""

    def __init__(self, key: RSAPrivateKey, arn: str, certificate_url: str) -> None:
        self._key = key
        self._arn = arn
        self._certificate_url = certificate_url

    def notification(self, message: str, subject: str, now: datetime) -> dict[str, str]:
        """A signed envelope around a message, with a MessageId of its own; `now` is in UTC."""
        envelope = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": self._arn,
            "Subject": subject,
            "Message": message,
            "Timestamp": timestamp(now),
        }
        signature = self._key.sign(canonical_string(envelope), padding.PKCS1v15(), hashes.SHA256())
        return envelope | {
            "SignatureVersion": "2",
            "Signature": b64encode(signature).decode(),
            "SigningCertURL": self._certificate_url,
            "UnsubscribeURL": f"https://sns.{self._arn.split(':')[3]}.amazonaws.com/?Action=Unsubscribe",
        }


def parcel(envelope: Mapping[str, str]) -> Parcel:
    """The envelope as SNS posts it: JSON that calls itself text, its type repeated in a header."""
    headers = {
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    return Parcel(json.dumps(envelope).encode(), headers)


def timestamp(moment: datetime) -> str:
    """A moment in UTC as AWS writes it, in milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
