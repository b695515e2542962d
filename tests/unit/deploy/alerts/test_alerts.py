"""The alerts and dashboards name what the code has, and each alert is tried both ways and explained."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import Gauge
from prometheus_client.metrics import MetricWrapperBase

from octavo.telemetry import metrics
from octavo.telemetry.instruments import Counter, Histogram

ROOT = Path(__file__).parents[4]
RULES = ROOT / "deploy/alerts/rules.yaml"
CASES = sorted((ROOT / "deploy/alerts/tests").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "deploy/dashboards").glob("*.json"))

OF_PYTHON = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
"""What prometheus-client tells of every process."""
OF_SCRAPING = {"pod"}
"""Labels that Prometheus adds."""


def _series():
    """Every name that can be asked for, with the labels of its metric."""
    series: dict[str, set[str]] = {name: set() for name in OF_PYTHON}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            name, labels = next(iter(metric.describe())).name, set(metric._labelnames)
            endings = {Counter: ["_total"], Gauge: [""], Histogram: ["_bucket", "_sum", "_count"]}[type(metric)]
            for ending in endings:
                series[name + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return series


SERIES = _series()
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
RECORDS = {rule["record"] for group in GROUPS for rule in group["rules"] if "record" in rule}


def _expressions():
    for group in GROUPS:
        for rule in group["rules"]:
            yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield from ((f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"])


EXPRESSIONS = dict(_expressions())


def _names(expression):
    """The names of series in an expression: none of its strings, labels, functions and words of PromQL."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\b(by|on|without|ignoring) \([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    found = re.findall(r"[a-z_:][a-z0-9_:]*(?![a-z0-9_:(])\b(?!\s*\()", bare)
    return {
        name for name in found if name not in {"and", "or", "unless", "offset"} and not re.fullmatch("[smhd]", name)
    }


@pytest.mark.asked("C7")
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_asked_for_exists(name):
    names = _names(EXPRESSIONS[name])
    assert names
    assert names - SERIES.keys() - RECORDS == set()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_labels_are_those_of_the_metrics(name):
    expression = EXPRESSIONS[name]
    for series, selector in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
        assert {*re.findall(r'(\w+)[=!]~?"', selector)} <= SERIES[series]
    grouped = {
        label.strip() for text in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in text.split(",")
    }
    known = set().union(*(SERIES.get(series, set()) for series in _names(expression)))
    assert grouped <= known | OF_SCRAPING


@pytest.mark.parametrize("series", ["notifications_to_provider_seconds_bucket", "grpc_server_handling_seconds_bucket"])
def test_objectives_lie_on_the_bounds_of_buckets(series):
    bounds = {re.search(rf'{series}\{{[^}}]*le="([^"]+)"', text) for text in EXPRESSIONS.values()}
    known = {str(float(bound)) for bound in (*metrics.TO_PROVIDER, *metrics.STEP)}
    assert {match.group(1) for match in bounds if match} <= known


@pytest.mark.asked("S7")
@pytest.mark.parametrize("metric", ["notifications_retries_total", "notifications_retries_failed_total"])
def test_both_kinds_of_retry_raise_an_alert(metric):
    assert [name for name, rule in ALERTS.items() if metric in rule["expr"]]


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_how_urgent_it_is_and_what_to_do(alert):
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page = (ROOT / rule["annotations"]["runbook"]).read_text()
    _, _, section = page.partition(f"\n## {alert}\n")
    section = section.split("\n## ")[0]
    assert "**Means**" in section


def test_no_page_explains_an_alert_that_is_not_there():
    pages = (ROOT / "docs/operations/alerts").glob("*.md")
    assert {name for page in pages for name in re.findall(r"^## (\w+)$", page.read_text(), re.MULTILINE)} == {*ALERTS}


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_tried_both_ways(alert):
    tries = [
        bool(check["exp_alerts"])
        for path in CASES
        for case in yaml.safe_load(path.read_text())["tests"]
        for check in case["alert_rule_test"]
        if check["alertname"] == alert
    ]
    assert {*tries} == {True, False}


def _promtool():
    """Where promtool is; it is not fetched here (`make alerts-check` does)."""
    fetched = ROOT / ".local/tools/prometheus/usr/bin/promtool"
    return shutil.which("promtool") or (str(fetched) if fetched.exists() else None)


@pytest.mark.skipif(
    _promtool() is None, reason="promtool is not on this machine: `make alerts-check` fetches it if it can"
)
@pytest.mark.parametrize(
    "command", [["check", "rules", str(RULES)], ["test", "rules", *map(str, CASES)]], ids=lambda it: it[0]
)
def test_promtool_agrees(command):
    done = subprocess.run([_promtool(), *command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_says_whether_its_remedy_was_tried():
    told = {}
    for page in (ROOT / "docs/operations/alerts").glob("*.md"):
        for section in re.split(r"(?m)^## ", page.read_text())[1:]:
            told[section.split()[0]] = re.findall(r"(?m)^\*\*(Tried|Untried)\*\*: \S", section)
    assert {alert for alert in ALERTS if len(told.get(alert, [])) != 1} == set()
