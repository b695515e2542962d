"""The dispatcher beside a bare HTTP client against the same provider."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.processes import cpu_seconds, resident_megabytes, wait_until
from benchmarks.simulator import behave, forget, most_in_flight
from benchmarks.stacks import stack
from benchmarks.work import accepted_texts, publish, service, total
from deploy.local.instance import ROOT
from deploy.local.stack import Stack
from octavo.topics import DB_SMS, SEND_SMS

COUNT = amount(6_000, 600)
ROUNDS = amount(3, 1)
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
                floors.append(_floor(simulator, running.environment))
                _persist(running, known, persisted, COUNT)
                with service(running, "dispatcher", "--topics", SEND_SMS.name) as (pid, metrics):
                    cpu.append(send_cpu(pid, metrics, COUNT))
                    memory = resident_megabytes(pid)
            yield Figure("dispatcher.sms.cpu", median(cpu), "µs", median(floors), "<= 2")
            yield Figure("dispatcher.memory", memory, "MB", None, "<= 150")
            behave(simulator, {name: QUIET | {"latency_ms": 300} for name in SMS})
            _persist(running, known, persisted, COUNT)
            forget(simulator)
            with service(running, "dispatcher", "--topics", SEND_SMS.name) as (_, metrics):
                _called(metrics, COUNT)
            yield Figure("dispatcher.in_flight", most_in_flight(simulator, *SMS), "calls", None, ">= 500")
            quick: list[float] = []
            slow: list[float] = []
            for share, walls in ((0.0, quick), (0.01, slow)) * ROUNDS:
                behave(simulator, {name: QUIET | {"slow_share": share, "slow_ms": 9_000} for name in SMS})
                _persist(running, known, persisted, COUNT)
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


def _persist(running: Stack, known: Mapping[str, str], metrics: str, count: int) -> None:
    there = total(metrics, "notifications_persisted_total")
    publish(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, count))
    wait_until(lambda: total(metrics, "notifications_persisted_total") >= there + count, 120, 0.2)


def send_cpu(pid: int, metrics: str, count: int) -> float:
    """Microseconds of CPU a send, from when it has begun to its end."""
    wait_until(lambda: _calls(metrics) > 0, 60, 0.02)
    first, before = _calls(metrics), cpu_seconds(pid)
    _called(metrics, count)
    return (cpu_seconds(pid) - before) / (count - first) * 1e6


def _called(metrics: str, count: int) -> None:
    wait_until(lambda: _calls(metrics) >= count, 120, 0.2)


def _calls(metrics: str) -> float:
    return total(metrics, "notifications_provider_calls_total", outcome="accepted")


def _floor(simulator: str, environment: Mapping[str, str]) -> float:
    command = [sys.executable, "-m", "benchmarks.floors.http_client", f"{simulator}/mmg", str(COUNT), str(AT_ONCE)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    used: dict[str, float] = json.loads(done.stdout)
    return used["cpu"] / used["calls"] * 1e6
