"""Statistics of services with a long history: of closed days alone, of the usual week, and what closing a day costs.

The history is made in the database, OCTAVO_BENCH_HISTORY_ROWS rows of it; its closed days are rolled up by the code of the
persister's sweep, and the counts are read by the function behind GetStatistics.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from uuid import UUID, uuid4

from sqlalchemy import Engine

from benchmarks.amount import amount
from benchmarks.figure import Figure, median, p99
from benchmarks.stacks import stack
from octavo.storage import partitions
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.storage.statistics import CLOSED_AFTER, Wanted, read_statistics, roll_up_closed_days

ROWS = int(os.environ.get("OCTAVO_BENCH_HISTORY_ROWS") or amount(10_000_000, 20_000))
SERVICES = 20
TEMPLATES = 10
"""Of each service."""
DAYS = 35
"""The days that can't be closed yet among them."""
CALLS = amount(500, 40)
STEP = 100_000

_FILL = f"""
INSERT INTO notification_history (id, service_id, notification_type, status, key_type, template_id, template_version, parts,
                                  created_at, sent_at, completed_at, provider)
SELECT uuidv7(at - clock_timestamp()), service_id, CASE WHEN template < 3 THEN 'email' ELSE 'sms' END,
       CASE WHEN n %% 11 = 0 THEN 'permanent-failure' WHEN n %% 13 = 0 THEN 'temporary-failure' ELSE 'delivered' END, 'live',
       CAST(md5(service_id::text || template) AS uuid), 1, 1, at, at, at, 'mmg'
FROM (
    SELECT n, CAST(%(begins)s AS timestamptz) + (n / %(rows)s::float8) * CAST(%(span)s AS interval) AS at,
           (CAST(%(services)s AS uuid[]))[1 + n %% {SERVICES}] AS service_id,
           n / {SERVICES} %% {TEMPLATES} AS template
    FROM generate_series(%(first)s, %(last)s) AS n
) AS made
"""


def figures() -> Iterator[Figure]:
    """Milliseconds of a question, over all services in turn."""
    with stack({"postgres", "kafka"}) as (running, _):
        now = datetime.now(UTC)
        services = [uuid4() for _ in range(SERVICES)]
        pool = engine(running.database_url, pool=1)
        _fill(pool, services, now)
        closing = _close(pool, now.date())
        last_closed = now.date() - CLOSED_AFTER - timedelta(days=1)
        closed = _ask(pool, services, last_closed - timedelta(days=29), last_closed, now.date())
        week = _ask(pool, services, now.date() - timedelta(days=7), now.date(), now.date())
        pool.dispose()
    yield Figure("statistics.closed_days_median", median(closed), "ms")
    yield Figure("statistics.closed_days_p99", p99(closed), "ms", None, "<= 100")
    yield Figure("statistics.open_week_median", median(week), "ms")
    yield Figure("statistics.open_week_p99", p99(week), "ms")
    yield Figure("statistics.close_a_day", median(closing), "s")


def _fill(pool: Engine, services: Sequence[UUID], now: datetime) -> None:
    """As many rows on each day, the latest of them of this moment."""
    of_day = ROWS // DAYS
    for ago in range(DAYS):
        begins = datetime.combine(now.date() - timedelta(days=ago), time(0), tzinfo=UTC)
        partitions.ensure(pool, begins, days_ahead=0)
        values = {
            "begins": begins,
            "span": min(timedelta(days=1), now - begins),
            "rows": of_day,
            "services": [str(service) for service in services],
        }
        for first in range(0, of_day, STEP):
            with transaction(pool) as connection:
                connection.exec_driver_sql(_FILL, values | {"first": first, "last": min(first + STEP, of_day) - 1})
    # As autovacuum leaves it.
    with pool.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("VACUUM ANALYZE notification_history")
        connection.exec_driver_sql("RESET statement_timeout")


def _close(pool: Engine, today: date) -> list[float]:
    """Seconds that closing each day took."""
    took = []
    closed = 1
    while closed:
        begun = perf_counter()
        with transaction(pool) as connection:
            closed = roll_up_closed_days(connection, today)
        took.append(perf_counter() - begun)
    return took[:-1]


def _ask(pool: Engine, services: Sequence[UUID], from_day: date, to_day: date, today: date) -> list[float]:
    """Milliseconds that each question took, in order."""
    took = []
    for call in range(CALLS):
        begun = perf_counter()
        with transaction(pool) as connection:
            lines = read_statistics(connection, Wanted(services[call % SERVICES], from_day, to_day), today)
        took.append((perf_counter() - begun) * 1000)
        if not {from_day, to_day} <= {line.day for line in lines}:
            raise LookupError("days are missing in the answer")
    return sorted(took)
