"""Scale: persisting and claiming with empty and with large tables, and with one and two processes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from benchmarks.amount import amount
from benchmarks.crowd import fill, of
from benchmarks.figure import Figure, median
from benchmarks.processes import cpu_seconds, wait_until
from benchmarks.simulator import behave
from benchmarks.stacks import stack
from benchmarks.work import accepted_texts, publish, service, total
from deploy.local.stack import Stack
from octavo.topics import DB_SMS, SEND_SMS

COUNT = amount(10_000, 500)
ROUNDS = amount(3, 1)
SIZES = amount((1_000_000, 10_000_000), (2_000, 5_000))
SEALED = b"s" * 300
PERSISTED = "notifications_persisted_total"
CALLS = "notifications_provider_calls_total"


def figures() -> Iterator[Figure]:
    """CPU of a notification, the database's included, by the number of rows; rates by the number of processes."""
    with stack({"kafka", "postgres", "simulator"}) as (running, known):
        service_id, template_id = of(known)
        behave(known["SIMULATOR_URL"], {name: {"receipts": False} for name in ("mmg", "firetext")})
        empty = _costs(running, known)
        for name, cost in empty.items():
            yield Figure(f"scale.{name}.cpu_with_empty_tables", cost, "µs")
        there = 0
        for rows in SIZES:
            fill(running.database_url, service_id, template_id, rows - there, SEALED)
            there = rows
            for name, cost in _costs(running, known).items():
                yield Figure(f"scale.{name}.cpu_with_{rows:_}_rows", cost, "µs", empty[name], "<= 1.2")
    with stack({"kafka", "postgres", "simulator"}) as (running, known):
        for processes in (1, 2):
            rates = [_rate(running, known, processes) for _ in range(ROUNDS)]
            yield Figure(f"scale.persister.rate_of_{processes}", median(rates), "/s")


def _costs(running: Stack, known: Mapping[str, str]) -> dict[str, float]:
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
    def used() -> float:
        return cpu_seconds(pid) + cpu_seconds(running.pid("postgres"))

    wait_until(lambda: total(metrics, counter) > 0, 60, 0.02)
    first, before = total(metrics, counter), used()
    wait_until(lambda: total(metrics, counter) >= COUNT, 300, 0.1)
    return (used() - before) / (COUNT - first) * 1e6


def _rate(running: Stack, known: Mapping[str, str], processes: int) -> float:
    publish(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT))
    with ExitStack() as workers:
        started = [
            workers.enter_context(service(running, "persister", "--topics", DB_SMS.name)) for _ in range(processes)
        ]

        def persisted() -> float:
            return sum(total(metrics, PERSISTED) for _, metrics in started)

        wait_until(lambda: persisted() > 0, 60, 0.02)
        first, begun = persisted(), time.monotonic()
        wait_until(lambda: persisted() >= COUNT, 300, 0.05)
        return (COUNT - first) / (time.monotonic() - begun)
