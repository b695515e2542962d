"""The persister beside a bare batched insert of the same rows."""

import time
from collections.abc import Iterator
from uuid import UUID

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.floors import insert
from benchmarks.processes import cpu_seconds, resident_megabytes, wait_until
from benchmarks.stacks import execute, stack
from benchmarks.work import accepted_texts, publish, service, total
from octavo.storage.columns import instant
from octavo.topics import DB_SMS
from octavo.v1.messages_pb2 import NotificationMessage

COUNT = amount(20_000, 1_000)
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
            with service(running, "persister", "--topics", DB_SMS.name) as (pid, metrics):
                taken = _measured(pid, metrics)
                rates.append(taken[0])
                cpu.append(taken[1])
                memory = resident_megabytes(pid)
            execute(url, "TRUNCATE notifications, notification_history, notification_moves")
        yield Figure("persister.rate", median(rates), "/s", median(floors), ">= 0.3")
        yield Figure("persister.cpu", median(cpu), "µs")
        yield Figure("persister.memory", memory, "MB", None, "<= 150")


def _measured(pid: int, metrics: str) -> tuple[float, float]:
    """Rate, and microseconds of CPU, from when it has begun to its end."""

    def persisted() -> float:
        return total(metrics, "notifications_persisted_total")

    wait_until(lambda: persisted() > 0, 60, 0.02)
    first, cpu, begun = persisted(), cpu_seconds(pid), time.monotonic()
    wait_until(lambda: persisted() >= COUNT, 120, 0.1)
    count = COUNT - first
    return count / (time.monotonic() - begun), (cpu_seconds(pid) - cpu) / count * 1e6


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
