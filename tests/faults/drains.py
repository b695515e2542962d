"""SIGTERM: every process finishes what it has, and nobody notices."""

from collections.abc import Sequence

from tests.faults.case import Case, Fault

TIMES = 2


def drained(name: str) -> Fault:
    """Stops a process in order under load, and starts it again."""

    def fault(case: Case) -> Sequence[str]:
        system, problems = case.system, []
        for _ in range(TIMES):
            case.runs += 1
            system.stop(name)
            if name == "api" and (left := system.database.ask("SELECT held FROM allowance_leases")):
                problems.append(f"{len(left)} leases of the limit were not given back")
            system.note_offsets()
            system.revive(name)
        if case.load.errors:
            problems.append(f"clients were told {dict(case.load.errors)}")
        return problems

    return fault


FAULTS: dict[str, Fault] = {
    f"SIGTERM {name}": drained(name) for name in ("api", "persister", "dispatcher", "callbacks")
}
"""By name."""
