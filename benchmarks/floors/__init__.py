"""The least that could do the same: a bare gRPC echo, a bare insert, bare HTTP and SES clients, a bare HTTP server."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping

from deploy.local.instance import ROOT


def floor_cpu(client: str, url: str, calls: int, at_once: int, environment: Mapping[str, str]) -> float:
    """Microseconds of CPU of a call that a bare client makes, in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.floors.{client}", url, str(calls), str(at_once)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    used: dict[str, float] = json.loads(done.stdout)
    return used["cpu"] / used["calls"] * 1e6
