"""A minute without Kafka, PostgreSQL or the providers, under load: memory meanwhile, and how fast what waited is worked off."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.amount import amount
from benchmarks.api import SEND_SMS
from benchmarks.figure import Figure
from benchmarks.load import offer
from benchmarks.processes import resident_megabytes, wait_until
from benchmarks.simulator import behave, ledger_count
from benchmarks.stacks import stack, texts
from deploy.local.stack import Stack

AWAY_SECONDS = amount(60.0, 2.0)
FULL_SECONDS = amount(10.0, 1.0)
RATE = 300.0
"""Calls a second meanwhile: a good part of what the processes can do."""
SERVICES = ("api", "persister", "dispatcher", "callbacks")
AWAY = {"kafka": "kafka", "postgres": "postgres", "simulator": "providers"}
WAKING_SECONDS = 120.0
QUIET_SECONDS = 10.0
"""Nothing more is worked off once so long nothing was sent."""


def figures() -> Iterator[Figure]:
    """The normal rate; memory and the rate afterwards for each that is away."""
    with stack({"kafka", "postgres", "simulator", "api", "persister", "dispatcher", "callbacks"}) as (running, known):
        simulator = known["SIMULATOR_URL"]
        behave(simulator, {name: {"receipts": False} for name in ("mmg", "firetext", "ses")})
        load = {"address": known["OCTAVO_ADDRESS"], "key": known["OCTAVO_API_KEY"]}
        requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        _full(simulator, load, requests, seconds=FULL_SECONDS / 2)
        normal = _full(simulator, load, requests, seconds=FULL_SECONDS)
        yield Figure("outages.normal_rate", normal, "/s")
        for program, name in AWAY.items():
            most = _without(running, program, load, requests)
            # While Kafka is away nothing is accepted: what waits, waits at the clients.
            rate = (
                _full(simulator, load, requests, seconds=FULL_SECONDS)
                if program == "kafka"
                else _worked_off(simulator, ledger_count(simulator))
            )
            yield Figure(f"outages.memory_without_{name}", max(most.values()), "MB", None, "<= 250")
            yield Figure(f"outages.rate_after_{name}", rate, "/s", normal, ">= 0.5")


def _without(running: Stack, program: str, load: Mapping[str, str], requests: list[bytes]) -> dict[str, float]:
    """Freezes a program for the time, under load; the most memory of each service meanwhile. It goes on at the end."""
    most = dict.fromkeys(SERVICES, 0.0)
    running.pause(program)
    try:
        with ThreadPoolExecutor(1) as threads:
            offered = threads.submit(offer, requests=requests, **_at(load, AWAY_SECONDS, RATE))
            while not offered.done():
                time.sleep(0.5)
                for name in SERVICES:
                    most[name] = max(most[name], resident_megabytes(running.pid(name)))
            offered.result()
    finally:
        running.resume(program)
    return most


def _full(simulator: str, load: Mapping[str, str], requests: list[bytes], *, seconds: float) -> float:
    """Notifications a second, from the call to the provider, at full load."""
    there, begun = ledger_count(simulator), time.monotonic()
    seen = offer(requests=requests, **_at(load, seconds, 0))
    wait_until(lambda: ledger_count(simulator) >= there + seen["calls"], 300)
    return float(seen["calls"]) / (time.monotonic() - begun)


def _worked_off(simulator: str, there: int) -> float:
    """Notifications a second that reach the providers, from now until no more do."""
    begun = last = time.monotonic()
    count = there

    def quiet() -> bool:
        nonlocal count, last
        now = ledger_count(simulator)
        if now != count:
            count, last = now, time.monotonic()
        return time.monotonic() - last > QUIET_SECONDS

    wait_until(lambda: ledger_count(simulator) > there, WAKING_SECONDS)
    wait_until(quiet, 600, 0.1)
    return (count - there) / (last - begun)


def _at(load: Mapping[str, str], seconds: float, rate: float) -> dict[str, Any]:
    return {**load, "method": SEND_SMS, "seconds": seconds, "rate": rate, "concurrency": 512 if rate else 128}
