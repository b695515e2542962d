"""`kill -9` of each service, exactly at its fault points."""

from collections.abc import Sequence

from octavo.faultpoint import Point
from tests.faults.case import Case, Fault

KILLS = 7
"""How often a service is killed at each of its points, so that each service is at least 20 times in all."""
DISPATCHER_KILLS = 5
LATEST_CALL = 10
LATEST_PASS = {
    # Passes of these are single calls, of the others batches.
    Point.API_BEFORE_PUBLISH: LATEST_CALL,
    Point.API_BEFORE_ACKNOWLEDGEMENT: LATEST_CALL,
    Point.API_BEFORE_ANSWER: LATEST_CALL,
    Point.DISPATCHER_AFTER_ACCEPT: LATEST_CALL,
    Point.CALLBACKS_BEFORE_WRITE: LATEST_CALL,
    Point.CALLBACKS_AFTER_WRITE: LATEST_CALL,
}
LATEST_BATCH = 6


def at(point: Point, kills: int = KILLS) -> Fault:
    """Kills a service several times at a point, at a pass that the seed chooses; what died is started with the next death."""

    def fault(case: Case) -> Sequence[str]:
        service = point.split(".", maxsplit=1)[0]
        latest = LATEST_PASS.get(point, LATEST_BATCH)
        for number in range(kills):
            if not case.system.end_at(point, case.random.randint(1, latest)):
                return [f"{service} did not come by {point} for the {number + 1}. time"]
            case.runs += 1
            case.crashes += service == "dispatcher"
            case.system.note_offsets()
        return []

    return fault


FAULTS: dict[str, Fault] = {
    **{f"kill {point}": at(point) for point in Point if point.startswith(("api.", "persister.", "callbacks."))},
    **{f"kill {point}": at(point, DISPATCHER_KILLS) for point in Point if point.startswith("dispatcher.")},
}
"""By name."""
