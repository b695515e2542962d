"""The job reader: rows a second from S3 to Kafka, and how much its memory grows over a million of them."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import boto3

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.processes import cpu_seconds, resident_megabytes, wait_until
from benchmarks.stacks import execute, stack
from benchmarks.work import course, service, total
from deploy.local.environment import s3_access
from deploy.local.stack import Stack
from octavo.domain.ids import uuid7
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.storage.jobs import NewJob, create_job

ROWS = amount(50_000, 4_000)
ROUNDS = amount(3, 1)
MANY_ROWS = amount(1_000_000, 6_000)
"""Ten times as many as a job may have: the reader itself does not ask."""
WARM_ROWS = amount(20_000, 1_000)
PUBLISHED = "notifications_job_rows_total"


def figures() -> Iterator[Figure]:
    """Rate and CPU of a row, growth of memory."""
    with stack({"kafka", "postgres", "s3"}) as (running, known):
        rates, cpu = [], []
        for _ in range(ROUNDS):
            _start_job(running, known, ROWS)
            with service(running, "persister", "--roles", "jobs") as (pid, metrics):
                rate, used = course(partial(total, metrics, PUBLISHED), partial(cpu_seconds, pid), ROWS)
                rates.append(rate)
                cpu.append(used)
        yield Figure("job_reader.rate", median(rates), "/s", None, ">= 5000")
        yield Figure("job_reader.cpu", median(cpu), "µs")
        _start_job(running, known, MANY_ROWS)
        with service(running, "persister", "--roles", "jobs") as (pid, metrics):
            wait_until(lambda: total(metrics, PUBLISHED) >= WARM_ROWS, 120)
            before = resident_megabytes(pid)
            wait_until(lambda: total(metrics, PUBLISHED) >= MANY_ROWS, 1_200, 0.5)
            yield Figure("job_reader.growth", resident_megabytes(pid) - before, "MB", None, "<= 30")


def _start_job(running: Stack, known: Mapping[str, str], rows: int) -> None:
    """A job as the api leaves it: its file in the store, its row in the database."""
    lines = (f"07400{100_000 + row % 800_000},Person {row},{row % 100_000:05}\n" for row in range(rows))
    data = ("phone number,name,code\n" + "".join(lines)).encode()
    environment = running.environment
    key = f"{known['OCTAVO_SERVICE_ID']}/{rows}.csv"
    stored = boto3.client("s3", **s3_access(environment)).put_object(
        Bucket=environment["OCTAVO_S3_BUCKET"], Key=key, Body=data
    )
    now = datetime.now(UTC)
    job = NewJob(
        id=uuid7(now, os.urandom(10)),
        service_id=UUID(known["OCTAVO_SERVICE_ID"]),
        template_id=UUID(known["OCTAVO_SMS_TEMPLATE_ID"]),
        template_version=1,
        notification_type=NotificationType.SMS,
        key_type=KeyType.LIVE,
        content_hash=b"bench",
        file_name="bench.csv",
        object_key=key,
        etag=stored["ETag"].strip('"'),
        size_bytes=len(data),
        encoding="utf-8",
        total_rows=rows,
        refused_rows=0,
        reply_to="",
        sms_sender="",
        reserved=0,
        reserved_day=now.date(),
        send_at=None,
        created_at=now,
    )
    execute(running.database_url, "DELETE FROM job_problems")
    execute(running.database_url, "DELETE FROM jobs")
    pool = engine(running.database_url, pool=1)
    with transaction(pool) as connection:
        create_job(connection, job, ())
    pool.dispose()
