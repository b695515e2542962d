"""A real Prometheus scrapes every process: the dashboards show data, and the rules say that all is well."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.instance import ROOT
from tests.e2e.test_whole_path import send_email, send_sms, settled
from tests.integration.transport.conftest import free_port
from tests.waiting import until

FETCHED = ROOT / ".local/tools/prometheus/usr/bin/prometheus"
PROMETHEUS = shutil.which("prometheus") or (str(FETCHED) if FETCHED.exists() else None)
RULES = ROOT / "deploy/alerts/rules.yaml"
DASHBOARDS = sorted((ROOT / "deploy/dashboards").glob("*.json"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROMETHEUS is None,
        reason="Prometheus is not on this machine: `make alerts-check` fetches it with promtool if it can",
    ),
]

WITHOUT_DATA = {"Tasks that failed"}
"""What shows something only when something is wrong."""


class Prometheus:
    def __init__(self, port: int, targets: Path) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1"
        self._file = targets
        self.targets: Mapping[str, str] = {}

    def scrape(self, targets: Mapping[str, str]) -> None:
        """Has it scrape these from now on: addresses by name."""
        # Kubernetes adds the label in production.
        groups = [{"targets": [address], "labels": {"pod": f"{name}-1"}} for name, address in targets.items()]
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps(groups))
        # At once, so that it never reads half of them.
        written.rename(self._file)
        self.targets = targets

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self._address}/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def result(self, expression: str) -> list[Any]:
        found: list[Any] = self.get("query", query=expression)["result"]
        return found


SERVICES = ("api", "persister", "dispatcher", "callbacks")


def targets_of(known: Mapping[str, str], services: Iterable[str] = SERVICES) -> dict[str, str]:
    """Where these programs of the stack tell their metrics."""
    return {service: urllib.parse.urlparse(known[f"{service.upper()}_METRICS_URL"]).netloc for service in services}


@pytest.fixture(scope="module")
def prometheus(known: dict[str, str], tmp_path_factory) -> Iterator[Prometheus]:
    with running(targets_of(known), tmp_path_factory.mktemp("prometheus"), RULES) as started:
        until(lambda: len(started.result("up == 1")) == len(SERVICES))
        yield started


@contextmanager
def running(targets: Mapping[str, str], home: Path, rules: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes these processes, by name, each second, with these rules."""
    found = home / "targets.json"
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "octavo", "file_sd_configs": [{"files": [str(found)]}]}],
    }
    (home / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = [
        str(PROMETHEUS),
        f"--config.file={home / 'prometheus.yaml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    started = Prometheus(port, found)
    started.scrape(targets)
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: _answers(started, len(targets)) or process.poll() is not None)
        assert process.poll() is None, (home / "log").read_text()
        yield started
    finally:
        process.terminate()
        process.wait(30)


def _answers(prometheus: Prometheus, targets: int) -> bool:
    try:
        return len(prometheus.result("up")) == targets
    except OSError:
        return False


@pytest.fixture(scope="module")
def traffic(prometheus, account, eventually) -> None:
    """Messages before and between scrapes, so that rates have something to count."""
    for _ in range(3):
        before = prometheus.result("max(timestamp(up))")[0]["value"][1]
        for answer in (send_sms(account), send_email(account)):
            settled(account, answer.id, eventually)
        eventually(
            lambda before=before: float(prometheus.result("min(timestamp(up))")[0]["value"][1]) > float(before) + 1
        )


def _expressions(path: Path) -> Iterator[tuple[str, str]]:
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in (("$__rate_interval", "1m"), ("$provider", ".*"), ("$type", ".*")):
                expression = expression.replace(variable, value)
            yield panel["title"], re.sub(r"\[1h\]", "[1m]", expression)


@pytest.mark.asked("C7")
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_shows_data(prometheus, traffic, path, eventually):
    for title, expression in _expressions(path):
        if title in WITHOUT_DATA:
            prometheus.result(expression)
        else:
            assert eventually(lambda expression=expression: prometheus.result(expression)), f"{title}: {expression}"


def test_every_rule_is_evaluated_without_an_error(prometheus, traffic, eventually):
    def evaluated() -> bool:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
        return all(rule["health"] == "ok" for rule in rules)

    assert eventually(evaluated)


def test_no_alert_fires_while_all_is_well(prometheus, traffic):
    assert [alert["labels"] for alert in prometheus.get("alerts")["alerts"] if alert["state"] == "firing"] == []
