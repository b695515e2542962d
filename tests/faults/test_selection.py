"""A short selection of the faults, as a part of the tests; `make faults` does all of them."""

import os
from collections.abc import Iterator

import pytest

from deploy.local.instance import CACHE
from octavo.faultpoint import Point
from tests.faults import kills, outages
from tests.faults.case import Case, Fault
from tests.faults.judge import Verdict
from tests.faults.runner import run
from tests.faults.system import System

SELECTION: dict[str, Fault] = {
    "dispatcher after accept": kills.at(Point.DISPATCHER_AFTER_ACCEPT, 2),
    "persister after commit": kills.at(Point.PERSISTER_AFTER_COMMIT, 2),
    "broker": outages.killed("kafka"),
}
SECONDS = 600
"""On a machine that nobody else works on it takes two minutes."""

Judged = dict[str, tuple[Case, list[Verdict]]]

pytestmark = pytest.mark.timeout(SECONDS)


@pytest.fixture(scope="module")
def judged() -> Iterator[Judged]:
    """All of the selection, one after the other on one system, each judged when it has settled."""
    found: Judged = {}
    seed = os.environ.get("SEED", "1")
    with System(CACHE / f"test-{os.getpid()}-faults") as system:
        run(system, SELECTION, seed, lambda case, verdicts: found.update({case.name: (case, verdicts)}))
        yield found


@pytest.mark.parametrize("fault", SELECTION)
def test_nothing_is_lost_and_nothing_sent_twice(judged, fault):
    case, verdicts = judged[fault]

    assert case.problems == []
    assert {one.title: one.violations for one in verdicts if not one.holds} == {}
    assert case.runs
    assert case.load.acknowledged > 100
