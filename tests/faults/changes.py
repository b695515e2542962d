"""What operators change while everything works: the keys that seal, and the number of partitions."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing

from cryptography.fernet import Fernet
from kafka import KafkaAdminClient

from deploy.local.instance import ROOT
from octavo import topics
from tests.faults.case import Case, Fault
from tests.faults.system import System, wait_for

SEALING = ("api", "persister", "dispatcher")
"""Who seals or opens."""
KEYS = "OCTAVO_SEALING_KEYS"
PARTITIONS = 12
STEADY_CALLS, STEADY_SECONDS = 60, 60.0
SETTLED_SECONDS = 90.0
NOTICED_SECONDS = 60.0
"""Consumers and producers look at the topics anew every 30 s."""


def keys_rotated(case: Case) -> Sequence[str]:
    """The three steps of docs/operations/keys.md, the last one as soon as nothing that the old key sealed is still due."""
    system = case.system
    old, new = system.variable(KEYS), Fernet.generate_key().decode()
    problems = [*_restarted(case, f"{old},{new}"), *_restarted(case, f"{new},{old}")]
    problems += _resealed(system)
    accepted = {one.id for one in case.load.acknowledgements()}
    if not wait_for(lambda: system.database.unsettled(accepted) == 0, SETTLED_SECONDS, 0.5):
        problems.append("what the old key sealed does not settle")
    problems += _restarted(case, new)
    # Whatever is left under the old key can't be opened any more.
    return [*problems, *_resealed(system)]


def more_partitions(case: Case) -> Sequence[str]:
    """Every topic gets more partitions; what goes to the new ones is handled, too."""
    system = case.system
    problems = _steady(case)
    with closing(KafkaAdminClient(bootstrap_servers=system.stack.kafka_bootstrap)) as admin:
        admin.create_partitions({topic.name: PARTITIONS for topic in topics.ALL})
    case.runs += 1
    wanted = {
        (topic.name, partition)
        for lane in topics.LANES
        if lane.origin == "api"
        for topic in (lane.persist, lane.send)
        for partition in range(PARTITIONS)
    }

    def handled() -> bool:
        return wanted <= {(place.topic, place.partition) for place, end in system.watch.committed().items() if end > 0}

    if not wait_for(handled, NOTICED_SECONDS + STEADY_SECONDS, 1.0):
        problems.append("not all of the new partitions are used")
    return problems


def _restarted(case: Case, keys: str) -> list[str]:
    """Each process that seals or opens, one after the other, with these keys from now on."""
    problems: list[str] = []
    case.system.more = {**case.system.more, KEYS: keys}
    for name in SEALING:
        problems += _steady(case)
        case.runs += 1
        case.system.stop(name)
        case.system.note_offsets()
        case.system.revive(name)
    return [*problems, *_steady(case)]


def _steady(case: Case) -> list[str]:
    wanted = case.load.acknowledged + STEADY_CALLS
    return [] if wait_for(lambda: case.load.acknowledged >= wanted, STEADY_SECONDS) else ["the load is not steady"]


def _resealed(system: System) -> list[str]:
    command = [sys.executable, "-m", "octavo.storage", "reseal"]
    environment = {**system.stack.environment, **system.more}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"reseal ended with {done.returncode}: {done.stderr.strip()[-200:]}"]


FAULTS: dict[str, Fault] = {"sealing keys rotated": keys_rotated, "more partitions": more_partitions}
"""By name."""
