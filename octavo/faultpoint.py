"""Points in the code where a fault test can end the process, exactly there. They cost one look at an empty table when off.

`OCTAVO_FAULTPOINT=persister.after-commit:3` ends the process as `kill -9` would, the third time it comes by.
"""

import os
import signal
from enum import StrEnum


class Point(StrEnum):
    """Every point, in the order of the flow."""

    API_BEFORE_PUBLISH = "api.before-publish"
    API_BEFORE_ACKNOWLEDGEMENT = "api.before-acknowledgement"
    API_BEFORE_ANSWER = "api.before-answer"
    PERSISTER_BEFORE_INSERT = "persister.before-insert"
    PERSISTER_AFTER_COMMIT = "persister.after-commit"
    PERSISTER_AFTER_PUBLISH = "persister.after-publish"
    JOB_READER_IN_THE_MIDDLE = "job-reader.in-the-middle"
    DISPATCHER_BEFORE_CLAIM = "dispatcher.before-claim"
    DISPATCHER_AFTER_CLAIM = "dispatcher.after-claim"
    DISPATCHER_AFTER_ACCEPT = "dispatcher.after-accept"
    DISPATCHER_AFTER_RECORD = "dispatcher.after-record"
    CALLBACKS_BEFORE_WRITE = "callbacks.before-write"
    CALLBACKS_AFTER_WRITE = "callbacks.after-write"
    CALLBACKS_AFTER_MOVE = "callbacks.after-move"


_armed: dict[Point, int] = {}


def arm(specification: str) -> None:
    """Arms one point: its name, and after a colon at which pass (1 if not given). Empty arms nothing.

    Raises ValueError if there is no such point.
    """
    if specification:
        name, _, count = specification.partition(":")
        _armed[Point(name)] = int(count or 1)


def reach(point: Point) -> None:
    """Passes by a point."""
    if not _armed or point not in _armed:
        return
    _armed[point] -= 1
    if _armed[point] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
