"""Become one program of the stack: `python -I launch.py SPEC.json`.

The program manager starts each program through this file, which sets what the manager can't: the environment from a
file that only its owner reads (so no secret stands in a configuration or a process list), an unprivileged user for the
one program that refuses to run as root, and death together with the program manager, should that be killed.
It replaces itself by the program, so the process keeps its id. It runs with the standard library alone.
"""

import ctypes
import json
import os
import pwd
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def main(spec_file: str) -> None:
    """Replace this process by the program that the specification describes."""
    spec = json.loads(Path(spec_file).read_text())
    environment = {**os.environ, **spec["environment"], **spec.get("more", {})}
    os.chdir(spec["directory"])
    parent = os.getppid()
    if spec["user"]:
        user = pwd.getpwnam(spec["user"])
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        environment["HOME"] = spec["directory"]
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, spec["orphaned_signal"], 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the program manager is gone")
    os.execve(spec["command"][0], spec["command"], environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1])
