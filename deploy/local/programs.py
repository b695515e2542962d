"""The programs of the stack, as a table: what each is started with, when it is ready, how it is stopped."""

import signal
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from deploy.local import environment, kafka, postgres, probes
from deploy.local.instance import ROOT, Instance

BACKING = ("kafka", "postgres", "s3", "simulator")
"""What Octavo's services work with."""

SERVICES = ("api", "persister", "dispatcher", "callbacks")
"""Octavo's own processes."""

PARTS = (*BACKING, *SERVICES)
"""Everything that can be started, in the order of the table of `make status`."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program of an instance."""

    name: str
    command: Collection[str]
    address: str
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = str(ROOT)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 30
    """How long it may take to stop before it is killed."""


def programs(instance: Instance, ports: Mapping[str, int], parts: Collection[str]) -> dict[str, Program]:
    """Return the given parts, by name, each with all that is needed to run it."""
    makers = {"kafka": _kafka, "postgres": _postgres, "s3": _s3, "simulator": _simulator}
    return {
        name: makers[name](instance, ports) if name in makers else _service(name, instance, ports)
        for name in PARTS
        if name in parts
    }


def _kafka(instance: Instance, ports: Mapping[str, int]) -> Program:
    return Program(
        name="kafka",
        command=kafka.command(instance),
        address=f"127.0.0.1:{ports['kafka']}",
        ready=lambda: probes.kafka_ready(ports["kafka"]),
    )


def _postgres(instance: Instance, ports: Mapping[str, int]) -> Program:
    return Program(
        name="postgres",
        command=postgres.command(instance, ports["postgres"]),
        address=f"127.0.0.1:{ports['postgres']}",
        ready=lambda: probes.postgres_ready(postgres.superuser_url(instance, ports["postgres"])),
        environment=postgres.environment(),
        directory=str(postgres.home_directory(instance)),
        user=postgres.system_user(),
        # "Fast shutdown": it ends sessions instead of waiting for them.
        stop_signal=signal.SIGINT,
    )


def _s3(instance: Instance, ports: Mapping[str, int]) -> Program:
    return Program(
        name="s3",
        command=[sys.executable, "-m", "deploy.local.s3"],
        address=f"http://127.0.0.1:{ports['s3']}",
        # It listens before its bucket is there.
        ready=lambda: probes.http_ok(f"http://127.0.0.1:{ports['s3']}/{environment.BUCKET}"),
        environment=environment.of_s3(instance, ports),
        stop_seconds=5,
    )


def _simulator(instance: Instance, ports: Mapping[str, int]) -> Program:
    address = f"http://127.0.0.1:{ports['simulator']}"
    return Program(
        name="simulator",
        command=[sys.executable, "-m", "deploy.local.simulator"],
        address=address,
        ready=lambda: probes.http_ok(f"{address}/livez"),
        environment=environment.of_simulator(instance, ports),
        stop_seconds=10,
    )


def _service(name: str, instance: Instance, ports: Mapping[str, int]) -> Program:
    operations = f"http://127.0.0.1:{ports[f'{name}_ops']}"
    served = {"api": f"127.0.0.1:{ports['api']}", "callbacks": f"http://127.0.0.1:{ports['receipts']}"}
    return Program(
        name=name,
        command=[sys.executable, "-m", f"services.{name}"],
        address=served.get(name, operations),
        ready=lambda: probes.http_ok(f"{operations}/readyz"),
        environment=environment.of_service(name, instance, ports),
    )
