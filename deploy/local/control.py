"""The programs of an instance: looked at, disturbed, and waited for."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local.files import read_json
from deploy.local.instance import Instance
from deploy.local.processes import with_descendants
from deploy.local.programs import programs
from deploy.local.supervision import STOPPED_STATES, Supervisor


class StackFailed(Exception):  # noqa: N818 - it says what is the matter
    """A part of the stack did not do what it should; `log` is where it says why."""

    def __init__(self, part: str, problem: str, log: Path) -> None:
        super().__init__(f"{part} {problem}")
        self.part = part
        self.log = log


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one program."""

    name: str
    state: str
    pid: int | None
    address: str
    ready: bool


class Control:
    """Control of the programs of one instance."""

    def __init__(self, instance: Instance, *, restart: bool) -> None:
        """`restart` has programs started again that end by themselves."""
        self.instance = instance
        self._restart = restart
        self._supervisor = Supervisor(instance)
        self._interrupted = threading.Event()

    def statuses(self) -> list[Status]:
        """Return the state of every part that was started last, in the order of the flow."""
        started = read_json(self.instance.run / "parts.json").get("parts", [])
        if not started:
            return []
        states = self._supervisor.states() if self._supervisor.pid() else {}
        return [
            Status(
                name=name,
                state=states[name]["statename"] if name in states else "STOPPED",
                pid=states[name]["pid"] or None if name in states else None,
                address=program.address,
                ready=name in states and states[name]["pid"] and program.ready(),
            )
            for name, program in programs(self.instance, self._ports, started).items()
        ]

    def pid(self, name: str) -> int:
        """Return the process id of a program. Raises StackFailed when it does not run."""
        pid = self._supervisor.states()[name]["pid"]
        if not pid:
            raise self._failure(name, "does not run")
        return int(pid)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a program; SIGSTOP and SIGCONT to its children too. After SIGKILL it is gone on return."""
        pid = self.pid(name)
        if number in {signal.SIGSTOP, signal.SIGCONT}:
            self._signal_family(pid, number)
            return
        os.kill(pid, number)
        if number == signal.SIGKILL:
            # Until the manager has noticed; it may have started the program again by then.
            self._wait(lambda: self._supervisor.states()[name]["pid"] != pid, 10)

    def pause(self, name: str) -> None:
        """Freeze a program with all its children (SIGSTOP)."""
        self.kill(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen program go on (SIGCONT)."""
        self.kill(name, signal.SIGCONT)

    def start_program(
        self, name: str, seconds: float = 60, *, more: Mapping[str, str] | None = None, ready: bool = True
    ) -> None:
        """Start one program again and wait until it is ready, if that is wanted.

        `more` are variables for this start alone. Fault tests have the program end at a certain point with them.
        """
        self._supervisor.adorn(name, more or {})
        self._supervisor.start_program(name)
        if ready:
            self.wait_ready(name, seconds)

    def wait_ended(self, name: str, seconds: float) -> bool:
        """Return True when a program has ended, False when the time is over."""
        return self._wait(lambda: self._supervisor.states()[name]["statename"] in STOPPED_STATES, seconds)

    def stop_program(self, name: str, seconds: float = 60) -> None:
        """Stop one program as a deployment would (its stop signal, then a wait), and return when it has ended."""
        self._supervisor.stop_program(name)
        if not self.wait_ended(name, seconds):
            raise self._failure(name, "did not stop")

    def restart(self, name: str, seconds: float = 60) -> None:
        """Stop one program, start it again, and wait until it is ready."""
        self.stop_program(name)
        self.start_program(name, seconds)

    def wait_ready(self, name: str, seconds: float = 60) -> None:
        """Return when a program is ready. Raises StackFailed when it ends instead, or takes too long."""
        program = programs(self.instance, self._ports, {name})[name]

        def ready_or_failed() -> bool:
            state = self._supervisor.states()[name]["statename"]
            if state == "FATAL" or (state in STOPPED_STATES and not self._restart):
                raise self._failure(name, "ended instead of becoming ready")
            return program.ready()

        if not self._wait(ready_or_failed, seconds):
            raise self._failure(name, "was not ready in time")

    # How it is done

    @property
    def _ports(self) -> dict[str, int]:
        """The ports, as the last start has chosen them."""
        return {name: int(port) for name, port in read_json(self.instance.ports_file).items()}

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the condition holds; return False when the time is over, or the start was given up."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self._interrupted.wait(0.05):
                return False
        return True

    @staticmethod
    def _signal_family(pid: int, number: int) -> None:
        """Send a signal to a process and all its descendants."""
        for member in with_descendants(pid):
            with suppress(ProcessLookupError):
                os.kill(member, number)

    def _failure(self, part: str, problem: str) -> StackFailed:
        """Return the error that names a part's log."""
        return StackFailed(part, problem, self.instance.logs / f"{part}.log")
