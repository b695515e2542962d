"""The program manager of an instance: supervisord, told by a file and spoken to over its Unix socket."""

import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local.files import read_json, write_json, write_private
from deploy.local.instance import ROOT, Instance
from deploy.local.processes import alive, command_of, wait_until_gone
from deploy.local.programs import Program

WATCHDOG = "watchdog"
"""The program that stops an instance whose owner is gone."""

STOPPED_STATES = frozenset({"STOPPED", "EXITED", "FATAL"})
"""States in which supervisord runs no process of the program, and will not start one by itself."""

_LAUNCH_SECONDS = 5.0
"""How long a copy of supervisord may take until it is the program; a few milliseconds on an idle machine."""

_NO_WAIT = False
"""For calls of supervisord that would otherwise answer only when the program has started or stopped."""


class Supervisor:
    """supervisord of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._pid_file = instance.run / "supervisord.pid"
        self._configuration = instance.run / "supervisord.conf"
        self._process: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """Return supervisord's process id; None when it does not run."""
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if alive(pid) and self._answers(pid) else None

    def start(self, programs: Iterable[Program], owner: int, *, restart: bool) -> None:
        """Start supervisord with the watchdog, and no other program yet. Raises TimeoutError if it does not answer."""
        self._configure(list(programs), owner, restart=restart)
        with (self._instance.logs / "supervisord.err").open("wb") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._configuration)],
                cwd=self._instance.run,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                # Away from the terminal: its Ctrl-C is for whoever started the stack, who then stops it in order.
                start_new_session=True,
            )
        deadline = time.monotonic() + 20
        while self.pid() is None:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError("supervisord did not start")
            time.sleep(0.02)

    def states(self) -> dict[str, dict[str, Any]]:
        """Return what supervisord says of each program: `statename`, `pid` (0 when none), `description` and more."""
        found: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return {info["name"]: info for info in found}

    def adorn(self, name: str, more: Mapping[str, str]) -> None:
        """Give a program these variables, beside its own, from its next start on, and no longer those of before."""
        file = self._specification(name)
        write_json(file, {**read_json(file), "more": dict(more)})

    def start_program(self, name: str) -> None:
        """Have a program started; nothing happens when it is running already."""
        try:
            self._call("startProcess", name, _NO_WAIT)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise

    def stop_program(self, name: str) -> None:
        """Have a program told to stop; nothing happens when it is stopped already."""
        self._wait_launched(name)
        try:
            self._call("stopProcess", name, _NO_WAIT)
        except Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise

    def shut_down(self) -> None:
        """Have supervisord stop what still runs, and end."""
        self._call("shutdown")

    def end(self) -> None:
        """See to it that a supervisord that has stopped everything, or that does not answer, is gone."""
        if self._process is None:
            pid = self._silent_pid()
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                wait_until_gone([pid], 10)
            return
        try:
            self._process.wait(0 if self.pid() is None else 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait_launched(self, name: str) -> None:
        """Wait until what was started a moment ago is a program, and no longer a copy of supervisord.

        The copy takes a signal for one of supervisord's own and forgets it: the program would run on until it is
        killed for not having stopped.
        """
        pid = self.states()[name]["pid"]
        manager = self._call("getPID")
        deadline = time.monotonic() + _LAUNCH_SECONDS
        while pid and command_of(pid) == command_of(manager) and time.monotonic() < deadline:
            time.sleep(0.005)

    def _silent_pid(self) -> int | None:
        """Return the process id of a supervisord of this instance that runs, but does not answer."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self._configuration) in command_of(pid) and alive(pid) else None

    def _answers(self, pid: int) -> bool:
        """Tell whether supervisord listens and is the process that the file names (ids are used again by others)."""
        try:
            return bool(self._call("getPID") == pid)
        except (OSError, http.client.HTTPException):
            return False

    def _call(self, method: str, *arguments: Any) -> Any:
        """Call one of supervisord's XML-RPC methods. Raises OSError when it is away, Fault when it refuses."""
        transport = SupervisorTransport(serverurl=f"unix://{self._instance.socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def _configure(self, programs: list[Program], owner: int, *, restart: bool) -> None:
        """Write supervisord's configuration and each program's specification."""
        sections = [
            "[supervisord]",
            # Relative to the directory that it is started in; it stumbles over some characters in full paths.
            f"pidfile={self._pid_file.name}",
            "logfile=../logs/supervisord.log",
            "childlogdir=../logs",
            "silent=true",
            "nocleanup=true",
            # The stack belongs to whoever starts it; without this line root gets a warning at each start.
            *(["user=root"] if os.getuid() == 0 else []),
            "[unix_http_server]",
            f"file={_escaped(self._instance.socket)}",
            "chmod=0700",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for program in programs:
            # PostgreSQL has children and files to look after; nobody would be left to kill the others.
            orphaned = signal.SIGINT if program.name == "postgres" else signal.SIGKILL
            specification = {
                "command": list(program.command),
                "environment": {"PYTHONUNBUFFERED": "1", **program.environment},
                "directory": program.directory,
                "user": program.user,
                "orphaned_signal": orphaned,
            }
            sections += self._section(program.name, specification, autostart=False, restart=restart)
            sections += [
                f"stopsignal={program.stop_signal.name.removeprefix('SIG')}",
                f"stopwaitsecs={program.stop_seconds}",
            ]
        watchdog: dict[str, Any] = {
            "command": [sys.executable, "-m", "deploy.local.watchdog", str(owner)],
            "environment": {},
            "directory": str(ROOT),
            "user": None,
            "orphaned_signal": signal.SIGKILL,
        }
        sections += self._section(WATCHDOG, watchdog, autostart=True, restart=True)
        write_private(self._configuration, "\n".join(sections) + "\n")

    def _specification(self, name: str) -> Path:
        """Return the file that says what a program is started with."""
        return self._instance.run / f"{name}.json"

    def _section(self, name: str, specification: dict[str, Any], *, autostart: bool, restart: bool) -> list[str]:
        """Write a program's specification; return the lines that the configuration of every program has."""
        file = self._specification(name)
        write_json(file, specification)
        command = [sys.executable, "-I", str(Path(__file__).with_name("launch.py")), str(file)]
        return [
            f"[program:{name}]",
            f"command={_escaped(shlex.join(command))}",
            f"autostart={str(autostart).lower()}",
            f"autorestart={str(restart).lower()}",
            # A program that ends within a second of its start has failed; three such starts are enough.
            "startsecs=1",
            f"startretries={3 if restart else 0}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile=../logs/{name}.log",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]


def _escaped(value: object) -> str:
    """Return a value as supervisord's configuration takes it."""
    return str(value).replace("%", "%%")
