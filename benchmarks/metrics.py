"""What metrics cost: how many are counted and timed for a send and for a persisted row, and what that is of its CPU."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from timeit import timeit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from benchmarks.amount import amount
from benchmarks.api import SEND_SMS
from benchmarks.counted import FILE
from benchmarks.figure import Figure
from benchmarks.load import offer, warm
from benchmarks.processes import cpu_seconds, free_port
from benchmarks.stacks import stack, texts
from benchmarks.work import accepted_texts, course, publish, service, total
from deploy.local.stack import Stack
from octavo.telemetry.metrics import STEP
from octavo.topics import DB_SMS

COUNT = amount(20_000, 2_000)
SECONDS = amount(4.0, 0.5)
RUNS = amount(200_000, 1_000)


def figures() -> Iterator[Figure]:
    """Microseconds of metrics, beside all of a send and all of a persisted row."""
    each = _each()
    with stack({"kafka", "postgres"}) as (running, known):
        requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        key = known["OCTAVO_API_KEY"]

        def send(pid: int, metrics: str, address: str) -> tuple[float, int]:
            warm(address, SEND_SMS, requests, key)
            before = cpu_seconds(pid)
            seen = offer(address, SEND_SMS, requests, key=key, seconds=SECONDS)
            used = (cpu_seconds(pid) - before) / seen["calls"] * 1e6
            return used, int(total(metrics, "grpc_server_started_total", grpc_method="SendSms"))

        def persist(pid: int, metrics: str, _address: str) -> tuple[float, int]:
            publish(running.kafka_bootstrap, DB_SMS, accepted_texts(known, running.environment, COUNT))
            done = partial(total, metrics, "notifications_persisted_total")
            return course(done, partial(cpu_seconds, pid), COUNT)[1], int(done())

        yield _figure("metrics.of_a_send", _of(running, each, send, "api"))
        yield _figure("metrics.of_a_row", _of(running, each, persist, "persister", "--topics", DB_SMS.name))


def _figure(name: str, cost: tuple[float, float]) -> Figure:
    return Figure(name, cost[0], "µs", cost[1], "<= 0.03")


def _of(
    running: Stack,
    each: Mapping[str, float],
    work: Callable[[int, str, str], tuple[float, int]],
    name: str,
    *arguments: str,
) -> tuple[float, float]:
    """Microseconds of metrics for one, and of everything for one: the latter in a process that is not counted."""
    port = free_port()
    address, more = f"127.0.0.1:{port}", {"OCTAVO_API_PORT": str(port)}
    with service(running, name, *arguments, **more) as (pid, metrics):
        whole, _ = work(pid, metrics, address)
    with tempfile.NamedTemporaryFile() as file:
        with service(running, name, *arguments, under="benchmarks.counted", **more, **{FILE: file.name}) as (
            pid,
            metrics,
        ):
            _, number = work(pid, metrics, address)
        counts: dict[str, int] = json.loads(Path(file.name).read_text(encoding="utf-8"))
    return sum(count * each[kind] for kind, count in counts.items()) / number, whole


def _each() -> dict[str, float]:
    """Microseconds of one call of each kind."""
    registry = CollectorRegistry()
    counter = Counter("count", "Any.", ["of"], registry=registry).labels("this")
    gauge = Gauge("level", "Any.", ["of"], registry=registry).labels("this")
    histogram = Histogram("took", "Any.", ["of"], buckets=STEP, registry=registry).labels("this")
    calls: dict[str, Callable[[], object]] = {
        "inc": counter.inc,
        "up": gauge.inc,
        "down": gauge.dec,
        "set": lambda: gauge.set(1),
        "observe": lambda: histogram.observe(0.01),
    }
    return {kind: timeit(call, number=RUNS) / RUNS * 1e6 for kind, call in calls.items()}
