"""The receiver while Kafka or PostgreSQL is away, and when it is told to stop."""

import os
import threading
from uuid import UUID

import pytest

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.messaging.kafka.administration import create_topics
from octavo.messaging.security import KafkaSecurity
from octavo.topics import RECEIPTS
from tests.integration.callbacks.receiving import event, firetext, mmg, new_id
from tests.integration.looking import Kafka
from tests.waiting import until

NOBODY = "127.0.0.1:9"


def test_without_kafka_it_lives_and_answers_that_it_is_unavailable(new_callbacks, sns):
    process = new_callbacks({"KAFKA_BOOTSTRAP": NOBODY})
    process.start(ready=False)

    for post in (mmg(new_id()), sns.post(event(new_id()))):
        status, headers = process.answer(*post)
        assert status == 503
        assert int(headers["Retry-After"]) > 0

    assert process.ask("/livez")[0] == 200
    assert process.ask("/readyz")[0] == 503
    assert process.counted("notifications_receipts_total", provider="mmg", status="delivered") == 0
    assert process.counted("notifications_receipts_refused_total", provider="mmg", reason="unavailable") == 1
    assert process.stop() == 0


def test_a_door_that_is_not_open_is_not_there(new_callbacks, receipts_broker, sns):
    process = new_callbacks(
        {"KAFKA_BOOTSTRAP": receipts_broker, "OCTAVO_RECEIPTS_FROM": "mmg", "OCTAVO_FIRETEXT_RECEIPT_TOKEN": ""}
    )
    process.start()

    assert process.post(*mmg(new_id())) == 200
    for post in (firetext(new_id()), sns.post(event(new_id()))):
        assert process.post(*post) == 404
    assert process.counted("notifications_receipts_refused_total", provider="unknown", reason="unknown-path") == 2
    assert process.stop() == 0


def test_it_answers_while_postgresql_is_down(new_callbacks, receipts_broker):
    process = new_callbacks(
        {"KAFKA_BOOTSTRAP": receipts_broker, "DATABASE_URL": f"postgresql://octavo:octavo@{NOBODY}/octavo"},
        "receiver,handler",
    )
    process.start(ready=False)
    notification = new_id()

    until(lambda: process.post(*mmg(notification)) == 200)

    found = map(RECEIPTS.decode, Kafka(receipts_broker).values(RECEIPTS.name))
    assert notification in {id_of(receipt) for receipt in found}
    assert process.ask("/livez")[0] == 200
    assert process.stop() == 0


@pytest.mark.slow
def test_what_it_answers_while_kafka_is_frozen_is_true(new_callbacks, sns):
    with Stack(CACHE / f"test-{os.getpid()}-frozen", {"kafka"}) as stack:
        create_topics(stack.kafka_bootstrap, KafkaSecurity.plain())
        process = new_callbacks({"KAFKA_BOOTSTRAP": stack.kafka_bootstrap})
        process.start()
        answers: dict[str, int] = {}
        going_on = threading.Event()

        def post() -> None:
            while not going_on.is_set():
                notification = new_id()
                answers[notification] = process.post(*mmg(notification))

        threads = [threading.Thread(target=post) for _ in range(5)]
        for thread in threads:
            thread.start()
        until(lambda: len(answers) > 50)
        stack.pause("kafka")
        refused = sns.post(event(repeated := new_id()))
        assert process.post(*refused) >= 500
        until(lambda: 503 in answers.values())
        assert process.ask("/livez")[0] == 200
        stack.resume("kafka")
        count = sum(status == 200 for status in answers.values())
        until(lambda: sum(status == 200 for status in list(answers.values())) > count + 50)
        going_on.set()
        for thread in threads:
            thread.join()

        # What was answered with a refusal comes again, and is no replay.
        until(lambda: process.post(*refused) in {200, 409})
        taken = {notification for notification, status in answers.items() if status == 200}
        there = {id_of(RECEIPTS.decode(value)) for value in Kafka(stack.kafka_bootstrap).values(RECEIPTS.name)}
        assert set(answers.values()) == {200, 503}
        assert taken | {repeated} <= there
        assert process.stop() == 0


def test_told_to_stop_it_answers_what_came_and_takes_no_more(new_callbacks, receipts_broker):
    process = new_callbacks({"KAFKA_BOOTSTRAP": receipts_broker})
    process.start()
    path, headers, body = mmg(new_id())
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    with process.connect() as begun:
        begun.sendall("\r\n".join([*head, "", ""]).encode() + body[:10])
        # Answered on another connection, so that the first one is surely in hand.
        assert process.post(*mmg(new_id())) == 200
        assert process.process is not None
        process.process.terminate()
        until(lambda: refuses(process))

        begun.sendall(body[10:])
        answer = begun.recv(1000)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert process.process.wait(60) == 0


def refuses(process) -> bool:
    """Whether no connection is taken any more."""
    try:
        process.connect().close()
    except OSError:
        return True
    return False


def id_of(receipt):
    """The id of a receipt's notification; empty if only the provider's reference is known."""
    return str(UUID(bytes=receipt.notification_id)) if receipt.notification_id else ""
