"""SNS as AWS plays it: a key, a certificate, and envelopes signed with them."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def certify(signing_key) -> Callable[..., bytes]:
    """`certify(since, until)` is a certificate of the key, PEM."""

    def make(since: datetime = NOW - timedelta(days=30), until: datetime = NOW + timedelta(days=300)) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(signing_key.public_key())
            .serial_number(1)
            .not_valid_before(since)
            .not_valid_after(until)
            .sign(signing_key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    return make


@pytest.fixture
def envelope() -> dict[str, str]:
    return {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:events",
        "Subject": "events",
        "Message": '{"eventType": "Delivery"}',
        "Timestamp": "2026-03-01T11:59:59.500Z",
        "SignatureVersion": "2",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1B.pem",
    }


@pytest.fixture
def confirmation(envelope: dict[str, str]) -> dict[str, str]:
    del envelope["Subject"]
    return envelope | {
        "Type": "SubscriptionConfirmation",
        "Token": "a-token",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=a-token",
    }


@pytest.fixture
def signed(signing_key) -> Callable[..., bytes]:
    """`signed(envelope, **changes)` is its body; what is changed is changed before it is signed, None is left out."""

    def sign(envelope: dict[str, str], **changes: str | None) -> bytes:
        fields = {key: value for key, value in (envelope | changes).items() if value is not None}
        names = (
            ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
            if fields["Type"] == "Notification"
            else ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        )
        text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
        signature = signing_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return json.dumps({"Signature": b64encode(signature).decode()} | fields).encode()

    return sign
