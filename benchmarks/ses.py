"""The dispatcher's email beside a bare boto3 client against the same provider."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from benchmarks.amount import amount
from benchmarks.dispatcher import send_cpu
from benchmarks.figure import Figure, median
from benchmarks.processes import resident_megabytes, wait_until
from benchmarks.simulator import behave
from benchmarks.stacks import stack
from benchmarks.work import accepted_emails, publish, service, total
from deploy.local.instance import ROOT
from octavo.topics import DB_EMAIL, SEND_EMAIL

COUNT = amount(3_000, 300)
ROUNDS = amount(3, 1)
THREADS = 64


def figures() -> Iterator[Figure]:
    """CPU of a send."""
    with stack({"kafka", "postgres", "simulator"}) as (running, known):
        simulator = known["SIMULATOR_URL"]
        behave(simulator, {"ses": {"receipts": False}})
        floors, cpu = [], []
        with service(running, "persister", "--topics", DB_EMAIL.name) as (_, persisted):
            for _ in range(ROUNDS):
                floors.append(_floor(simulator, running.environment))
                there = total(persisted, "notifications_persisted_total")
                publish(running.kafka_bootstrap, DB_EMAIL, accepted_emails(known, running.environment, COUNT))
                wait_until(lambda at=there + COUNT: total(persisted, "notifications_persisted_total") >= at, 120, 0.2)  # type: ignore[misc]
                with service(running, "dispatcher", "--topics", SEND_EMAIL.name) as (pid, metrics):
                    cpu.append(send_cpu(pid, metrics, COUNT))
                    memory = resident_megabytes(pid)
        yield Figure("dispatcher.email.cpu", median(cpu), "µs", median(floors), "<= 1.3")
        yield Figure("dispatcher.email.memory", memory, "MB", None, "<= 150")


def _floor(simulator: str, environment: Mapping[str, str]) -> float:
    command = [sys.executable, "-m", "benchmarks.floors.ses_client", simulator, str(COUNT), str(THREADS)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    used: dict[str, float] = json.loads(done.stdout)
    return used["cpu"] / used["calls"] * 1e6
