"""One fault of each kind on the running stack, the alert that a real Prometheus raises for it, and that it ends with the fault.

The rules are the shipped ones, but for their times: minutes and hours become seconds, so that nobody waits for them.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import pytest
from kafka import KafkaProducer

from deploy.local.demo.account import UNSETTLED
from tests.e2e import paths
from tests.e2e.callers import Api, Service
from tests.e2e.test_prometheus import PROMETHEUS, RULES, Prometheus, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        PROMETHEUS is None,
        reason="Prometheus is not on this machine: `make alerts-check` fetches it with promtool if it can",
    ),
]

FIRING_SECONDS = 90
QUIET_SECONDS = 90
SETTLED_SECONDS = 60
SENT = 60


def hurried(rules: str) -> str:
    """The same rules over half a minute, without delay."""
    rules = re.sub(r"\[\d+[mh]\]", "[30s]", rules)
    rules = re.sub(r"offset \d+m", "offset 30s", rules)
    return re.sub(r"(?m)^(\s+for:) \d+[mh]$", r"\1 1s", rules)


@pytest.fixture(scope="module")
def prometheus(known, tmp_path_factory) -> Iterator[Prometheus]:
    home: Path = tmp_path_factory.mktemp("alerts")
    rules = home / "rules.yaml"
    rules.write_text(hurried(RULES.read_text()))
    with running(known, home, rules) as started:
        yield started


@pytest.fixture
def service(channel, known) -> Service:
    return Api(channel, known["OCTAVO_ADMIN_KEY"]).service()


def firing(prometheus: Prometheus) -> set[str]:
    return {one["labels"]["alertname"] for one in prometheus.get("alerts")["alerts"] if one["state"] == "firing"}


def send(service: Service, count: int = SENT) -> list[str]:
    """Sends, whatever comes of it: the ids of what was accepted."""

    def one(_number: int) -> str | None:
        with suppress(grpc.RpcError):
            return service.send(service.sms())
        return None

    with ThreadPoolExecutor(8) as threads:
        return [accepted for accepted in threads.map(one, range(count)) if accepted]


def settled(service: Service, ids: list[str], eventually) -> None:
    """Waits until all that was accepted has its row, and no more is to happen to it."""

    def done(one: str) -> bool:
        try:
            return service.get(one).status not in UNSETTLED
        except grpc.RpcError:
            # Its row comes when the persister has caught up.
            return False

    for one in ids:
        eventually(lambda one=one: done(one), SETTLED_SECONDS)


@contextmanager
def stopped(stack, program: str) -> Iterator[None]:
    stack.stop_program(program)
    try:
        yield
    finally:
        stack.start_program(program, 120)


@contextmanager
def frozen(stack, program: str) -> Iterator[None]:
    stack.pause(program)
    try:
        yield
    finally:
        stack.resume(program)


@pytest.fixture(scope="module")
def raised() -> set[str]:
    """The alerts that fired in these tests."""
    return set()


def expect(prometheus, eventually, raised: set[str], alert: str, again: Callable[[], object] = lambda: None) -> None:
    """The alert fires within the time, while the fault goes on."""

    def seen() -> bool:
        if alert in firing(prometheus):
            return True
        again()
        return False

    eventually(seen, FIRING_SECONDS)
    raised.add(alert)


@pytest.mark.parametrize(
    ("behaviour", "alert"),
    [
        ({"fail_share": 1, "fail_status": 500}, "OctavoProviderFaults"),
        ({"fail_share": 1, "fail_status": 503}, "OctavoRetryMany"),
        ({"accept_then_reset_share": 1}, "OctavoUnconfirmed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_provider_that_fails(prometheus, service, known, eventually, raised, behaviour, alert):
    with paths.behaving(known, **behaviour):
        expect(prometheus, eventually, raised, alert, lambda: send(service))


def test_a_record_that_can_t_be_read(prometheus, known, eventually, raised):
    producer = KafkaProducer(bootstrap_servers=known["KAFKA_BOOTSTRAP"])
    producer.send("db-sms", value=b"\xff no message", key=b"garbage").get(30)
    producer.close()
    expect(prometheus, eventually, raised, "OctavoDeadLetters")


def test_consumers_that_are_gone(prometheus, service, stack, eventually, raised):
    accepted: list[str] = []
    with stopped(stack, "persister"):
        expect(prometheus, eventually, raised, "OctavoConsumersStandStill", lambda: accepted.extend(send(service, 5)))
    settled(service, accepted, eventually)


def test_a_database_that_is_away(prometheus, service, stack, eventually, raised):
    send(service, 1)
    # Calls go on with a block in hand.
    eventually(lambda: prometheus.result("sum(notifications_leases) == 0"))
    accepted: list[str] = []
    with stopped(stack, "postgres"):
        expect(prometheus, eventually, raised, "OctavoLeasesNotObtainable", lambda: accepted.extend(send(service, 8)))
    settled(service, accepted, eventually)


def test_a_broker_that_stands_still(prometheus, service, stack, eventually, raised):
    accepted: list[str] = []
    with frozen(stack, "kafka"):
        expect(prometheus, eventually, raised, "OctavoAcceptFaultsFast", lambda: accepted.extend(send(service, 8)))
    settled(service, accepted, eventually)


def test_every_alert_ends_when_its_fault_has(prometheus, raised, eventually):
    """The last of this file, so that all wait for their windows at once."""
    assert raised
    eventually(lambda: not raised & firing(prometheus), QUIET_SECONDS)
