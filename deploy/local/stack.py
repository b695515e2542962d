"""The stack for programs and tests: start an instance, look at it, disturb it, stop it.

    with Stack(directory, parts={"kafka", "postgres"}) as stack:
        connect(stack.kafka_bootstrap, stack.database_url)
        stack.kill("kafka", signal.SIGKILL)

An instance belongs to the process that starts it: when that ends, however it ends, everything of the instance is
stopped, unless `release()` was called. Instances in different directories run beside each other.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import environment, kafka, ports, postgres, probes
from deploy.local.control import Control, StackFailed
from deploy.local.files import read_json, write_json, write_private
from deploy.local.instance import ROOT, Instance
from deploy.local.processes import wait_until_gone, with_descendants
from deploy.local.programs import PARTS, SERVICES, Program, programs
from deploy.local.supervision import STOPPED_STATES, WATCHDOG

START_SECONDS = 120
"""How long a start may take until everything is ready."""


class Stack(Control):
    """One instance of the stack."""

    def __init__(
        self, directory: Path, parts: Collection[str] = PARTS, *, keep: bool = False, restart: bool = True
    ) -> None:
        """Describe an instance; nothing is started yet.

        `keep` keeps its data when the `with` block ends. `restart` has programs started again that end by themselves,
        as in production; fault tests that choose the moment of a restart do without. Raises ValueError for an unknown
        part.
        """
        if unknown := set(parts) - set(PARTS):
            raise ValueError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        super().__init__(Instance(directory.resolve()), restart=restart)
        self._asked = frozenset(parts) - _external()
        self._keep = keep

    # Starting and stopping

    def start(self, seconds: float = START_SECONDS) -> None:
        """Start what does not run yet, and return when every part is ready.

        Raises StackFailed when a part fails or is not ready in time; then, and when interrupted, all is stopped.
        """
        self.instance.prepare()
        self._interrupted.clear()
        with self._locked():
            try:
                self._start(time.monotonic() + seconds)
            except BaseException:
                self._interrupted.set()
                self._stop(gracefully=True)
                raise

    def release(self) -> None:
        """Let the instance outlive this process."""
        self._supervisor.stop_program(WATCHDOG)

    def stop(self, *, wipe: bool = False) -> None:
        """Stop everything; when this returns no process of the instance is left. `wipe` removes its data, too."""
        if not self.instance.directory.exists():
            return
        with self._locked():
            self._stop(gracefully=not wipe)
            if wipe:
                ports.release(self.instance.ports_file)
                self.instance.remove()

    def __enter__(self) -> Self:
        try:
            self.start()
        except KeyboardInterrupt:
            # Of what failed the logs are to be read; of what nobody wants any more nothing is.
            self.stop(wipe=not self._keep)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(wipe=not self._keep)

    # Where everything is

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's host:port."""
        return self.addresses["KAFKA_BOOTSTRAP"]

    @property
    def database_url(self) -> str:
        """URL of Octavo's database. Its user may create other databases."""
        return self.addresses["DATABASE_URL"]

    @property
    def addresses(self) -> dict[str, str]:
        """Where everything is, by the names of `.local/env`."""
        return environment.addresses(self.instance, self._ports)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that Octavo's own commands need to work with this instance."""
        return environment.common(self.instance, self._ports)

    def client_environment(self) -> dict[str, str]:
        """Return what a client or an operator of this instance needs: the content of `.local/env`."""
        seed = read_json(self.instance.seed_file)
        return {
            **self.addresses,
            "OCTAVO_ADMIN_KEY": self.instance.secrets["admin_key"],
            **{f"OCTAVO_{name.upper()}": str(value) for name, value in seed.items()},
        }

    def write_client_environment(self, path: Path) -> None:
        """Write the client's environment as a file (mode 600) that a shell can read with `set -a; . FILE`."""
        write_private(path, "".join(f"{name}={value}\n" for name, value in self.client_environment().items()))

    def prepare(self, seconds: float = 120) -> None:
        """Have tables, first rows and topics made, as before services start: for who starts services apart from it."""
        deadline = time.monotonic() + seconds
        self._prepare_database({}, deadline, migrate=True)
        self._prepare_topics({}, deadline, create=True)

    # How it is done

    def _start(self, deadline: float) -> None:
        """Start the programs that are missing, each when what it needs is ready."""
        parts = self._asked
        if self._supervisor.pid():
            running = set(self._supervisor.states()) - {WATCHDOG}
            parts = parts | running
            if parts != running:
                # The manager does not know the new parts: start over, with the same data and ports.
                self._stop(gracefully=True)
        manager_runs = self._supervisor.pid() is not None
        numbers = ports.ports(self.instance.ports_file, environment.PORTS, in_use=manager_runs)
        write_json(self.instance.run / "parts.json", {"parts": [name for name in PARTS if name in parts]})
        if not manager_runs:
            preparations: dict[str, Callable[[], None]] = {
                "kafka": partial(kafka.prepare, self.instance, numbers["kafka"], numbers["kafka_controller"]),
                "postgres": partial(postgres.prepare, self.instance),
            }
            self._at_once([partial(self._prepare, name, do) for name, do in preparations.items() if name in parts])
        table = programs(self.instance, numbers, parts)
        if not manager_runs:
            try:
                self._supervisor.start(table.values(), os.getpid(), restart=self._restart)
            except TimeoutError as error:
                raise StackFailed("supervisord", str(error), self.instance.logs / "supervisord.err") from error
        backing = [name for name in table if name not in SERVICES]
        for name in backing:
            self._supervisor.start_program(name)
        commands = any(name in SERVICES for name in table)
        self._at_once(
            [
                lambda: self._prepare_database(table, deadline, migrate=commands),
                lambda: self._prepare_topics(table, deadline, create=commands),
                *(partial(self._wait_until, name, deadline) for name in backing if name not in {"kafka", "postgres"}),
            ]
        )
        services = [name for name in table if name in SERVICES]
        for name in services:
            self._supervisor.start_program(name)
        self._at_once([partial(self._wait_until, name, deadline) for name in services])

    def _prepare(self, name: str, prepare: Callable[[], None]) -> None:
        """Have a program's data directory made. Raises StackFailed, with the reason in the program's log."""
        try:
            prepare()
        except (OSError, subprocess.SubprocessError, kafka.JarsUnavailable, postgres.NoUnprivilegedUser) as error:
            failure = self._failure(name, "could not be prepared")
            with failure.log.open("a") as log:
                print(error, getattr(error, "stderr", None) or "", sep="\n", file=log)
            raise failure from error

    def _prepare_database(self, table: dict[str, Program], deadline: float, *, migrate: bool) -> None:
        """Wait for PostgreSQL; have its database, tables and first rows made."""
        if "postgres" in table:
            self._wait_until("postgres", deadline)
            postgres.create_database(self.instance, self._ports["postgres"])
        if migrate:
            self._run("migrate", ["octavo.storage", "migrate"], deadline)
            if not self.instance.seed_file.exists():
                write_private(self.instance.seed_file, self._run("seed", ["octavo.seed"], deadline))

    def _prepare_topics(self, table: dict[str, Program], deadline: float, *, create: bool) -> None:
        """Wait for Kafka; have its topics made."""
        if "kafka" in table:
            self._wait_until("kafka", deadline)
        if create:
            self._run("topics", ["octavo.messaging", "create-topics"], deadline)

    def _run(self, name: str, module: Sequence[str], deadline: float) -> str:
        """Run one of Octavo's commands to its end and return what it printed; its complaints go to its log."""
        with (self.instance.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            with process:
                try:
                    printed, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
                except BaseException as error:
                    process.kill()
                    if isinstance(error, subprocess.TimeoutExpired):
                        raise self._failure(name, "did not finish in time") from None
                    raise
            if process.returncode:
                log.write(printed.encode())
                raise self._failure(name, f"failed with status {process.returncode}")
        return printed

    def _at_once(self, actions: Sequence[Callable[[], None]]) -> None:
        """Carry out the actions beside each other; raise the first failure as soon as all have ended."""
        with ThreadPoolExecutor(max_workers=max(1, len(actions))) as executor:
            futures = [executor.submit(action) for action in actions]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                # The others wait in vain: have them give up.
                self._interrupted.set()
                raise

    def _wait_until(self, name: str, deadline: float) -> None:
        """Wait until a program is ready, at most until the deadline."""
        self.wait_ready(name, deadline - time.monotonic())

    def _stop(self, *, gracefully: bool) -> None:
        """Stop everything: the services first, so that they drain into what they work with."""
        manager = self._supervisor.pid()
        if manager is None:
            self._supervisor.end()
            return
        self._interrupted.clear()
        states = self._supervisor.states()
        family = {member for info in states.values() if info["pid"] for member in with_descendants(info["pid"])}
        for info in states.values():
            if info["pid"]:
                # A frozen program can't stop.
                self._signal_family(info["pid"], signal.SIGCONT)
        self._stop_programs([name for name in states if name in SERVICES])
        if states.get("kafka", {}).get("pid") and not (gracefully and probes.kafka_ready(self._ports["kafka"])):
            # Its data are going to be removed, or it is still starting: there is nothing to put in order. Told to stop
            # at some points of its start, a broker waits for itself for ever.
            self._supervisor.stop_program("kafka")
            with suppress(ProcessLookupError):
                os.kill(states["kafka"]["pid"], signal.SIGKILL)
        self._stop_programs([name for name in states if name not in SERVICES])
        self._supervisor.shut_down()
        for pid in wait_until_gone({manager, *family}, 30):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until_gone({manager, *family}, 10)
        self._supervisor.end()

    def _stop_programs(self, names: Sequence[str]) -> None:
        """Stop programs beside each other; the manager kills those that take too long."""
        for name in names:
            self._supervisor.stop_program(name)

        def stopped() -> bool:
            states = self._supervisor.states()
            return all(states[name]["statename"] in STOPPED_STATES for name in names)

        self._wait(stopped, 60)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time start or stop the instance."""
        with (self.instance.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _external() -> frozenset[str]:
    """Return the parts that are not started because existing ones are used."""
    replaced = {"kafka": environment.EXTERNAL_KAFKA, "postgres": environment.EXTERNAL_DATABASE}
    return frozenset(part for part, variable in replaced.items() if os.environ.get(variable))
