"""How a process ends that is told to."""

import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from time import monotonic

import pytest

from octavo.process import SIGNALS
from tests.waiting import until

PROCESS = """
from octavo.loading import load
from octavo.config import OpsSettings
from octavo.process import run
run(*load(OpsSettings), "nothing", lambda: [])
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_who_is_told_to_end_again_and_again_ends_as_well_as_if_told_once(number):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "OCTAVO_OPS_PORT": str(port)}
    with subprocess.Popen([sys.executable, "-c", PROCESS], env=environment, stdout=subprocess.DEVNULL) as process:

        def ready() -> bool:
            with suppress(OSError):
                return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5).status == 200)
            return False

        until(ready)
        deadline = monotonic() + 20
        while process.poll() is None and monotonic() < deadline:
            # One after the other: the moment in which one could do harm lasts some microseconds.
            for _ in range(100):
                os.kill(process.pid, number)
        assert process.returncode == 0
