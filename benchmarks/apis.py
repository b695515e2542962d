"""Processes of the api beside each other, each with variables of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.processes import free_port, running
from deploy.local.probes import http_ok


@dataclass(frozen=True, slots=True)
class Api:
    """A process of the api."""

    pid: int
    address: str
    operations: str


@contextmanager
def api(environment: Mapping[str, str]) -> Iterator[Api]:
    """One that is ready, ended at the end."""
    port, ops = free_port(), free_port()
    operations = f"http://127.0.0.1:{ops}"
    ports = {"OCTAVO_API_PORT": str(port), "OCTAVO_OPS_PORT": str(ops)}
    with running(["services.api"], {**environment, **ports}, lambda: http_ok(f"{operations}/readyz")) as pid:
        yield Api(pid, f"127.0.0.1:{port}", operations)
