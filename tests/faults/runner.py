"""Runs faults one after the other on one system; each is judged when its notifications have settled, while others go on."""

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TextIO

from tests.faults import changes, csvlane, drains, kills, outages, quota, records, rolling
from tests.faults.case import Case, Fault
from tests.faults.judge import Verdict
from tests.faults.load import Load
from tests.faults.system import System

FAULTS: dict[str, Fault] = {
    **kills.FAULTS,
    **csvlane.FAULTS,
    **outages.FAULTS,
    **records.FAULTS,
    **drains.FAULTS,
    **quota.FAULTS,
}
"""Every fault, by name, in the order in which they are done."""
NAMED: dict[str, Fault] = {**rolling.FAULTS, **changes.FAULTS}
"""What is done only when it is named: it breaks nothing, and takes a while."""
LOOK_SECONDS = 1.0
MOST_EXAMPLES = 5


class Report:
    """The table of faults and invariants, written line by line."""

    def __init__(self, seed: str, out: TextIO) -> None:
        self._out = out
        self._seed = seed
        self.runs = 0
        self.checks = 0
        self.violations = 0
        self._head = False

    def add(self, case: Case, verdicts: Sequence[Verdict]) -> None:
        """A line for one fault: how many violations of each invariant, of how many checks."""
        if not self._head:
            self._head = True
            self._line("fault", [one.invariant for one in verdicts], "other", "sent", "seconds")
        counts = [str(len(one.violations)) if one.checks else "-" for one in verdicts]
        seconds = f"{case.healed_at - case.began_at:.0f}+{case.took:.0f}"
        self._line(case.name, counts, str(len(case.problems)), str(case.load.acknowledged), seconds)
        for verdict in verdicts:
            for example in verdict.violations[:MOST_EXAMPLES]:
                self._write(f"    {verdict.invariant} {verdict.title}: {example}")
            if verdict.figures and not verdict.holds:
                self._write(f"    {verdict.invariant} {verdict.title}: {verdict.figures}")
        for problem in case.problems[:MOST_EXAMPLES]:
            self._write(f"    {problem}")
        figures = [
            f"{one.title}: {one.figures}" for one in verdicts if one.figures and one.invariant in {"I4", "I9", "MB"}
        ]
        self._write(f"    {'; '.join(figures)}; client errors: {dict(case.load.errors)}")
        self.runs += case.runs
        self.checks += sum(one.checks for one in verdicts) + 1
        self.violations += sum(len(one.violations) for one in verdicts) + len(case.problems)

    def close(self, seconds: float, kills: Mapping[str, int]) -> None:
        """The last lines: how often each service was killed, and the sums."""
        killed = ", ".join(f"{name} {count}" for name, count in kills.items())
        self._write(f"kill -9: {killed or 'none'}; {seconds:.0f} s; SEED={self._seed} repeats it")
        self._write(f"faults: {self.runs} runs, {self.checks} checks, {self.violations} violations")

    def _line(self, name: str, counts: Sequence[str], *rest: str) -> None:
        self._write(f"{name:<34}" + "".join(f"{count:>5}" for count in counts) + "".join(f"{one:>9}" for one in rest))

    def _write(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def run(system: System, faults: Mapping[str, Fault], seed: str, tell: Callable[[Case, list[Verdict]], None]) -> None:
    """Does these faults, and tells what the judge says of each."""
    cases: list[Case] = []
    waiting: list[Case] = []

    def known() -> set[str]:
        return {one for case in cases for one in case.load.attempts()}

    def judge_settled() -> None:
        for case in [case for case in waiting if case.settle()]:
            waiting.remove(case)
            tell(case, case.verdicts(known))

    for name, fault in faults.items():
        folder = system.directory / "ledgers" / name.replace(" ", "-")
        if name in rolling.FAULTS:
            load = rolling.load(system, folder, f"{seed} {name}")
        else:
            # Who drains is not missed: its clients wait for its successor.
            load = Load(system.account, folder, f"{seed} {name}", patient=name in {*drains.FAULTS, *changes.FAULTS})
        case = Case(name, system, Random(f"{seed} {name}"), load)
        cases.append(case)
        case.perform(fault)
        waiting.append(case)
        judge_settled()
        while name in outages.RETRIED and case in waiting:
            time.sleep(LOOK_SECONDS)
            judge_settled()
    while waiting:
        time.sleep(LOOK_SECONDS)
        judge_settled()
