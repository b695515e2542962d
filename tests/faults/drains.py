"""SIGTERM: every process finishes what it has, and nobody notices."""

from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID

from tests.faults.case import Case, Fault
from tests.faults.system import wait_for

TIMES = 2
STEADY_CALLS, STEADY_SECONDS = 60, 30.0
"""So many are accepted before each stop, as in a rolling deployment."""
FEW_CALLS = 10
"""No more are under way then: whoever waited for the last start is through."""


def drained(name: str, kept: Callable[[], int] = lambda: 0) -> Fault:
    """Stops a process in order under steady load, and starts it again. `kept` counts what it still holds, once it has ended."""

    def fault(case: Case) -> Sequence[str]:
        problems: list[str] = []
        for _ in range(TIMES):
            problems += [] if _steady(case) else ["the load is not steady"]
            before = Counter(case.load.errors)
            case.runs += 1
            case.system.stop(name)
            if held := kept():
                problems.append(f"the {name} did not give back {held} parts of the limit")
            case.system.note_offsets()
            # Before the next one starts, which may have to say that it is not ready.
            if errors := case.load.errors - before:
                problems.append(f"clients were told {dict(errors)}")
            case.system.revive(name)
        return problems

    return fault


def api(case: Case) -> Sequence[str]:
    """The api, which has to give back what it holds of the limit, too."""
    case.system.stop("api")
    # None runs, so what is left was held by apis that earlier faults killed: it is forfeited.
    forfeited = _holders(case)
    case.system.revive("api")
    return drained("api", lambda: len(_holders(case) - forfeited))(case)


def _steady(case: Case) -> bool:
    load = case.load
    wanted = load.acknowledged + STEADY_CALLS
    return wait_for(lambda: load.acknowledged >= wanted and load.under_way <= FEW_CALLS, STEADY_SECONDS)


def _holders(case: Case) -> set[UUID]:
    """The processes that hold a part of the limit; each start is another."""
    return {row["holder"] for row in case.system.database.ask("SELECT holder FROM allowance_leases")}


FAULTS: dict[str, Fault] = {
    "SIGTERM api": api,
    **{f"SIGTERM {name}": drained(name) for name in ("persister", "dispatcher", "callbacks")},
}
"""By name."""
