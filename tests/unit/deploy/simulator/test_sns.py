"""The envelopes are signed as SNS signs them."""

import json
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from deploy.local.simulator import sns

NOW = datetime(2026, 3, 1, 12, 30, 5, 678_901, tzinfo=UTC)


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def envelope(key):
    topic = sns.Topic(key, "arn:aws:sns:eu-west-1:000000000000:events", "https://certificate.invalid/x.pem")
    return topic.notification('{"a": "ü\\n"}', "a subject", NOW)


def verify(key, envelope):
    key.public_key().verify(
        b64decode(envelope["Signature"]), sns.canonical_string(envelope), padding.PKCS1v15(), hashes.SHA256()
    )


def test_the_canonical_string_names_each_signed_key_in_order():
    envelope = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:x",
        "Subject": "s",
        "Message": "two\nlines",
        "Timestamp": "2026-03-01T12:30:05.678Z",
        "SignatureVersion": "2",
    }

    assert sns.canonical_string(envelope) == (
        b"Message\ntwo\nlines\nMessageId\nm-1\nSubject\ns\nTimestamp\n2026-03-01T12:30:05.678Z\n"
        b"TopicArn\narn:x\nType\nNotification\n"
    )


def test_an_absent_subject_is_not_signed():
    assert b"Subject" not in sns.canonical_string({"Message": "m", "MessageId": "1", "Type": "Notification"})


def test_the_public_key_verifies_the_signature(key, envelope):
    verify(key, envelope)

    assert envelope["SignatureVersion"] == "2"
    assert envelope["SigningCertURL"] == "https://certificate.invalid/x.pem"
    assert envelope["Timestamp"] == "2026-03-01T12:30:05.678Z"


@pytest.mark.parametrize("changed", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"])
def test_a_changed_envelope_is_not_verified(key, envelope, changed):
    with pytest.raises(InvalidSignature):
        verify(key, envelope | {changed: "changed"})


def test_each_envelope_has_a_message_id_of_its_own(key):
    topic = sns.Topic(key, "arn:aws:sns:eu-west-1:0:t", "https://c.invalid")

    assert topic.notification("m", "s", NOW)["MessageId"] != topic.notification("m", "s", NOW)["MessageId"]


def test_a_parcel_carries_the_envelope_and_its_type_in_a_header(envelope):
    parcel = sns.parcel(envelope)

    assert json.loads(parcel.body) == envelope
    assert parcel.headers["x-amz-sns-message-type"] == "Notification"
    assert parcel.headers["Content-Type"] == "text/plain; charset=UTF-8"


def test_a_key_of_another_kind_is_refused():
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(ValueError, match="no RSA key"):
        sns.load_key(pem)
