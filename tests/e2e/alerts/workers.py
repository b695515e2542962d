"""Processes of services beside those of the stack, cut as the Deployments of deploy/k8s/base, so that each can be away."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.files import write_json
from deploy.local.instance import ROOT
from deploy.local.probes import http_ok
from deploy.local.stack import Stack
from tests.integration.transport.conftest import free_port
from tests.waiting import until

PERSISTERS = {
    "persister-db": ["services.persister", "--topics", "db-sms,db-email"],
    "persister-bulk": ["services.persister", "--topics", "bulk-sms,bulk-email"],
    "persister-jobs": ["services.persister", "--roles", "jobs"],
    "persister-due": ["services.persister", "--roles", "due,sweeps"],
    "persister-watch": ["services.persister", "--roles", "watch"],
}
"""What the stack's persister is in one."""
MORE = {
    "dispatcher-2": ["services.dispatcher", "--topics", "send-sms"],
    "dispatcher-3": ["services.dispatcher", "--topics", "send-sms"],
    "api-2": ["services.api"],
}
"""What is only there while it is wanted."""

READY_SECONDS = 60
END_SECONDS = 60


class Workers:
    """Some of these processes, by name."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._ports = {name: free_port() for name in PERSISTERS | MORE}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def targets(self) -> dict[str, str]:
        """Where each tells its metrics, whether it runs or not."""
        return {name: f"127.0.0.1:{port}" for name, port in self._ports.items()}

    def start(self, *names: str, **more: str) -> None:
        """Starts some, with further variables, and returns when they are ready. They end with this process, however that ends."""
        for name in names:
            self._launch(name, more)
        for name in names:
            self._wait(name)

    def _launch(self, name: str, more: Mapping[str, str]) -> None:
        file = self._stack.instance.run / f"worker-{name}.json"
        specification = {
            "command": [sys.executable, "-m", *(PERSISTERS | MORE)[name]],
            "environment": {**self._stack.environment, "OCTAVO_OPS_PORT": str(self._ports[name]), **more},
            "directory": str(ROOT),
            "user": None,
            "orphaned_signal": signal.SIGKILL,
        }
        write_json(file, specification)
        launch = [sys.executable, "-I", str(ROOT / "deploy/local/launch.py"), str(file)]
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(launch, stdout=log, stderr=log)

    def _wait(self, name: str) -> None:
        process, url = self._processes[name], f"http://{self.targets[name]}/readyz"
        until(lambda: http_ok(url) or process.poll() is not None, READY_SECONDS, why=f"that {name} is ready")
        assert process.poll() is None, f"{name} ended instead of becoming ready"

    def stop(self, *names: str) -> None:
        """Has those of these end that run, as a deployment would."""
        ending = [self._processes.pop(name) for name in names if name in self._processes]
        for process in ending:
            process.terminate()
        for process in ending:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pid(self, name: str) -> int:
        """The process id of one that runs."""
        return self._processes[name].pid

    def log(self, name: str) -> list[str]:
        """The lines of its log."""
        return self._log(name).read_text().splitlines()

    def _log(self, name: str) -> Path:
        return self._stack.instance.logs / f"worker-{name}.log"

    @contextmanager
    def away(self, *names: str) -> Iterator[None]:
        """These are not there; then they are again."""
        self.stop(*names)
        try:
            yield
        finally:
            self.start(*names)

    @contextmanager
    def instead_of_the_persister(self) -> Iterator[None]:
        """The stack's persister in pieces."""
        self._stack.stop_program("persister")
        try:
            self.start(*PERSISTERS)
            yield
        finally:
            self.stop(*self._processes)
            self._stack.start_program("persister")
