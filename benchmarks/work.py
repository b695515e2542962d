"""Work for one service alone: what the service before it would have left."""

import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.processes import free_port, running, wait_until
from deploy.local.probes import http_ok
from deploy.local.stack import Stack
from octavo.crypto import Hasher, SealedForm, Sealer
from octavo.domain.ids import uuid7
from octavo.storage.columns import micros
from octavo.topics import Outgoing, Topic, to
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent

REST_SECONDS = 0.3


def accepted_texts(known: Mapping[str, str], environment: Mapping[str, str], count: int) -> list[NotificationMessage]:
    """SMS as the api publishes them."""
    made = []
    for number in range(count):
        message = _accepted(
            known, environment, "OCTAVO_SMS_TEMPLATE_ID", f"+447400{100_000 + number % 800_000}", number
        )
        message.parts, message.encoding = 1, pb.SMS_ENCODING_GSM7
        made.append(message)
    return made


def accepted_emails(known: Mapping[str, str], environment: Mapping[str, str], count: int) -> list[NotificationMessage]:
    """Emails as the api publishes them."""
    return [
        _accepted(known, environment, "OCTAVO_EMAIL_TEMPLATE_ID", f"person{number}@example.com", number)
        for number in range(count)
    ]


def _accepted(
    known: Mapping[str, str], environment: Mapping[str, str], template: str, recipient: str, number: int
) -> NotificationMessage:
    sealer, hasher = _keys(
        environment["OCTAVO_SEALING_KEYS"],
        cast("SealedForm", environment["OCTAVO_SEALED_FORM"]),
        environment["OCTAVO_HASH_KEY"],
    )
    now, service_id = datetime.now(UTC), UUID(known["OCTAVO_SERVICE_ID"]).bytes
    notification_id = uuid7(now, os.urandom(10)).bytes
    content = SealedContent(
        notification_id=notification_id,
        recipient=recipient,
        personalisation={"name": f"P{number}", "code": "12345"},
    )
    return NotificationMessage(
        id=notification_id,
        service_id=service_id,
        type=pb.NOTIFICATION_TYPE_EMAIL if "@" in recipient else pb.NOTIFICATION_TYPE_SMS,
        template_id=UUID(known[template]).bytes,
        template_version=1,
        key_type=pb.KEY_TYPE_LIVE,
        sealed=sealer.seal(content),
        recipient_hash=hasher.recipient(service_id, recipient),
        content_hash=hasher.content(notification_id),
        created_at_micros=micros(now),
    )


@lru_cache
def _keys(sealing: str, form: SealedForm, hashing: str) -> tuple[Sealer, Hasher]:
    return Sealer(sealing.split(","), form), Hasher(hashing.encode())


def publish(bootstrap: str, topic: Topic[Any], messages: Sequence[Any]) -> None:
    """Publishes all, and waits for the last."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, batch_size=256 * 1024)
    outgoing: list[Outgoing] = [to(topic, message) for message in messages]
    futures = [producer.send(one.topic, key=one.key, value=one.value) for one in outgoing]
    for future in futures:
        future.get(timeout=60)
    producer.close()


def persist(bootstrap: str, topic: Topic[Any], messages: Sequence[Any], metrics_url: str) -> None:
    """Publishes all, and waits until the persister whose metrics these are has written the last."""
    there = total(metrics_url, "notifications_persisted_total")
    publish(bootstrap, topic, messages)
    wait_until(lambda: total(metrics_url, "notifications_persisted_total") >= there + len(messages), 120, 0.2)


@contextmanager
def service(stack: Stack, name: str, *arguments: str, under: str = "", **more: str) -> Iterator[tuple[int, str]]:
    """One of Octavo's services alone, with more of the environment: its process id and the address of its metrics.

    `under` is a module that runs it.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    ports = {name: str(free_port()) for name in ("OCTAVO_API_PORT", "OCTAVO_RECEIPTS_PORT")}
    environment = {**stack.environment, **ports, "OCTAVO_LOG_LEVEL": "WARNING", "OCTAVO_OPS_PORT": str(port), **more}
    module = [under] if under else []
    with running([*module, f"services.{name}", *arguments], environment, lambda: http_ok(f"{address}/readyz")) as pid:
        yield pid, f"{address}/metrics"


def total(metrics_url: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    with urllib.request.urlopen(metrics_url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pattern = re.compile(rf"{name}(\{{(?P<labels>[^}}]*)\}})? (?P<value>\S+)")
    found = [match for line in lines if (match := pattern.fullmatch(line))]
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(float(one["value"]) for one in found if all(label in (one["labels"] or "") for label in wanted))


def course(done: Callable[[], float], used: Callable[[], float], count: int) -> tuple[float, float]:
    """How many a second, and microseconds of CPU of each, from when some are done until so many are.

    `done` is asked twenty times a second: asked of the process that is measured, its answers are part of what that uses.
    """
    wait_until(lambda: done() > 0, 60, 0.02)
    first, before, begun = done(), used(), time.monotonic()
    wait_until(lambda: done() >= count, 300, 0.05)
    number, took = count - first, time.monotonic() - begun
    # What is still to be recorded of the last ones belongs to them.
    time.sleep(REST_SECONDS)
    return number / took, (used() - before) / number * 1e6


@contextmanager
def arriving(bootstrap: str, topic: Topic[Any]) -> Iterator[Callable[[], float]]:
    """How many records have come to a topic since, asked of Kafka."""
    with closing(KafkaConsumer(bootstrap_servers=bootstrap)) as consumer:
        partitions = [TopicPartition(topic.name, one) for one in consumer.partitions_for_topic(topic.name) or ()]

        def there() -> float:
            return float(sum(consumer.end_offsets(partitions).values()))

        before = there()
        yield lambda: there() - before
