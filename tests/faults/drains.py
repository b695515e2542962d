"""SIGTERM: every process finishes what it has, and nobody notices."""

from collections.abc import Sequence
from uuid import UUID

from tests.faults.case import Case, Fault
from tests.faults.system import wait_for

TIMES = 2
STEADY_CALLS, STEADY_SECONDS = 60, 30.0
"""So many are accepted before each stop, as in a rolling deployment: whoever waited for the last start is through by then."""


def drained(name: str) -> Fault:
    """Stops a process in order under steady load, and starts it again."""

    def fault(case: Case) -> Sequence[str]:
        system, problems = case.system, []
        for _ in range(TIMES):
            wanted = case.load.acknowledged + STEADY_CALLS
            if not wait_for(lambda wanted=wanted: case.load.acknowledged >= wanted, STEADY_SECONDS):  # type: ignore[misc]
                problems.append("the load is not steady")
            case.runs += 1
            system.stop(name)
            system.note_offsets()
            system.revive(name)
        if case.load.errors:
            problems.append(f"clients were told {dict(case.load.errors)}")
        return problems

    return fault


def api(case: Case) -> Sequence[str]:
    """The api, which has to give back what it holds of the limit, too."""
    # What is left once none runs was held by apis that earlier faults killed: it is forfeited.
    case.system.stop("api")
    forfeited = _holders(case)
    case.system.revive("api")
    problems = list(drained("api")(case))
    case.system.stop("api")
    case.runs += 1
    if left := _holders(case) - forfeited:
        problems.append(f"{len(left)} processes did not give back what they held of the limit")
    return problems


def _holders(case: Case) -> set[UUID]:
    """The processes that hold a part of the limit; each start is another."""
    return {row["holder"] for row in case.system.database.ask("SELECT holder FROM allowance_leases")}


FAULTS: dict[str, Fault] = {
    "SIGTERM api": api,
    **{f"SIGTERM {name}": drained(name) for name in ("persister", "dispatcher", "callbacks")},
}
"""By name."""
