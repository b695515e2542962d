"""Messages of SNS: each rule refuses what breaks it, and nothing is fetched for what is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.errors import Unavailable
from octavo.providers.sns import MAX_AGE, MAX_AHEAD, Seen, SnsInbox
from octavo.providers.sns_certificates import FetchedCertificates
from octavo.providers.sns_envelope import Forged, Kind, Refusal

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:events"


class Aws:
    """Certificates and confirmations, and what was asked of them."""

    def __init__(self, pem):
        self.pem = pem
        self.fetched = []
        self.confirmed = []
        self.away = False

    async def fetch(self, url):
        self.fetched.append(url)
        if self.away:
            raise Unavailable("AWS is away")
        return self.pem

    async def confirm(self, topic_arn, token):
        if self.away:
            raise Unavailable("AWS is away")
        self.confirmed.append((topic_arn, token))


@pytest.fixture
def aws(certify):
    return Aws(certify())


@pytest.fixture
def inbox(aws):
    return SnsInbox("eu-west-1", [TOPIC], FetchedCertificates(aws.fetch), aws.confirm)


async def refusal(inbox, body, now=NOW):
    with pytest.raises(Forged) as caught:
        await inbox.take(body, now)
    return caught.value.refusal


async def test_takes_what_is_signed(inbox, envelope, signed, aws):
    taken = await inbox.take(signed(envelope), NOW)

    assert (taken.kind, taken.message) == (Kind.NOTIFICATION, '{"eventType": "Delivery"}')
    assert aws.fetched == [envelope["SigningCertURL"]]


async def test_takes_what_has_no_subject(inbox, envelope, signed):
    del envelope["Subject"]

    assert (await inbox.take(signed(envelope), NOW)).message_id == "m-1"


async def test_fetches_a_certificate_once(inbox, envelope, signed, aws):
    for number in range(3):
        await inbox.take(signed(envelope, MessageId=f"m-{number}"), NOW)

    assert len(aws.fetched) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-west-1.amazonaws.com.evil.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.com/SimpleNotificationService-0a.pem",
        "https://evil.com/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://evil.com#sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://evil.com\\@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns-eu-west-1.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://snsXeu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://user:pass@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:443/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com./SimpleNotificationService-0a.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "file:///etc/passwd",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem#x",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem\n",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem/../x",
        "https://sns.eu-west-1.amazonaws.com/x/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-xyz.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
        "HTTPS://SNS.EU-WEST-1.AMAZONAWS.COM/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-٣.pem",
        "",
    ],
)
async def test_refuses_a_certificate_from_elsewhere(inbox, envelope, signed, aws, url):
    assert await refusal(inbox, signed(envelope, SigningCertURL=url)) is Refusal.CERTIFICATE_URL
    assert aws.fetched == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"SignatureVersion": "1"}, Refusal.SIGNATURE_VERSION),
        ({"SignatureVersion": "3"}, Refusal.SIGNATURE_VERSION),
        ({"SignatureVersion": None}, Refusal.SIGNATURE_VERSION),
        ({"TopicArn": TOPIC + "2"}, Refusal.FOREIGN_TOPIC),
        ({"TopicArn": TOPIC.upper()}, Refusal.FOREIGN_TOPIC),
        ({"Timestamp": "2026-03-01T10:59:59.999Z"}, Refusal.STALE),
        ({"Timestamp": "2026-03-01T12:05:00.001Z"}, Refusal.FUTURE),
        ({"Timestamp": "2026-03-01T11:59:59"}, Refusal.UNREADABLE),
        ({"Timestamp": "2026-03-01T11:59:59+14:00"}, Refusal.UNREADABLE),
        ({"Timestamp": "2026-13-01T11:59:59Z"}, Refusal.UNREADABLE),
        ({"Timestamp": "10000-01-01T00:00:00Z"}, Refusal.UNREADABLE),
        ({"MessageId": "\ud800"}, Refusal.UNREADABLE),
        ({"Signature": "not base64!"}, Refusal.UNREADABLE),
        ({"Signature": None}, Refusal.UNREADABLE),
        ({"Type": "Letter"}, Refusal.UNREADABLE),
    ],
)
async def test_refuses_what_breaks_a_rule(inbox, envelope, signed, aws, changes, why):
    fields = json.loads(signed(envelope)) | changes
    body = json.dumps({key: value for key, value in fields.items() if value is not None}).encode()

    assert await refusal(inbox, body) is why
    assert aws.fetched == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"SignatureVersion": "2", "Type": 3}',
        b'{"SignatureVersion": "2", "Type": []}',
        b'{"a":' * 50_000,
        b"[" * 200_000,
        b'{"SignatureVersion": "2", "Type": "Notification"}',
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
    ids=lambda body: str(body[:12]),
)
async def test_refuses_what_is_no_envelope(inbox, body, aws):
    assert await refusal(inbox, body) in {Refusal.UNREADABLE, Refusal.SIGNATURE_VERSION}
    assert aws.fetched == []


@pytest.mark.parametrize("missing", ["MessageId", "TopicArn", "Message", "Timestamp", "SigningCertURL", "Type"])
async def test_refuses_an_envelope_without(inbox, envelope, signed, missing):
    fields = json.loads(signed(envelope))
    del fields[missing]

    assert await refusal(inbox, json.dumps(fields).encode()) is Refusal.UNREADABLE


@pytest.mark.parametrize("changed", ["Message", "MessageId", "Subject", "Timestamp"])
async def test_refuses_what_was_changed_after_it_was_signed(inbox, envelope, signed, changed):
    other = {"Timestamp": "2026-03-01T11:59:59.501Z"}.get(changed, "other")
    fields = json.loads(signed(envelope)) | {changed: other}

    assert await refusal(inbox, json.dumps(fields).encode()) is Refusal.SIGNATURE


async def test_refuses_a_subject_that_was_taken_away(inbox, envelope, signed):
    fields = json.loads(signed(envelope))
    del fields["Subject"]

    assert await refusal(inbox, json.dumps(fields).encode()) is Refusal.SIGNATURE


async def test_refuses_an_empty_signature(inbox, envelope, signed):
    assert await refusal(inbox, signed(envelope, Signature="")) is Refusal.SIGNATURE


async def test_takes_messages_at_the_limits_of_age(inbox, envelope, signed):
    for number, at in enumerate((NOW - MAX_AGE, NOW + MAX_AHEAD)):
        body = signed(envelope, MessageId=str(number), Timestamp=f"{at:%Y-%m-%dT%H:%M:%S}.000Z")
        await inbox.take(body, NOW)


async def test_refuses_a_certificate_out_of_its_time(aws, inbox, envelope, signed, certify):
    aws.pem = certify(NOW - timedelta(days=30), NOW - timedelta(days=1))

    assert await refusal(inbox, signed(envelope)) is Refusal.CERTIFICATE


async def test_refuses_what_is_no_certificate(aws, inbox, envelope, signed):
    aws.pem = b"<html>"

    assert await refusal(inbox, signed(envelope)) is Refusal.CERTIFICATE


async def test_says_when_a_certificate_cant_be_had_now(aws, inbox, envelope, signed):
    aws.away = True
    with pytest.raises(Unavailable):
        await inbox.take(signed(envelope), NOW)
    aws.away = False

    await inbox.take(signed(envelope), NOW)


async def test_fetches_few_certificates_for_invented_addresses(aws, inbox, envelope, signed):
    aws.pem = b"none"
    for number in range(100):
        url = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{number:032x}.pem"
        with pytest.raises((Forged, Unavailable)):
            await inbox.take(signed(envelope, SigningCertURL=url), NOW)

    assert len(aws.fetched) == 10


async def test_refuses_a_message_that_was_done(inbox, envelope, signed, aws):
    inbox.done(await inbox.take(signed(envelope), NOW), NOW)
    aws.fetched.clear()

    assert await refusal(inbox, signed(envelope)) is Refusal.REPLAYED
    assert aws.fetched == []


async def test_takes_a_message_again_that_was_not_done(inbox, envelope, signed):
    await inbox.take(signed(envelope), NOW)

    await inbox.take(signed(envelope), NOW)


async def test_confirms_a_subscription_through_the_api(inbox, confirmation, signed, aws):
    await inbox.follow(await inbox.take(signed(confirmation), NOW))

    assert aws.confirmed == [(TOPIC, "a-token")]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com.evil.com/?Action=ConfirmSubscription",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com:444/?Action=ConfirmSubscription",
        "https://a@sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription#x",
    ],
)
async def test_refuses_a_subscribe_url_elsewhere(inbox, confirmation, signed, aws, url):
    assert await refusal(inbox, signed(confirmation, SubscribeURL=url)) is Refusal.SUBSCRIBE_URL
    assert (aws.fetched, aws.confirmed) == ([], [])


async def test_refuses_a_confirmation_whose_token_was_changed(inbox, confirmation, signed, aws):
    fields = json.loads(signed(confirmation)) | {"Token": "another"}

    assert await refusal(inbox, json.dumps(fields).encode()) is Refusal.SIGNATURE
    assert aws.confirmed == []


async def test_asks_nothing_of_aws_for_the_end_of_a_subscription(inbox, confirmation, signed, aws):
    await inbox.follow(await inbox.take(signed(confirmation, Type="UnsubscribeConfirmation"), NOW))

    assert aws.confirmed == []


def test_forgets_ids_that_are_too_old_to_be_replayed():
    seen = Seen()
    seen.add("a", NOW)
    for hour in (1, 3, 5):
        seen.add(f"later-{hour}", NOW + timedelta(hours=hour))

    assert "a" not in seen
    assert "later-5" in seen


def test_remembers_an_id_for_as_long_as_it_could_be_replayed():
    seen = Seen()
    seen.add("a", NOW)
    seen.add("b", NOW + MAX_AGE + MAX_AHEAD)

    assert "a" in seen


def test_remembers_a_bounded_number_of_ids():
    seen = Seen(capacity=10)
    for number in range(1000):
        seen.add(str(number), NOW)

    assert sum(str(number) in seen for number in range(1000)) <= 20
    assert "999" in seen
    assert "990" in seen
