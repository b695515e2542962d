"""How far a process yields to the others on its machine."""

import os
from pathlib import Path

import structlog

log = structlog.get_logger()

_AUTOGROUP = Path("/proc/self/autogroup")


def be_nice(niceness: int) -> None:
    """Yields by this niceness, 0 to 19; 0 changes nothing.

    Where Linux groups processes by sessions (sched_autogroup), the niceness of a process counts within its session alone, and
    that of the session against the others (sched(7)). So a process that leads a session makes that one nice, too.
    """
    if not niceness:
        return
    os.nice(niceness)
    if os.getsid(0) != os.getpid():
        return
    try:
        _AUTOGROUP.write_text(str(niceness))
    except FileNotFoundError:
        # A kernel without such groups.
        return
    except OSError as error:
        log.warning("the session does not yield", niceness=niceness, error=error.strerror)
