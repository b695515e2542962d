"""One case: a fault under load, and its ledgers, judged once all of its notifications have settled."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import psycopg2

from octavo.domain.notification import FINAL
from tests.faults.evidence import Evidence, Job, Offset, Quota
from tests.faults.judge import Verdict, judge
from tests.faults.load import Load
from tests.faults.system import IN_FLIGHT, System, wait_for

HEALED_SECONDS = 120.0
"""How long after its end the traces of a fault may be seen (invariant I1)."""
BROKER_SECONDS = 60.0
WARM_UP_SECONDS = 30.0


class Fault(Protocol):
    """What is done to the system while it works. Returns what was found beside the invariants: problems."""

    def __call__(self, case: "Case") -> Sequence[str]: ...


@dataclass
class Case:
    """A fault and what it left behind."""

    name: str
    system: System
    random: Random
    load: Load
    runs: int = 0
    """How often the fault was done."""
    crashes: int = 0
    """How often a dispatcher was killed, or stood still for longer than its claims hold."""
    topics: int = 2
    """Topics whose notifications go to providers meanwhile: each has its own calls in flight."""
    ambiguous: int = 0
    quotas: list[Quota] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    began_at: float = 0.0
    healed_at: float = 0.0
    healed_time: float = 0.0
    """The same by the clock that the database has."""
    took: float = 0.0
    """Seconds from then to the last move, whenever it was looked at, without those in which something else was broken."""
    settled_at: float | None = None
    _offsets: list[Offset] = field(default_factory=list)
    _memory: dict[str, float] = field(default_factory=dict)

    def perform(self, fault: Fault) -> None:
        """Does it under load, and heals what is left."""
        system = self.system
        system.megabytes()
        self.began_at = time.monotonic()
        uncertain = system.provider_counts()
        self.load.start()
        if not _reached(self.load, self.load.acknowledged + 20):
            self.problems.append(f"nothing is accepted: {dict(self.load.errors)} {self.load.refused[:1]}")
        broken_at = time.monotonic()
        try:
            self.problems += fault(self)
        finally:
            system.revive_all()
            self.problems += [f"the {name} ended by itself" for name in system.ended]
            system.ended = []
            self.healed_at, self.healed_time = time.monotonic(), time.time()
            system.windows.append((broken_at, self.healed_at))
        if not _reached(self.load, self.load.acknowledged + 20):
            self.problems.append(f"nothing is accepted afterwards: {dict(self.load.errors)}")
        self.load.stop()
        self.problems += self.load.refused
        with suppress(OSError):
            now = system.provider_counts()
            self.ambiguous += sum(max(0, now[name] - uncertain[name]) for name in ("hung", "reset"))
        self._offsets, system.offsets = system.offsets, []
        self._memory = system.megabytes()

    def settle(self) -> bool:
        """Whether it can be judged: all have settled, or their time is over."""
        if self.settled_at is None:
            unsettled = 1
            with suppress(psycopg2.Error):
                unsettled = self.system.database.unsettled({one.id for one in self.load.acknowledgements()})
                unsettled += self._under_way()
            now = time.monotonic()
            # Later faults keep the traces of this one from going away: their time does not count.
            if unsettled == 0 or self.system.sound_for(self.healed_at, now) > HEALED_SECONDS:
                self.settled_at = now
                last = self.system.database.last_move(self.load.attempts()) - self.healed_time
                self.took = self.system.sound_for(self.healed_at, self.healed_at + max(0.0, last))
                if self.took > HEALED_SECONDS:
                    self.problems.append(f"the last one settled {self.took:.0f} s after the fault")
        return self.settled_at is not None

    def verdicts(self, known: Callable[[], Collection[str]]) -> list[Verdict]:
        """What the judge says; `known` are all notifications that anybody asked for."""
        return judge(self.evidence(known))

    def evidence(self, known: Callable[[], Collection[str]]) -> Evidence:
        """Its ledgers, and whatever nobody asked for."""
        system = self.system
        attempted = self.load.attempts()
        # Before it is looked what was asked for, which comes first with every notification.
        accepted, everybodys = system.accepted(), set(known())
        wait_for(system.note_offsets, BROKER_SECONDS)
        return Evidence(
            attempted=attempted,
            acknowledged=self.load.acknowledgements(),
            rows=[*system.database.rows(attempted), *system.database.strangers(everybodys)],
            accepted=[one for one in accepted if one in attempted or one not in everybodys],
            unconfirmed=system.database.unconfirmed(attempted),
            crashes=self.crashes,
            in_flight=IN_FLIGHT * self.topics,
            ambiguous=self.ambiguous,
            jobs=self.jobs,
            offsets=[*self._offsets, *system.offsets],
            positions=system.watch.positions(self.began_at, self.settled_at or time.monotonic()),
            faults=system.windows,
            quotas=[*self.quotas, self._quota()],
            megabytes=self._memory,
        )

    def _under_way(self) -> int:
        """How many rows that nobody was told of have not settled: a call that failed may have been accepted."""
        rows = self.system.database.rows(self.load.attempts())
        return sum(row.status not in FINAL and not row.unconfirmed for row in rows)

    def _quota(self) -> Quota:
        found = self.system.database.ask(
            "SELECT s.sms_daily_limit + s.email_daily_limit AS most, count(n.id) AS accepted "
            "FROM services s LEFT JOIN notifications n ON n.service_id = s.id WHERE s.id = %(id)s GROUP BY s.id",
            id=self.system.account.service_id,
        )[0]
        return Quota("the seeded service", found["most"], found["accepted"])


def _reached(load: Load, count: int, seconds: float = WARM_UP_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while load.acknowledged < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return load.acknowledged >= count
