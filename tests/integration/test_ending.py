"""How a process ends that is told to."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from time import monotonic

from tests.waiting import until

PROCESS = """
from octavo.loading import load
from octavo.config import OpsSettings
from octavo.process import run
run(*load(OpsSettings), "nothing", lambda: [])
"""


def test_who_is_told_to_end_again_and_again_ends_as_well_as_if_told_once():
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
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.0005)
        assert process.returncode == 0
