"""The receiver of receipts beside a bare HTTP server of the same framework; and how fast receipts move statuses."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from benchmarks.amount import amount
from benchmarks.figure import Figure, alternate, median
from benchmarks.processes import cpu_seconds, free_port, resident_megabytes, running, wait_until
from benchmarks.stacks import stack
from benchmarks.work import accepted_texts, publish, service, total
from deploy.local.instance import ROOT
from deploy.local.probes import listening
from octavo.domain.notification import Status
from octavo.storage.columns import STATUS, micros
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.storage.send import Recorded, claim_notifications, record_outcomes
from octavo.topics import RECEIPTS
from octavo.v1.messages_pb2 import NotificationMessage, ReceiptMessage

ROUNDS = amount(9, 1)
"""Many and short, as for the api."""
SECONDS = amount(1.5, 0.5)
AT_ONCE = 64
"""Connections that leave a receiver half idle: each waits for Kafka's acknowledgement."""
MANY_AT_ONCE = 256
"""Connections that keep it busy."""
COUNT = amount(20_000, 3_000)
BATCH = 500


def figures() -> Iterator[Figure]:
    """CPU of a receipt, and receipts a second from Kafka to the row."""
    with stack({"kafka", "postgres"}) as (on, known):
        messages = accepted_texts(known, on.environment, COUNT)
        ids = [str(UUID(bytes=one.id)) for one in messages]
        port, taking = free_port(), free_port()
        url = f"http://127.0.0.1:{taking}"
        with (
            running(["benchmarks.floors.http_server", str(port)], {}, lambda: listening(port)) as bare,
            service(on, "callbacks", "--roles", "receiver", OCTAVO_RECEIPTS_PORT=str(taking)) as (pid, _),
        ):

            def of(url: str, process: int, at_once: int = AT_ONCE) -> float:
                before = cpu_seconds(process)
                seen = _load(url, ids, on.environment, at_once)
                if seen["failures"]:
                    raise RuntimeError(f"{seen['failures']} receipts were refused")
                return (cpu_seconds(process) - before) / float(seen["calls"]) * 1e6

            taken = alternate(
                ROUNDS,
                bare=lambda: of(f"http://127.0.0.1:{port}", bare),
                receiver=lambda: of(f"{url}/receipts/mmg", pid),
                bare_busy=lambda: of(f"http://127.0.0.1:{port}", bare, MANY_AT_ONCE),
                receiver_busy=lambda: of(f"{url}/receipts/mmg", pid, MANY_AT_ONCE),
            )
            yield Figure("callbacks.receiver.cpu", median(taken["receiver"]), "µs", median(taken["bare"]), "<= 2")
            busy, bare_busy = median(taken["receiver_busy"]), median(taken["bare_busy"])
            yield Figure("callbacks.receiver.cpu_while_busy", busy, "µs", bare_busy, "<= 2")
            yield Figure("callbacks.receiver.memory", resident_megabytes(pid), "MB", None, "<= 150")
    with stack({"kafka", "postgres"}) as (on, known):
        messages = accepted_texts(known, on.environment, COUNT)
        _send(on.database_url, messages)
        publish(on.kafka_bootstrap, RECEIPTS, [_receipt(one) for one in messages])
        with service(on, "callbacks", "--roles", "handler") as (_, metrics):
            yield Figure("callbacks.handler.rate", _rate(metrics), "/s", None, ">= 5000")


def _load(url: str, ids: list[str], environment: Mapping[str, str], at_once: int) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(ids))
        file.flush()
        command = [sys.executable, "-m", "benchmarks.receipt_load", url, file.name, str(SECONDS), str(at_once)]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _send(url: str, messages: list[NotificationMessage]) -> None:
    """Rows that providers have accepted."""
    pool, token, at = engine(url), uuid4(), datetime.now(UTC)
    for start in range(0, len(messages), BATCH):
        part = messages[start : start + BATCH]
        ids = [UUID(bytes=one.id) for one in part]
        with transaction(pool) as connection:
            insert_notifications(connection, part)
            claim_notifications(connection, ids, token)
            record_outcomes(connection, [Recorded(one, token, Status.SENDING, "", "mmg", None, at) for one in ids])
    pool.dispose()


def _receipt(message: NotificationMessage) -> ReceiptMessage:
    now = micros(datetime.now(UTC))
    return ReceiptMessage(
        provider="mmg", notification_id=message.id, status=STATUS[Status.DELIVERED], received_at_micros=now
    )


def _rate(metrics: str) -> float:
    def moved() -> float:
        return total(metrics, "notifications_receipts_applied_total", result="moved")

    wait_until(lambda: moved() > 0, 60, 0.02)
    first, begun = moved(), time.monotonic()
    wait_until(lambda: moved() >= COUNT, 120, 0.05)
    return (COUNT - first) / (time.monotonic() - begun)
