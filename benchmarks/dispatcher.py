"""The dispatcher beside a bare HTTP client against the same provider."""

import time
from collections.abc import Iterator
from functools import partial

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.floors import floor_cpu
from benchmarks.processes import cpu_seconds, resident_megabytes, wait_until
from benchmarks.simulator import behave, forget, ledger_count, most_in_flight
from benchmarks.stacks import stack
from benchmarks.work import accepted_texts, course, persist, service, total
from octavo.topics import DB_SMS, SEND_SMS

COUNT = amount(6_000, 2_000)
ROUNDS = amount(5, 1)
AT_ONCE = 200
SMS = ("mmg", "firetext")
QUIET = {"receipts": False}


def figures() -> Iterator[Figure]:
    """CPU of a send, sends in flight, and what slow calls do to the others."""
    with stack({"kafka", "postgres", "simulator"}) as (running, known):
        simulator = known["SIMULATOR_URL"]
        behave(simulator, dict.fromkeys(SMS, QUIET))
        floors, cpu = [], []
        with service(running, "persister", "--topics", DB_SMS.name) as (_, persisted):
            for _ in range(ROUNDS):
                floors.append(floor_cpu("http_client", f"{simulator}/mmg", COUNT, AT_ONCE, running.environment))
                persist(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT), persisted)
                there = ledger_count(simulator)
                with service(running, "dispatcher", "--topics", SEND_SMS.name) as (pid, _):
                    cpu.append(course(lambda: ledger_count(simulator) - there, partial(cpu_seconds, pid), COUNT)[1])  # noqa: B023
                    memory = resident_megabytes(pid)
            yield Figure("dispatcher.sms.cpu", median(cpu), "µs", median(floors), "<= 2")
            yield Figure("dispatcher.memory", memory, "MB", None, "<= 150")
            behave(simulator, {name: QUIET | {"latency_ms": 300} for name in SMS})
            persist(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT), persisted)
            forget(simulator)
            with service(running, "dispatcher", "--topics", SEND_SMS.name) as (_, metrics):
                _called(metrics, COUNT)
            yield Figure("dispatcher.in_flight", most_in_flight(simulator, *SMS), "calls", None, ">= 500")
            quick: list[float] = []
            slow: list[float] = []
            for share, walls in ((0.0, quick), (0.01, slow)) * ROUNDS:
                behave(simulator, {name: QUIET | {"slow_share": share, "slow_ms": 9_000} for name in SMS})
                persist(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT), persisted)
                with service(running, "dispatcher", "--topics", SEND_SMS.name) as (_, metrics):
                    walls.append(_wall(metrics))
                    _called(metrics, COUNT)
            yield Figure("dispatcher.others_beside_slow_calls", median(slow), "s", median(quick), "<= 1.2")


def _wall(metrics: str) -> float:
    """Seconds from the first answered call until 98 % are answered: the slow ones are among the rest."""
    wait_until(lambda: _calls(metrics) > 0, 60, 0.02)
    begun = time.monotonic()
    wait_until(lambda: _calls(metrics) >= COUNT * 0.98, 120, 0.02)
    return time.monotonic() - begun


def _called(metrics: str, count: int) -> None:
    wait_until(lambda: _calls(metrics) >= count, 120, 0.2)


def _calls(metrics: str) -> float:
    return total(metrics, "notifications_provider_calls_total", outcome="accepted")
