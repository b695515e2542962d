"""Each alert on the running stack: its fault, the alert that a real Prometheus raises, the remedy of its page, and its end.

The rules are the shipped ones, but for their times (tests/e2e/alerts/hurry.py). The remedies are done as docs/operations/alerts
says them; it says, too, which part of them needs more than one machine.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
import yaml

from octavo.v1 import notification_pb2 as common
from tests.e2e.alerts import mistakes, outages
from tests.e2e.alerts.hurry import hurried
from tests.e2e.alerts.scene import FEW, Scene
from tests.e2e.alerts.workers import Workers
from tests.e2e.callers import Api
from tests.e2e.test_prometheus import PROMETHEUS, RULES, Prometheus, running, targets_of
from tests.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        PROMETHEUS is None,
        reason="Prometheus is not on this machine: `make alerts-check` fetches it with promtool if it can",
    ),
]

FIRING_SECONDS = 180
"""The audit calls a partition stuck once it has seen it at one place twice, a minute apart."""
QUIET_SECONDS = 150


@dataclass(frozen=True)
class Trial:
    """A fault with its remedy, the alerts that it raises, and what is sent each second until they fire, and until they end."""

    fault: Callable[[Scene], AbstractContextManager[None]]
    alerts: frozenset[str]
    load: Callable[[Scene], list[str]]


def trial(
    fault: Callable[[Scene], AbstractContextManager[None]],
    *alerts: str,
    load: Callable[[Scene], list[str]] = lambda scene: scene.send(FEW),
) -> Trial:
    return Trial(fault, frozenset(f"Octavo{alert}" for alert in alerts), load)


TRIALS = [
    trial(outages.broker_frozen, "AcceptFaultsFast", "AcceptFaultsSlow", "AcceptSlow", "Overloaded", "WatchGone"),
    trial(
        outages.database_away,
        "LeasesNotObtainable",
        "TaskErrors",
        "CallsFail",
        load=lambda scene: scene.send(FEW, then_look_up=True),
    ),
    trial(outages.table_locked, "PoolFull"),
    trial(outages.persister_away, "ConsumersStandStill", "QueueOld"),
    trial(outages.workers_away, "BulkQueueOld", "DueLate", "ClaimsLeft", "AuditFault"),
    trial(outages.watch_away, "WatchGone"),
    trial(outages.targets_away, "NothingScraped"),
    trial(mistakes.unopenable, "DeadLetters", load=lambda _: []),
    trial(mistakes.request_id_reused, "OtherContent"),
    trial(
        mistakes.provider_hangs,
        "ProviderFaults",
        "ProviderSlow",
        "Unconfirmed",
        "UnconfirmedMany",
        load=lambda scene: scene.send_batch(60),
    ),
    trial(
        mistakes.providers_fail,
        "ProviderDown",
        "RetryMany",
        "RetryFailed",
        "RetryFailedMany",
        load=lambda scene: scene.send_batch(30),
    ),
    trial(mistakes.requests_refused, "SendsRefused", "SendsRefusedMany", load=lambda scene: scene.send_batch(30)),
    trial(mistakes.file_removed, "JobsStopped"),
    trial(mistakes.receipts_fail, "ReceiptsFailing"),
    trial(outages.receiver_away, "ReceiptsSilent", "ServiceGone", load=lambda scene: scene.send_batch(40)),
    trial(mistakes.receipt_unknown, "ReceiptsUnknown"),
    trial(mistakes.token_changed, "ReceiptsRefused"),
    trial(mistakes.certificate_old, "CertificateExpires", "CertificateExpiresSoon"),
    trial(outages.dispatcher_small, "SendingLateFast", "SendingLateSlow", load=lambda scene: scene.send_batch(15)),
]


@pytest.fixture(scope="module")
def workers(stack) -> Iterator[Workers]:
    workers = Workers(stack)
    with workers.instead_of_the_persister():
        yield workers


@pytest.fixture(scope="module")
def prometheus(known, workers, tmp_path_factory) -> Iterator[Prometheus]:
    home: Path = tmp_path_factory.mktemp("alerts")
    rules = home / "rules.yaml"
    rules.write_text(hurried(RULES.read_text()))
    targets = targets_of(known, ("api", "dispatcher", "callbacks")) | workers.targets
    with running(targets, home, rules) as started:
        yield started


@pytest.fixture
def scene(stack, known, workers, prometheus, channel) -> Iterator[Scene]:
    service = Api(channel, known["OCTAVO_ADMIN_KEY"]).service()
    with ExitStack() as afterwards:
        yield Scene(stack, known, workers, prometheus, service, afterwards)


@pytest.mark.parametrize("tried", TRIALS, ids=lambda tried: tried.fault.__name__)
def test_its_alerts_fire_and_its_remedy_ends_them(scene, tried):
    until(lambda: not tried.alerts & scene.firing(), QUIET_SECONDS, why="that the alerts are quiet before the fault")
    accepted = scene.send(FEW)
    assert len(accepted) == FEW
    begun = monotonic()

    def all_fired() -> bool:
        if tried.alerts <= scene.fired(monotonic() - begun):
            return True
        accepted.extend(tried.load(scene))
        return False

    def none_fires() -> bool:
        if not tried.alerts & scene.firing():
            return True
        # What went wrong goes well now.
        accepted.extend(tried.load(scene))
        return False

    with tried.fault(scene):
        # Each second, as Prometheus looks.
        until(all_fired, FIRING_SECONDS, every=1, why=f"that all of {', '.join(sorted(tried.alerts))} fire")
    until(none_fires, QUIET_SECONDS, every=1, why="that the alerts end")
    scene.settled(accepted)
    later = scene.settled(scene.send(FEW))
    assert [one.status for one in later] == [common.NOTIFICATION_STATUS_DELIVERED] * FEW


def test_every_alert_has_its_trial():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts == frozenset().union(*(tried.alerts for tried in TRIALS))
