"""How long each service takes to start, and the memory that it has then."""

import time
from collections.abc import Iterator

from benchmarks.amount import amount
from benchmarks.figure import Figure, median
from benchmarks.processes import resident_megabytes
from benchmarks.stacks import stack
from benchmarks.work import service

ROUNDS = amount(3, 1)


def figures() -> Iterator[Figure]:
    """Seconds from the start of the process until it says that it is ready."""
    with stack({"kafka", "postgres"}) as (on, _):
        for name in ("api", "persister", "dispatcher", "callbacks"):
            took, memory = [], []
            for _ in range(ROUNDS):
                begun = time.monotonic()
                with service(on, name) as (pid, _):
                    took.append(time.monotonic() - begun)
                    memory.append(resident_megabytes(pid))
            yield Figure(f"{name}.start", median(took), "s", None, "<= 2")
            yield Figure(f"{name}.memory_at_start", median(memory), "MB", None, "<= 150")
