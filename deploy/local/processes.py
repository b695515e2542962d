"""What the operating system says about processes."""

import os
import time
from collections.abc import Iterable
from pathlib import Path


def alive(pid: int) -> bool:
    """Tell whether the process runs; one that has ended and only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        # Either no /proc on this system, or the process has ended since.
        return not Path("/proc/self").exists()
    return state not in {"Z", "X"}


def command_of(pid: int) -> list[bytes]:
    """Return what the process was started with; nothing when it has ended (or where there is no /proc)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


def wait_until_gone(pids: Iterable[int], seconds: float) -> set[int]:
    """Wait until none of the processes runs, at most so many seconds; return those that still do."""
    deadline = time.monotonic() + seconds
    left = {pid for pid in pids if alive(pid)}
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {pid for pid in left if alive(pid)}
    return left


def with_descendants(pid: int) -> list[int]:
    """Return the process and all its descendants, parents first (only the process itself where there is no /proc)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    family = [pid]
    for member in family:
        family.extend(children.get(member, ()))
    return family
