"""Processes of Octavo with nothing behind them: neither Kafka nor PostgreSQL answers, and nothing is ever handled."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local import environment
from deploy.local.instance import ROOT, Instance
from tests.waiting import until

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
SERVICES = ("api", "persister", "dispatcher", "callbacks")
START_SECONDS = 60


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    with socket.socket() as kafka, socket.socket() as postgres:
        for name, one in (("kafka", kafka), ("postgres", postgres)):
            one.bind(("127.0.0.1", 0))
            found[name] = one.getsockname()[1]
        for name in names:
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                found.setdefault(name, one.getsockname()[1])
    return found


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Samples]]:
    """`alone("api")` scrapes that process, which has just started; all are started at once."""
    instance = Instance(tmp_path_factory.mktemp("alone"))
    instance.prepare()
    ports = free_ports(environment.PORTS)
    running = {name: start(name, instance, ports) for name in SERVICES}

    def scrape(name: str) -> Samples:
        log = instance.logs / f"{name}.log"

        def samples() -> Samples | None:
            assert running[name].poll() is None, log.read_text()
            with suppress(OSError):
                return read(f"http://127.0.0.1:{ports[f'{name}_ops']}")
            return None

        found = until(samples, START_SECONDS, why=f"that {name} answers: {log}")
        assert found
        return found

    yield scrape
    for process in running.values():
        process.kill()
        process.wait()


def start(name: str, instance: Instance, ports: Mapping[str, int]) -> subprocess.Popen[bytes]:
    variables = {**os.environ, **environment.of_service(name, instance, ports)}
    with (instance.logs / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"services.{name}"], cwd=ROOT, env=variables, stdout=log, stderr=log
        )


def read(operations: str) -> Samples:
    """Every sample, once all parts of the process have begun; nothing before."""
    with urllib.request.urlopen(f"{operations}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    try:
        urllib.request.urlopen(f"{operations}/readyz", timeout=10)
    except urllib.error.HTTPError as error:
        if b"starting" in error.read():
            return {}
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
