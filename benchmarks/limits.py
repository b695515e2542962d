"""The limit check: its cost with a lease in hand, and with none and millions of notifications of the service today."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import process_time
from uuid import UUID, uuid4

from benchmarks.amount import amount
from benchmarks.crowd import fill, of
from benchmarks.figure import Figure, median
from benchmarks.stacks import stack
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.directory import Directory, Service
from octavo.storage.engine import engine
from services.api.sending.limits import LeasedLimits
from services.api.transactions import Transactions

CHECKS = amount(200_000, 2_000)
ROUNDS = amount(5, 1)
MANY = amount(5_000_000, 10_000)


def figures() -> Iterator[Figure]:
    """CPU of a check, the leases that it needs now and then included."""
    with stack({"postgres", "kafka"}) as (running, known):
        service_id, template_id = of(known)
        pool = engine(running.database_url)
        service = Directory(pool).service(UUID(service_id))
        if service is None:
            raise LookupError("the seed has made no service")
        none = median([_checks(pool_url=running.database_url, service=service) for _ in range(ROUNDS)])
        fill(running.database_url, service_id, template_id, MANY, b"s" * 300)
        many = median([_checks(pool_url=running.database_url, service=service) for _ in range(ROUNDS)])
        pool.dispose()
    yield Figure("limits.check", none, "µs", None, "<= 2")
    yield Figure("limits.check_with_5_million_today", many, "µs", none, "<= 1.1")


def _checks(pool_url: str, service: Service) -> float:
    """Microseconds of CPU a check."""

    async def run() -> float:
        pool = engine(pool_url)
        with ThreadPoolExecutor(2) as threads:
            limits = LeasedLimits(Transactions(pool, threads), uuid4())
            await limits.start()
            now = datetime.now(UTC)
            before = process_time()
            for _ in range(CHECKS):
                await limits.take(service, NotificationType.SMS, KeyType.LIVE, 1, now)
            used = process_time() - before
            await limits.drain()
        pool.dispose()
        return used / CHECKS * 1e6

    return asyncio.run(run())
