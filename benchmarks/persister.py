"""The persister beside a bare batched insert of the same rows."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.floors import insert
from benchmarks.processes import cpu_seconds, resident_megabytes
from benchmarks.stacks import execute, stack
from benchmarks.work import accepted_texts, arriving, course, publish, service
from octavo.storage.columns import instant
from octavo.topics import DB_SMS, SEND_SMS
from octavo.v1.messages_pb2 import NotificationMessage

COUNT = amount(20_000, 3_000)
ROUNDS = amount(3, 1)


def figures() -> Iterator[Figure]:
    """Rate from Kafka through both tables to Kafka, and CPU of a notification."""
    with stack({"kafka", "postgres"}) as (running, known):
        url = running.database_url
        floors, rates, cpu = [], [], []
        for _ in range(ROUNDS):
            floors.append(insert.rate(url, [_row(one) for one in accepted_texts(known, running.environment, COUNT)]))
            execute(url, "TRUNCATE notifications, notification_history, notification_moves")
            # There before it starts, so that publishing costs nothing of its time.
            publish(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT))
            with (
                arriving(running.kafka_bootstrap, SEND_SMS) as done,
                service(running, "persister", "--topics", DB_SMS.name) as (pid, _),
            ):
                rate, used = course(done, partial(cpu_seconds, pid), COUNT)
                rates.append(rate)
                cpu.append(used)
                memory = resident_megabytes(pid)
            execute(url, "TRUNCATE notifications, notification_history, notification_moves")
        yield Figure("persister.rate", median(rates), "/s", median(floors), ">= 0.3")
        yield Figure("persister.cpu", median(cpu), "µs")
        yield Figure("persister.memory", memory, "MB", None, "<= 150")


def _row(message: NotificationMessage) -> dict[str, object]:
    return {
        "id": UUID(bytes=message.id),
        "service_id": UUID(bytes=message.service_id),
        "notification_type": "sms",
        "status": "created",
        "key_type": "live",
        "template_id": UUID(bytes=message.template_id),
        "template_version": 1,
        "created_at": instant(message.created_at_micros),
        "sealed": message.sealed,
        "recipient_hash": message.recipient_hash,
        "content_hash": message.content_hash,
    }
