"""A rolling restart: two processes of each service, each stopped by SIGTERM and started again in turn, and nobody notices."""

import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.faults.case import Case, Fault
from tests.faults.load import Load
from tests.faults.members import free_port, member
from tests.faults.system import SERVICES, START_SECONDS, System, wait_for

RATE = 50.0
ROUNDS = 1
DRAIN = {"OCTAVO_DRAIN_DELAY_SECONDS": "5"}
"""As in the manifests: who drains says so first, so that its clients go to the other."""
STEADY_CALLS, STEADY_SECONDS = 500, 60.0
"""So many are accepted between two stops: ten seconds, as `minReadySeconds` of the manifests, until clients know who is back."""


def load(system: System, folder: Path, seed: str) -> Load:
    """Calls to both processes of the api in turn, none of which waits for a connection, and none of which may fail."""
    return Load(system.account, folder, seed, rate=RATE, others=[f"127.0.0.1:{free_port()}"])


class _Second:
    """The second process of a service."""

    def __init__(self, case: Case, name: str) -> None:
        self._case = case
        self._name = name
        self._ops = free_port()
        self._ports = {**DRAIN, "OCTAVO_OPS_PORT": str(self._ops)}
        self._ports["OCTAVO_API_PORT"] = case.load.addresses[1].rpartition(":")[2]
        self._ports["OCTAVO_RECEIPTS_PORT"] = str(free_port())
        self._running = ExitStack()

    def start(self) -> None:
        """Returns once it is ready."""
        self._running.enter_context(member(self._case, self._name, more=self._ports))
        if not wait_for(self._ready, START_SECONDS):
            self._case.problems.append(f"the second {self._name} did not get ready")

    def stop(self) -> None:
        """By SIGTERM; returns once it has ended."""
        self._running.close()

    def _ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self._ops}/readyz", timeout=5):
            return True
        return False


def restarted(case: Case) -> Sequence[str]:
    """Each process of each service in turn; what the judge allows after a crash is not allowed here."""
    system, problems = case.system, []
    seconds = {name: _Second(case, name) for name in SERVICES}
    with ExitStack() as ending:
        for second in seconds.values():
            ending.callback(second.stop)
            second.start()
        # The first was not told to drain like that.
        system.stop("api")
        system.stack.start_program("api", START_SECONDS, more={**system.more, **DRAIN})
        case.load.errors.clear()
        for name in SERVICES * ROUNDS:
            for whose in ("first", "second"):
                wanted = case.load.acknowledged + STEADY_CALLS
                if not wait_for(lambda wanted=wanted: case.load.acknowledged >= wanted, STEADY_SECONDS):  # type: ignore[misc]
                    problems.append("the load is not steady")
                case.runs += 1
                if whose == "first":
                    system.stop(name)
                    system.stack.start_program(name, START_SECONDS, more={**system.more, **DRAIN})
                else:
                    seconds[name].stop()
                    seconds[name].start()
                system.note_offsets()
    if case.load.errors:
        problems.append(f"clients were told {dict(case.load.errors)}")
    return problems


FAULTS: dict[str, Fault] = {"rolling restart": restarted}
"""By name."""
