"""Scale: persisting and sending with empty and with large tables."""

from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.amount import amount
from benchmarks.crowd import fill, of
from benchmarks.figure import Figure, median
from benchmarks.processes import cpu_seconds
from benchmarks.simulator import behave
from benchmarks.stacks import stack
from benchmarks.work import accepted_texts, course, publish, service, total
from deploy.local.stack import Stack
from octavo.topics import DB_SMS, SEND_SMS

COUNT = amount(10_000, 3_000)
ROUNDS = amount(3, 1)
SIZES = amount((1_000_000, 10_000_000), (2_000, 5_000))
SEALED = b"s" * 300
PERSISTED = "notifications_persisted_total"
CALLS = "notifications_provider_calls_total"


def figures() -> Iterator[Figure]:
    """CPU of a notification, the database's included, by the number of rows."""
    with stack({"kafka", "postgres", "simulator"}) as (running, known):
        service_id, template_id = of(known)
        behave(known["SIMULATOR_URL"], {name: {"receipts": False} for name in ("mmg", "firetext")})
        empty = costs(running, known)
        for name, cost in empty.items():
            yield Figure(f"scale.{name}.cpu_with_empty_tables", cost, "µs")
        there = 0
        for rows in SIZES:
            fill(running.database_url, service_id, template_id, rows - there, SEALED)
            there = rows
            for name, cost in costs(running, known).items():
                yield Figure(f"scale.{name}.cpu_with_{rows:_}_rows", cost, "µs", empty[name], "<= 1.2")


def costs(running: Stack, known: Mapping[str, str]) -> dict[str, float]:
    """Microseconds of CPU of persisting and of sending a notification, the database's included."""
    taken: dict[str, list[float]] = {"persist": [], "send": []}
    for _ in range(ROUNDS):
        publish(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT))
        with service(running, "persister", "--topics", DB_SMS.name) as (pid, metrics):
            taken["persist"].append(_cost(running, pid, metrics, PERSISTED))
        with service(running, "dispatcher", "--topics", SEND_SMS.name) as (pid, metrics):
            taken["send"].append(_cost(running, pid, metrics, CALLS))
    return {name: median(rounds) for name, rounds in taken.items()}


def _cost(running: Stack, pid: int, metrics: str, counter: str) -> float:
    postgres = running.pid("postgres")
    return course(partial(total, metrics, counter), lambda: cpu_seconds(pid) + cpu_seconds(postgres), COUNT)[1]
