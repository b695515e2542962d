"""Stacks to measure on, and what is sent through them."""

import os
import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import psycopg2

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.v1.notification_service_pb2 import BatchItem, SendBatchRequest, SendEmailRequest, SendSmsRequest

UNLIMITED = 1_000_000_000
WRITTEN = ("07400{}", "+447400{}", "07400 {}")
"""Ways to write a number."""


@contextmanager
def stack(parts: Collection[str]) -> Iterator[tuple[Stack, dict[str, str]]]:
    """An instance of these parts, whose service has no limits in its way; and what a client of it needs to know."""
    with Stack(CACHE / f"bench-{os.getpid()}", parts) as running:
        running.prepare()
        lift_limits(running.database_url)
        yield running, running.client_environment()


def lift_limits(url: str) -> None:
    """No service has a limit from now on."""
    execute(
        url,
        "UPDATE services SET rate_per_minute = %s, sms_daily_limit = %s, email_daily_limit = %s",
        (UNLIMITED, UNLIMITED, UNLIMITED),
    )


def execute(url: str, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """One statement, committed; its rows."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def texts(template_id: str, count: int = 5_000) -> list[SendSmsRequest]:
    """Requests to different numbers, written in different ways, with different values."""
    draw = random.Random(7)
    return [
        SendSmsRequest(
            template_id=template_id,
            phone_number=WRITTEN[number % len(WRITTEN)].format(draw.randrange(100_000, 999_999)),
            personalisation={"name": f"Person {number}", "code": f"{draw.randrange(100_000):05}"},
            reference=f"bench-{number}",
        )
        for number in range(count)
    ]


def emails(template_id: str, count: int = 5_000) -> list[SendEmailRequest]:
    """Requests to different addresses."""
    return [
        SendEmailRequest(
            template_id=template_id,
            email_address=f"person{number}@example.com",
            personalisation={"name": f"Person {number}"},
        )
        for number in range(count)
    ]


def batches(template_id: str, size: int = 100) -> list[SendBatchRequest]:
    """Batches of texts."""
    requests = texts(template_id)
    return [
        SendBatchRequest(items=[BatchItem(sms=one) for one in requests[start : start + size]])
        for start in range(0, len(requests), size)
    ]
