"""Reading the metrics of Octavo's processes, and what two readings say together."""

import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from math import inf

from prometheus_client.parser import text_string_to_metric_families

SECONDS = 3
MOST_BYTES = 16 * 1024 * 1024

Labels = Mapping[str, str]
Samples = Mapping[str, Mapping[frozenset[tuple[str, str]], float]]
"""By name, then by labels."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What every process told at about the same time; None of a process that did not answer."""

    at: float
    processes: Mapping[str, Samples | None]


def parsed(text: str) -> Samples:
    """The samples of one answer. Raises ValueError if it is no metrics text."""
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][frozenset(sample.labels.items())] = sample.value
    return found


def read(addresses: Sequence[str], clock: Callable[[], float]) -> Reading:
    """Asks all at once, so that one that is away keeps nobody waiting."""
    with ThreadPoolExecutor(len(addresses)) as threads:
        answers = list(threads.map(_answer, addresses))
    return Reading(clock(), dict(zip(addresses, answers, strict=True)))


def _answer(address: str) -> Samples | None:
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - the command takes http(s) alone
            return parsed(answer.read(MOST_BYTES).decode())
    except (OSError, HTTPException, ValueError):
        return None


class Change:
    """Two readings, one after the other: values of the later, rates between both. Several processes add up."""

    def __init__(self, before: Reading, now: Reading) -> None:
        self.now = now
        self._before = before
        self.seconds = max(now.at - before.at, 1e-9)

    def of(self, address: str) -> "Change":
        """The same of one process alone."""
        before, now = (Reading(one.at, {address: one.processes.get(address)}) for one in (self._before, self.now))
        return Change(before, now)

    def totals(self, name: str, by: str, **where: str) -> dict[str, float]:
        """The sums of a metric, by a label."""
        return _summed(self._values(name, where), by)

    def largest(self, name: str, by: str) -> dict[str, float]:
        """The largest values of a metric that several processes tell of the same thing, by a label."""
        found: dict[str, float] = {}
        for labels, value in self._values(name, {}):
            found[labels.get(by, "")] = max(value, found.get(labels.get(by, ""), value))
        return found

    def rates(self, name: str, by: str, **where: str) -> dict[str, float]:
        """How much a counter grew, a second, by a label."""
        return _summed(((labels, grown / self.seconds) for labels, grown in self._grown(name, where)), by)

    def quantiles(self, name: str, share: float, by: str, **where: str) -> dict[str, float]:
        """The bound below which this share of what a histogram saw between the readings lies, by a label.

        Infinite above the last bound; what saw nothing has none.
        """
        buckets: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for labels, grown in self._grown(f"{name}_bucket", where):
            buckets[labels.get(by, "")][float(labels["le"])] += grown
        found = {}
        for key, bounds in buckets.items():
            if seen := bounds.get(inf, 0):
                found[key] = min(bound for bound, below in bounds.items() if below >= share * seen)
        return found

    def _values(self, name: str, where: Labels) -> Iterable[tuple[Labels, float]]:
        for samples in self.now.processes.values():
            for pairs, value in (samples or {}).get(name, {}).items():
                labels = dict(pairs)
                if where.items() <= labels.items():
                    yield labels, value

    def _grown(self, name: str, where: Labels) -> Iterable[tuple[Labels, float]]:
        for address, samples in self.now.processes.items():
            earlier = self._before.processes.get(address)
            if samples is None or earlier is None:
                continue
            was = earlier.get(name, {})
            for pairs, value in samples.get(name, {}).items():
                labels = dict(pairs)
                if where.items() <= labels.items():
                    before = was.get(pairs, 0.0)
                    # A process that began anew counts from zero.
                    yield labels, value - before if value >= before else value


def _summed(values: Iterable[tuple[Labels, float]], by: str) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for labels, value in values:
        found[labels.get(by, "")] += value
    return dict(found)
