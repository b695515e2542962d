"""Lists of a service with a million notifications, over the API: the first page, the thousandth, and any between."""

import random
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import grpc

from benchmarks.amount import amount
from benchmarks.crowd import fill, of
from benchmarks.figure import Figure, median, p99
from benchmarks.stacks import stack
from octavo.v1.notification_service_pb2 import ListNotificationsRequest
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub

MANY = amount(1_000_000, 5_000)
PAGE = 50
PAGES = amount(1_000, 20)
CALLS = amount(500, 20)


def figures() -> Iterator[Figure]:
    """Milliseconds of a page."""
    with stack({"postgres", "kafka", "api", "persister"}) as (running, known):
        service_id, template_id = of(known)
        metadata = (("authorization", f"Bearer {known['OCTAVO_API_KEY']}"),)
        with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
            stub = NotificationServiceStub(channel)
            fill(running.database_url, service_id, template_id, MANY, None)
            tokens = [""]
            took: list[float] = []
            for _ in range(PAGES):
                page, seconds = _page(stub, metadata, tokens[-1])
                took.append(seconds)
                tokens.append(page.next_page_token)
            first, last = took[:20], took[-20:]
            draw = random.Random(7)
            anywhere = sorted(_page(stub, metadata, draw.choice(tokens[:-1]))[1] for _ in range(CALLS))
    yield Figure("lookups.page_1000", median(last) * 1000, "ms", median(first) * 1000, "<= 1.5")
    yield Figure("lookups.page_p99", p99(anywhere) * 1000, "ms", median(anywhere) * 1000, "<= 5")


def _page(stub: Any, metadata: Any, token: str) -> tuple[Any, float]:
    begun = perf_counter()
    page = stub.ListNotifications(
        ListNotificationsRequest(page_size=PAGE, page_token=token), metadata=metadata, timeout=30
    )
    return page, perf_counter() - begun
