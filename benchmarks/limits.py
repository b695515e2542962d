"""The limit check: its cost with a lease in hand, for services with none and with millions of notifications today, in turn."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import process_time
from uuid import UUID, uuid4

from sqlalchemy import Engine

from benchmarks.amount import amount
from benchmarks.crowd import fill, of
from benchmarks.figure import Figure, alternate, median
from benchmarks.stacks import lift_limits, stack
from octavo.domain.notification import KeyType, NotificationType
from octavo.seed import seed
from octavo.storage.directory import Directory, Service
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
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
        with transaction(pool) as connection:
            neighbour_id = seed(connection, "Neighbour")["service_id"]
        lift_limits(running.database_url)
        fill(running.database_url, service_id, template_id, MANY, b"s" * 300)
        busy, idle = (_service(pool, one) for one in (service_id, neighbour_id))
        taken = alternate(
            ROUNDS,
            none=lambda: _checks(pool_url=running.database_url, service=idle),
            many=lambda: _checks(pool_url=running.database_url, service=busy),
        )
        pool.dispose()
    none = median(taken["none"])
    yield Figure("limits.check", none, "µs", None, "<= 2")
    yield Figure("limits.check_with_5_million_today", median(taken["many"]), "µs", none, "<= 1.1")


def _service(pool: Engine, service_id: str) -> Service:
    found = Directory(pool).service(UUID(service_id))
    if found is None:
        raise LookupError(f"there is no service {service_id}")
    return found


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
