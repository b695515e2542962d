"""Messages that SNS did not send, or not to us, or not now: each gets its answer, is counted, and has nothing fetched for it."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.environment import SNS_TOPIC
from tests.integration.callbacks.receiving import Sns, event, new_id, written

LOOK_ALIKES = [
    "https://sns.eu-west-1.amazonaws.com.evil.com/SimpleNotificationService-0a.pem",
    "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
    "https://sns-eu-west-1.s3.amazonaws.com/SimpleNotificationService-0a.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
    "https://user:pass@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
    "https://sns.eu-west-1.amazonaws.com/redirect?to=SimpleNotificationService-0a.pem",
    "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
    "file:///etc/passwd",
]
ELSEWHERE = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://evil.com/", "Subject": None}


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"SignatureVersion": "1"}, 403, "signature-version"),
        ({"SignatureVersion": None}, 403, "signature-version"),
        *(({"SigningCertURL": url}, 403, "certificate-url") for url in LOOK_ALIKES),
        ({"Timestamp": timedelta(seconds=-3605)}, 403, "stale"),
        ({"Timestamp": timedelta(seconds=330)}, 403, "future"),
        ({"Timestamp": "yesterday"}, 400, "unreadable"),
        ({"TopicArn": SNS_TOPIC + "-other"}, 403, "foreign-topic"),
        (ELSEWHERE, 403, "subscribe-url"),
        (ELSEWHERE | {"SubscribeURL": "https://sns.eu-west-1.amazonaws.com.evil.com/"}, 403, "subscribe-url"),
        ({"Type": "Letter", "Token": "t", "SubscribeURL": "u"}, 400, "unreadable"),
        ({"MessageId": "\ud800"}, 400, "unreadable"),
    ],
)
def test_a_message_of_sns_that_breaks_a_rule(service, sns, refused, changes, status, reason):
    before = refused("ses", reason)
    # Times count from now; half a surrogate pair can't be signed.
    given = {
        name: written(datetime.now(UTC) + value) if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }
    signed = {name: value for name, value in given.items() if value != "\ud800"}
    path, headers, body = sns.post(event(new_id()), **signed)
    if signed != given:
        body = json.dumps(json.loads(body) | given).encode()
    begun = time.monotonic()

    assert service.post(path, headers, body) == status

    # Nothing is looked up or fetched for it: the answer needs no network.
    assert time.monotonic() - begun < 2
    assert refused("ses", reason) == before + 1


def test_a_message_of_sns_without_signature(service, sns, refused):
    path, headers, body = sns.post(event(new_id()))
    fields = json.loads(body)
    del fields["Signature"]
    before = refused("ses", "unreadable"), refused("ses", "signature")

    assert service.post(path, headers, json.dumps(fields).encode()) == 400
    assert service.post(path, headers, json.dumps(fields | {"Signature": ""}).encode()) == 403
    assert service.post(path, headers, json.dumps(fields | {"Signature": "AAAA"}).encode()) == 403

    assert (refused("ses", "unreadable"), refused("ses", "signature")) == (before[0] + 1, before[1] + 2)


def test_a_message_of_sns_signed_by_somebody_else(service, refused):
    stranger = Sns(rsa.generate_private_key(public_exponent=65537, key_size=2048), SNS_TOPIC)
    before = refused("ses", "signature")

    assert service.post(*stranger.post(event(new_id()))) == 403

    assert refused("ses", "signature") == before + 1


def test_a_message_of_sns_that_is_replayed(service, sns, refused):
    post = sns.post(event(new_id()))
    before = refused("ses", "replayed")

    assert [service.post(*post) for _ in range(3)] == [200, 409, 409]

    assert refused("ses", "replayed") == before + 2
