"""The dispatcher's email beside a bare boto3 client against the same provider."""

from collections.abc import Iterator
from functools import partial

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.floors import floor_cpu
from benchmarks.processes import cpu_seconds, resident_megabytes
from benchmarks.simulator import behave, ledger_count
from benchmarks.stacks import stack
from benchmarks.work import accepted_emails, course, persist, service
from octavo.topics import DB_EMAIL, SEND_EMAIL

COUNT = amount(3_000, 1_000)
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
                floors.append(floor_cpu("ses_client", simulator, COUNT, THREADS, running.environment))
                messages = accepted_emails(known, running.environment, COUNT)
                persist(running.kafka_bootstrap, DB_EMAIL, messages, persisted)
                # Asked of the provider: a process with hundreds of threads of boto3 is late to tell its metrics.
                there = ledger_count(simulator)
                with service(running, "dispatcher", "--topics", SEND_EMAIL.name) as (pid, _):
                    cpu.append(course(lambda: ledger_count(simulator) - there, partial(cpu_seconds, pid), COUNT)[1])  # noqa: B023
                    memory = resident_megabytes(pid)
        yield Figure("dispatcher.email.cpu", median(cpu), "µs", median(floors), "<= 1.3")
        yield Figure("dispatcher.email.memory", memory, "MB", None, "<= 150")
