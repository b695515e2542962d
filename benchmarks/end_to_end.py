"""The whole path, one process of each service: from the call to the provider."""

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from threading import Thread
from typing import Any, NamedTuple

import grpc

from benchmarks.amount import amount
from benchmarks.api import SEND_SMS
from benchmarks.figure import Figure, median, p99
from benchmarks.load import answered, offer
from benchmarks.processes import cpu_seconds, resident_megabytes, wait_until
from benchmarks.simulator import behave, ledger_count
from benchmarks.stacks import stack, texts
from benchmarks.work import REST_SECONDS
from deploy.local.stack import Stack
from octavo.v1.notification_service_pb2 import SendSmsResponse

PEER_CPU_MS = 11.0
"""CPU of the nearest peer for one notification: 10 to 12 ms (measured on the same kind of machine)."""
PEER_RATE = 175.0
OURS = ("api", "persister", "dispatcher", "kafka", "postgres")
ROUNDS = amount(3, 1)
SECONDS = amount(7.0, 0.5)
SLOW_RATE = 5.0
SLOW_CALLS = amount(300, 5)


def figures() -> Iterator[Figure]:
    """CPU, rate and latency from accept to provider; receipts apart."""
    with stack({"kafka", "postgres", "simulator", "api", "persister", "dispatcher", "callbacks"}) as (running, known):
        simulator = known["SIMULATOR_URL"]
        behave(simulator, {name: {"receipts": False} for name in ("mmg", "firetext", "ses")})
        requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        address, key = known["OCTAVO_ADDRESS"], known["OCTAVO_API_KEY"]
        offer(address, SEND_SMS, requests, key=key, seconds=amount(5, 1))
        _settled(simulator)

        yield from _slow(address, key, requests, simulator)

        rounds = [_full(running, address, key, requests, simulator) for _ in range(ROUNDS)]
        rate = median([one.rate for one in rounds])
        yield Figure("end_to_end.accept_rate", median([one.accept_rate for one in rounds]), "/s")
        yield Figure("end_to_end.rate", rate, "/s", PEER_RATE, ">= 10")
        yield Figure("end_to_end.cpu", median([sum(one.cpu_ms.values()) for one in rounds]), "ms", None, "<= 1.0")
        for name in OURS:
            yield Figure(f"end_to_end.cpu.{name}", median([one.cpu_ms[name] for one in rounds]), "ms")
        for name in ("api", "persister", "dispatcher", "callbacks"):
            yield Figure(f"{name}.memory_after_load", resident_megabytes(running.pid(name)), "MB", None, "<= 150")

        yield from _at(address, key, requests, simulator, rate / 2)


class _Round(NamedTuple):
    """What came of callers that call again at once; CPU is that of one notification, by process."""

    accept_rate: float
    rate: float
    cpu_ms: dict[str, float]


def _full(running: Stack, address: str, key: str, requests: list[bytes], simulator: str) -> _Round:
    before = {name: cpu_seconds(running.pid(name)) for name in OURS}
    there = ledger_count(simulator)
    seen = answered(offer(address, SEND_SMS, requests, key=key, seconds=SECONDS, concurrency=128))
    wait_until(lambda: ledger_count(simulator) >= there + seen["calls"], 300)
    # From the first call: until then the load's own process begins.
    whole = time.monotonic() - seen["began"]
    # For what comes after a provider's last answer.
    time.sleep(REST_SECONDS)
    used = {name: (cpu_seconds(running.pid(name)) - before[name]) / seen["calls"] * 1000 for name in OURS}
    return _Round(seen["calls"] / seen["seconds"], seen["calls"] / whole, used)


def _slow(address: str, key: str, requests: list[bytes], simulator: str) -> Iterator[Figure]:
    """Start of the call → provider called, at five calls a second."""
    took = latencies(address, key, requests[:SLOW_CALLS], simulator, SLOW_RATE)
    yield Figure("end_to_end.p50_at_5_per_s", took[len(took) // 2], "ms", None, "<= 10")
    yield Figure("end_to_end.p99_at_5_per_s", p99(took), "ms", None, "<= 20")


def _at(address: str, key: str, requests: list[bytes], simulator: str, rate: float) -> Iterator[Figure]:
    """The same while the machine works at half of its full rate."""
    load = Thread(
        target=offer,
        args=(address, SEND_SMS, requests),
        kwargs={"key": key, "seconds": SLOW_CALLS / SLOW_RATE + 2, "rate": rate, "concurrency": 256},
    )
    load.start()
    took = latencies(address, key, requests[:SLOW_CALLS], simulator, SLOW_RATE)
    load.join()
    yield Figure("end_to_end.p99_at_half_rate", p99(took), "ms", None, "<= 100")


def latencies(address: str, key: str, requests: list[bytes], simulator: str, rate: float) -> list[float]:
    """Milliseconds from the start of each call until a provider was called, in ascending order."""
    started: dict[str, float] = {}
    there = ledger_count(simulator)
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(SEND_SMS, response_deserializer=SendSmsResponse.FromString)
        for request in requests:
            begun = time.time()
            answer = call(request, metadata=(("authorization", f"Bearer {key}"),), timeout=10)
            started[answer.id] = begun
            time.sleep(max(0.0, 1 / rate - (time.time() - begun)))
    called: dict[str, float] = {}

    def all_called() -> bool:
        with urllib.request.urlopen(f"{simulator}/ledger?since={there}", timeout=30) as lines:
            called.update({entry["reference"]: _at_time(entry["at"]) for entry in map(json.loads, lines)})
        return started.keys() <= called.keys()

    wait_until(all_called, 60, every=0.5)
    return sorted((called[one] - begun) * 1000 for one, begun in started.items())


def _at_time(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else datetime.fromisoformat(value).timestamp()


def _settled(simulator: str) -> None:
    """Waits until nothing more arrives."""
    last = -1

    def still() -> bool:
        nonlocal last
        before, last = last, ledger_count(simulator)
        return before == last

    wait_until(still, 60, every=1.0)
