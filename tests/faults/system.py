"""The system under test: an instance of the stack with all processes, and what can be done to it."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2
from kafka.errors import KafkaError

from deploy.local.control import StackFailed
from deploy.local.stack import Stack
from octavo.faultpoint import Point
from tests.faults.database import Database
from tests.faults.evidence import Offset
from tests.faults.load import Account
from tests.faults.topics import Watch

SERVICES = ("api", "persister", "dispatcher", "callbacks")
IN_FLIGHT = 100
"""Calls that the dispatcher may have in flight, for each topic."""
SETTINGS = {
    "OCTAVO_IN_FLIGHT": str(IN_FLIGHT),
    # As in production there are several attempts; they come sooner, so that a test sees their end.
    "OCTAVO_RETRY_DELAYS": "1,2,3,5,8,8",
    # A member that was killed is missed soon: that wait is most of a kill's time.
    "OCTAVO_CONSUMER_SESSION_SECONDS": "3",
    "OCTAVO_LOG_FORMAT": "json",
}
START_SECONDS = 300
"""A machine that others work on takes its time."""
MOST_STARTS = 3
DEATH_SECONDS = 45.0
"""How long a process may take until it comes by the point at which it is to end."""


class System:
    """Real processes, a real broker, a real database, and simulated providers."""

    def __init__(self, directory: Path) -> None:
        """`keep` is set by who wants to look at its logs and data afterwards."""
        self.stack = Stack(directory, restart=False)
        self.directory = directory
        self.keep = False
        self.settings = SETTINGS
        self.more: dict[str, str] = {}
        """Variables that were changed meanwhile: every start from now on has them."""
        self.kills: dict[str, int] = defaultdict(int)
        """How often each service was killed."""
        self.windows: list[tuple[float, float]] = []
        """From when to when something was broken on purpose, by the monotonic clock."""
        self.ended: list[str] = []
        """Programs that ended by themselves, which none has to."""
        self._mortal: set[str] = set()
        self.offsets: list[Offset] = []
        """What was committed whenever a process had just died."""
        self._memory: dict[str, float] = defaultdict(float)
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> Self:
        # Programs inherit them from the manager, which inherits them once, here.
        kept = dict(os.environ)
        os.environ.update(self.settings)
        try:
            self.stack.start(START_SECONDS)
        finally:
            os.environ.clear()
            os.environ.update(kept)
        try:
            self.database = Database(self.stack.database_url)
            # The limit of a minute is not what is tried here.
            self.database.ask("UPDATE services SET rate_per_minute = 60000")
            self.account = Account.of(self.stack.client_environment(), self.stack.environment["OCTAVO_HASH_KEY"])
            self.watch = Watch(self.stack.kafka_bootstrap)
            self.watch.start()
            self._sampler.start()
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self.watch.stop()
        self._sampler.join()
        self.stack.stop(wipe=not self.keep)

    # Processes

    def end_at(self, point: Point, passes: int, *, seconds: float = DEATH_SECONDS) -> bool:
        """Starts a service anew with a fault point, and returns once it has died of it; False if it never came by."""
        name = service_of(point)
        self.arm(point, passes)
        died = self.stack.wait_ended(name, seconds)
        if died:
            self.kills[name] += 1
        else:
            # It must not die of it later.
            self.stop(name)
        return died

    def variable(self, name: str) -> str:
        """What a process that starts now finds in a variable."""
        return {**self.stack.environment, **self.settings, **self.more}[name]

    def sound_for(self, since: float, until: float) -> float:
        """For how long nothing was broken on purpose between two times, in seconds."""
        overlaps = (min(end, until) - max(start, since) for start, end in self.windows)
        return max(0.0, until - since - sum(max(0.0, overlap) for overlap in overlaps))

    def may_end(self, name: str) -> None:
        """Says that a program has reason to end by itself."""
        self._mortal.add(name)

    def arm(self, point: Point, passes: int) -> None:
        """Starts a service, stopped before if need be, that ends at the given pass by a point. It may end at once."""
        name = service_of(point)
        self._mortal.add(name)
        if not self.stack.wait_ended(name, 0):
            self.stack.stop_program(name)
        self.stack.start_program(name, more={**self.more, "OCTAVO_FAULTPOINT": f"{point}:{passes}"}, ready=False)

    def revive(self, *names: str) -> None:
        """Starts programs that have ended, as they were, and waits until they are ready.

        Raises StackFailed if one ends again and again.
        """
        for attempt in range(MOST_STARTS):
            for name in names:
                if self.stack.wait_ended(name, 0):
                    self.ended += [name] if attempt or name not in self._mortal else []
                    self._mortal.discard(name)
                    self.stack.start_program(name, more=self.more, ready=False)
            try:
                for name in names:
                    self.stack.wait_ready(name, START_SECONDS)
            except StackFailed:
                if attempt == MOST_STARTS - 1:
                    raise
            else:
                return

    def revive_all(self) -> None:
        """Starts whatever has ended."""
        self.revive("kafka", "postgres", "s3", "simulator", *SERVICES)

    def stop(self, name: str) -> None:
        """Stops a program in order."""
        self._mortal.add(name)
        self.stack.stop_program(name, START_SECONDS)

    def kill(self, name: str) -> None:
        """`kill -9`, wherever it stands."""
        self._mortal.add(name)
        self.stack.kill(name, signal.SIGKILL)
        self.kills[name] += 1

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """A program that is frozen meanwhile."""
        self.stack.pause(name)
        try:
            yield
        finally:
            self.stack.resume(name)

    # Observation

    def note_offsets(self) -> bool:
        """Notes what is committed now, beside what is unfinished; False if the broker or the database is away."""
        with suppress(KafkaError, psycopg2.OperationalError):
            committed = self.watch.committed()
            self.offsets += self.database.offsets(committed, self.watch.records())
            return True
        return False

    def lag(self) -> int:
        """Records that no group has finished yet; some if that can't be told."""
        try:
            return self.watch.lag()
        except KafkaError:
            return 1

    def megabytes(self) -> dict[str, float]:
        """The most resident memory of each service since this was asked last."""
        found, self._memory = dict(self._memory), defaultdict(float)
        return found

    def _sample(self) -> None:
        while not self._stop.wait(1.0):
            for name in SERVICES:
                with suppress(StackFailed, OSError, KeyError):
                    status = Path(f"/proc/{self.stack.pid(name)}/status").read_text(encoding="utf-8")
                    # One that has just died has no line of memory.
                    resident = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
                    self._memory[name] = max([self._memory[name], *(one / 1024 for one in resident)])

    # Providers

    def behave(self, behaviour: Mapping[str, Any] | None, seed: int = 0) -> None:
        """Has all providers behave like that; well if nothing is said."""
        url = f"{self.stack.addresses['SIMULATOR_URL']}/behaviour"
        told = dict.fromkeys(("mmg", "firetext", "ses"), behaviour) | {"seed": seed}
        body = json.dumps(told).encode() if behaviour is not None else None
        request = urllib.request.Request(url, body, method="PUT" if body else "DELETE")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def provider_counts(self) -> dict[str, int]:
        """What all providers together did since the start."""
        with urllib.request.urlopen(f"{self.stack.addresses['SIMULATOR_URL']}/stats", timeout=10) as answer:
            counts: dict[str, dict[str, int]] = json.load(answer)
        return {name: sum(one[name] for one in counts.values()) for name in next(iter(counts.values()))}

    def accepted(self) -> list[str]:
        """Ledger S: the references in the simulator's file, as often as they were accepted."""
        text = self.stack.instance.ledger.read_text(encoding="utf-8")
        return [json.loads(line)["reference"] for line in text.splitlines()]

    def metrics(self, service: str) -> dict[str, float]:
        """A service's metrics as they stand: each series and its value."""
        with urllib.request.urlopen(self.stack.addresses[f"{service.upper()}_METRICS_URL"], timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


def service_of(point: Point) -> str:
    """The service that comes by a point."""
    name = point.split(".", maxsplit=1)[0]
    return "persister" if name == "job-reader" else name


def wait_for(condition: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
