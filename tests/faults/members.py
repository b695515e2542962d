"""Further processes of a service, beside those of the stack: they come and go."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deploy.local.files import write_json
from deploy.local.instance import ROOT
from tests.faults.case import Case

END_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def member(case: Case, name: str, *, dies: bool = False, more: Mapping[str, str] | None = None) -> Iterator[None]:
    """One more process of a service: told to stop at the end, or killed. It ends with everything else, should this end."""
    system = case.system
    file = system.directory / "run" / f"member-{name}.json"
    specification = {
        "command": [sys.executable, "-m", f"services.{name}"],
        "environment": {
            **system.stack.environment,
            **system.settings,
            **system.more,
            "OCTAVO_OPS_PORT": "0",
            **(more or {}),
        },
        "directory": str(ROOT),
        "user": None,
        "orphaned_signal": 9,
    }
    write_json(file, specification)
    launch = [sys.executable, "-I", str(ROOT / "deploy/local/launch.py"), str(file)]
    with (system.stack.instance.logs / f"member-{name}.log").open("ab") as log:
        process = subprocess.Popen(launch, stdout=log, stderr=log)
    try:
        yield
    finally:
        if dies:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            case.problems.append(f"a {name} did not end when told to")
