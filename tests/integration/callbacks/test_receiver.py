"""The receiver over HTTP: what is answered 200 is on the topic, and nothing else is."""

import json
import threading
import time
from collections import Counter
from uuid import UUID

import pytest

from octavo.topics import RECEIPTS
from octavo.v1 import notification_pb2 as pb
from tests.integration.callbacks.receiving import (
    FIRETEXT_PASSWORD,
    MMG_TOKEN,
    basic,
    bearer,
    event,
    firetext,
    mmg,
    new_id,
)
from tests.integration.looking import Kafka

BOUNCE = {"bounceType": "Permanent", "bounceSubType": "General"}


@pytest.fixture
def published(receipts_broker):
    """`published(id)` is what the topic has of a notification."""

    def receipts(notification):
        found = map(RECEIPTS.decode, Kafka(receipts_broker).values(RECEIPTS.name))
        return [receipt for receipt in found if receipt.notification_id == UUID(notification).bytes]

    return receipts


@pytest.fixture
def posts(sns):
    """What each provider posts when a notification was delivered."""
    return {
        "mmg": mmg,
        "firetext": firetext,
        "ses": lambda reference: sns.post(event(reference)),
    }


@pytest.mark.parametrize("provider", ["mmg", "firetext", "ses"])
def test_a_receipt_is_durable_before_its_answer(callbacks, published, posts, provider):
    notification = new_id()

    assert callbacks.post(*posts[provider](notification)) == 200

    (receipt,) = published(notification)
    assert (receipt.provider, receipt.status) == (provider, pb.NOTIFICATION_STATUS_DELIVERED)
    assert receipt.received_at_micros == pytest.approx(time.time() * 1e6, abs=60e6)


@pytest.mark.asked("S11")
@pytest.mark.parametrize(
    ("provider", "status", "post"),
    [
        ("mmg", "delivered", lambda _: mmg(new_id(), "3")),
        ("mmg", "permanent-failure", lambda _: mmg(new_id(), "2")),
        ("mmg", "temporary-failure", lambda _: mmg(new_id(), "4")),
        ("mmg", "technical-failure", lambda _: mmg(new_id(), "99")),
        ("firetext", "delivered", lambda _: firetext(new_id(), "0")),
        ("firetext", "permanent-failure", lambda _: firetext(new_id(), "1", "101")),
        ("firetext", "temporary-failure", lambda _: firetext(new_id(), "1", "102")),
        ("firetext", "pending", lambda _: firetext(new_id(), "2", "")),
        ("ses", "delivered", lambda sns: sns.post(event(new_id()))),
        ("ses", "permanent-failure", lambda sns: sns.post(event(new_id(), "Bounce", **BOUNCE))),
        ("ses", "temporary-failure", lambda sns: sns.post(event(new_id(), "Bounce", bounceType="Transient"))),
        ("ses", "complaint", lambda sns: sns.post(event(new_id(), "Complaint"))),
    ],
)
def test_receipts_are_counted_by_provider_and_mapped_status(callbacks, sns, provider, status, post):
    def counted():
        return callbacks.counted("notifications_receipts_total", provider=provider, status=status)

    before = counted()

    assert callbacks.post(*post(sns)) == 200

    assert counted() == before + 1


def test_a_repeated_receipt_is_taken_each_time(callbacks, published):
    notification = new_id()

    assert {callbacks.post(*mmg(notification)) for _ in range(5)} == {200}

    # What repetition means is for the notification's state to say.
    assert len(published(notification)) == 5


def test_a_repeated_message_of_sns_is_a_replay(callbacks, published, sns):
    notification = new_id()
    post = sns.post(event(notification))

    assert [callbacks.post(*post) for _ in range(3)] == [200, 409, 409]

    assert len(published(notification)) == 1


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("mmg", {}),
        ("mmg", bearer("another")),
        ("mmg", bearer(MMG_TOKEN[:-1])),
        ("mmg", bearer(FIRETEXT_PASSWORD)),
        ("mmg", basic(MMG_TOKEN)),
        ("mmg", {"Authorization": MMG_TOKEN}),
        ("firetext", {}),
        ("firetext", basic("another")),
        ("firetext", basic(MMG_TOKEN)),
        ("firetext", bearer(FIRETEXT_PASSWORD)),
        ("firetext", {"Authorization": "Basic not-base64!"}),
    ],
)
def test_each_provider_has_credentials_of_its_own(callbacks, published, path, headers):
    notification = new_id()
    _, _, body = {"mmg": mmg, "firetext": firetext}[path](notification)
    before = callbacks.counted("notifications_receipts_refused_total", provider=path, reason="credentials")

    assert callbacks.post(f"/receipts/{path}", headers, body) == 401

    assert callbacks.counted("notifications_receipts_refused_total", provider=path, reason="credentials") == before + 1
    assert published(notification) == []


def test_a_message_that_sns_did_not_sign_is_refused(callbacks, published, sns, stranger):
    notification = new_id()
    path, headers, body = sns.post(event(notification))
    changed = json.dumps(json.loads(body) | {"Message": event(notification, "Complaint")}).encode()

    assert callbacks.post(*stranger.post(event(notification))) == 403
    assert callbacks.post(path, headers, changed) == 403

    assert published(notification) == []
    assert callbacks.post(path, headers, body) == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/receipts/mmg", 405),
        ("PUT", "/receipts/ses", 405),
        ("POST", "/receipts/other", 404),
        ("POST", "/receipts/mmg/", 404),
        ("POST", "/receipts/../receipts/mmg", 404),
        ("GET", "/", 404),
        ("GET", "/metrics", 404),
    ],
)
def test_there_is_nothing_else(callbacks, method, path, status):
    assert callbacks.post(path, bearer(MMG_TOKEN), b"{}", method) == status


@pytest.mark.parametrize("path", ["/nothing", "/receipts/mmg"])
def test_who_is_not_let_in_holds_no_connection(callbacks, path):
    headers = {"Authorization": "Bearer none", "Content-Length": "2"}
    assert callbacks.answer(path, headers, b"{}")[1]["Connection"] == "close"
    assert "Connection" not in callbacks.answer(*mmg(new_id()))[1]


def test_a_receipt_for_nobody_is_refused(callbacks):
    assert callbacks.post("/receipts/mmg", bearer(MMG_TOKEN), b"{}") == 400
    assert callbacks.post("/receipts/firetext", basic(FIRETEXT_PASSWORD), b"status=0") == 400


def test_a_reference_that_is_not_ours_is_kept_as_the_providers(callbacks, receipts_broker):
    reference = f"theirs-{new_id()}"

    assert callbacks.post(*mmg(reference)) == 200

    found = map(RECEIPTS.decode, Kafka(receipts_broker).values(RECEIPTS.name))
    assert reference in {receipt.provider_reference for receipt in found}


def test_it_takes_many_at_once(callbacks, published):
    notification = new_id()
    answers: list[int] = []

    def post():
        answers.extend(callbacks.post(*mmg(notification)) for _ in range(10))

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(answers) == {200: 200}
    assert len(published(notification)) == 200
