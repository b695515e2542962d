"""Receipts from those who mean it no good, over the wire: each gets its answer, is counted, and harms nobody else."""

import gzip
import json
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from octavo.domain.notification import Status
from octavo.storage.insert import insert_notifications
from octavo.storage.receipts import apply_receipts
from octavo.storage.send import Recorded, claim_notifications, record_outcomes
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, ReceiptMessage
from tests.hostile.receipts import ROOM
from tests.integration.callbacks.receiving import basic, bearer, firetext, new_id
from tests.waiting import until

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("provider", ["mmg", "firetext"])
def test_wrong_credentials(service, credentials, refused, provider):
    before = refused(provider, "credentials")
    wrong = [
        {},
        bearer("x" * 100),
        basic("x" * 100),
        bearer(""),
        {"Authorization": "Bearer " + "é" * 100},
        {"Authorization": "Bearer \xff\xfe"},
        credentials["firetext" if provider == "mmg" else "mmg"],
    ]

    for headers in wrong:
        given = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}
        assert service.post(f"/receipts/{provider}", given, b"{}") == 401

    assert refused(provider, "credentials") == before + len(wrong)


def test_a_header_of_a_hundred_kilobytes(service, honest):
    path, headers, body = honest()
    with suppress(OSError):
        assert service.post(path, headers | {"X": "x" * 100_000}, body) == 400
    assert service.post(*honest()) == 200


@pytest.mark.parametrize("provider", ["mmg", "firetext", "ses"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_receipt_of_a_hundred_megabytes(service, credentials, refused, provider, chunked):
    before, peak = refused(provider, "too-large"), service.megabytes("VmHWM")
    headers = [f"POST /receipts/{provider} HTTP/1.1", "Host: x"]
    headers += [f"{name}: {value}" for name, value in credentials[provider].items()]
    headers += ["Transfer-Encoding: chunked"] if chunked else [f"Content-Length: {100 * MEGABYTE}"]
    piece = b"x" * MEGABYTE
    sent = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    with service.connect() as connection:
        connection.sendall("\r\n".join([*headers, "", ""]).encode())
        # It is cut off long before its end.
        with suppress(OSError):
            for _ in range(100):
                connection.sendall(sent)
        with suppress(OSError):
            assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")

    until(lambda: refused(provider, "too-large") == before + 1)
    assert service.megabytes("VmHWM") < peak + ROOM


def test_a_small_body_that_would_become_a_large_one(service, honest, refused):
    path, headers, _ = honest()
    bomb = gzip.compress(b"x" * 50 * MEGABYTE)
    before, peak = refused("mmg", "unreadable") + refused("mmg", "too-large"), service.megabytes("VmHWM")

    assert service.post(path, headers | {"Content-Encoding": "gzip"}, bomb) in {400, 413}

    assert refused("mmg", "unreadable") + refused("mmg", "too-large") == before + 1
    assert service.megabytes("VmHWM") < peak + ROOM


def test_deep_json(service, credentials, sns, refused):
    deep = [b"[" * 60_000, b'{"a":' * 10_000, b'{"CID":' + b"[" * 50_000]
    before = refused("mmg", "unreadable"), refused("ses", "unreadable")

    for body in deep:
        assert service.post("/receipts/mmg", credentials["mmg"], body) == 400
        assert service.post("/receipts/ses", {}, body) in {400, 403}
    # Signed, and deep inside.
    assert service.post(*sns.post("[" * 50_000)) == 400

    assert refused("mmg", "unreadable") == before[0] + len(deep)
    assert refused("ses", "unreadable") > before[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"CID": 7, "status": "3"}',
        b'{"CID": "", "status": "3"}',
        b'{"CID": "a\\u0000b", "status": "3"}',
        b'{"CID": "\\ud800", "status": "3"}',
        b'{"CID": "%s", "status": "3"}' % (b"x" * 10_000),
        b'{"CID": "x", "status": %s}' % (b"9" * 10_000),
    ],
    ids=lambda body: str(body[:24]),
)
def test_a_body_that_is_no_receipt(service, credentials, body):
    for provider, headers in credentials.items():
        status, answered = service.answer(f"/receipts/{provider}", headers, body)
        assert 400 <= status < 500
        # Neither a reason nor a stack trace is for strangers.
        assert answered["Content-Length"] == "0"


@pytest.mark.parametrize(
    "fields", [{"status": 1e308}, {"status": None}, {"status": {}}, {"status": "x" * 500}, {"status": "\ud800"}]
)
def test_a_status_that_is_in_no_table_is_a_technical_failure_and_an_alert(service, credentials, fields):
    before = service.counted("notifications_receipts_unknown_total", provider="mmg")
    body = json.dumps({"CID": new_id()} | fields).encode()

    assert service.post("/receipts/mmg", credentials["mmg"], body) == 200

    assert service.counted("notifications_receipts_unknown_total", provider="mmg") == before + 1


def test_an_unknown_reference_is_held_and_a_status_going_backwards_is_ignored(service, credentials, receipts_stack):
    def applied(result):
        return service.counted("notifications_receipts_applied_total", provider="firetext", result=result)

    def post(notification, *status):
        path, _, body = firetext(notification, *status)
        assert service.post(path, credentials["firetext"], body) == 200

    held, ignored = applied("held"), applied("ignored")
    unknown, known = new_id(), new_id()
    engine = create_engine(receipts_stack.database_url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        _delivered(connection, UUID(known))

    post(unknown, "0")
    post(known, "2", "")

    until(lambda: applied("held") == held + 1)
    until(lambda: applied("ignored") == ignored + 1)
    with engine.begin() as connection:
        (status,) = connection.execute(text("SELECT status FROM notifications WHERE id = :id"), {"id": known}).scalars()
        assert status == "delivered"
        waiting = connection.execute(
            text("SELECT count(*) FROM held_receipts WHERE notification_id = :id"), {"id": unknown}
        ).scalar_one()
        assert waiting == 1
    engine.dispose()


def _delivered(connection, notification):
    """A notification that was delivered, as the other services leave it."""
    now = datetime.now(UTC)
    micros = int(now.timestamp() * 1e6)
    token = UUID(int=1)
    message = NotificationMessage(
        id=notification.bytes,
        service_id=UUID(int=2).bytes,
        type=pb.NOTIFICATION_TYPE_SMS,
        template_id=UUID(int=3).bytes,
        template_version=1,
        key_type=pb.KEY_TYPE_LIVE,
        sealed=b"sealed",
        recipient_hash=b"hash",
        content_hash=b"content",
        created_at_micros=micros,
    )
    insert_notifications(connection, [message])
    claim_notifications(connection, [notification], token)
    record_outcomes(connection, [Recorded(notification, token, Status.SENDING, "", "firetext", None, now)])
    delivered = ReceiptMessage(
        notification_id=notification.bytes,
        provider="firetext",
        status=pb.NOTIFICATION_STATUS_DELIVERED,
        received_at_micros=micros,
    )
    apply_receipts(connection, [delivered], 60)
