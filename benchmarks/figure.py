"""A figure, its floor, and whether it is where it should be."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.amount import QUICK

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value; `ratio` is that to the floor's value, where there is one. `target` reads `<= 1.8` or `>= 0.5`.

    The target is for the ratio where there is a floor, else for the value.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    target: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the floor's."""
        return self.value / self.floor if self.floor else None

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        measured = self.value if self.ratio is None else self.ratio
        return measured <= float(bound) if sign == "<=" else measured >= float(bound)


def median(rounds: Sequence[float]) -> float:
    """The middle of several rounds."""
    return statistics.median(rounds)


def p99(ascending: Sequence[float]) -> float:
    """What one in a hundred exceeds."""
    return ascending[int(len(ascending) * 0.99)]


def alternate(rounds: int, **measure: Callable[[], float]) -> dict[str, list[float]]:
    """Measures each in turn, several times, so that a busy moment meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in measure}
    for _ in range(rounds):
        for name, once in measure.items():
            taken[name].append(once())
    return taken


def circumstances() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in ("grpcio", "kafka-python", "psycopg2-binary", "aiohttp", "boto3")},
    }


def show(figures: Iterable[Figure], around: dict[str, object], console: Console) -> None:
    """A table for people."""
    table = Table(
        "figure", "value", "floor", "ratio", "target", "", title=", ".join(f"{k} {v}" for k, v in around.items())
    )
    for one in figures:
        table.add_row(
            one.name,
            f"{one.value:,.4g} {one.unit}",
            "" if one.floor is None else f"{one.floor:,.4g} {one.unit}",
            "" if one.ratio is None else f"{one.ratio:.2f}",
            one.target,
            {True: "[green]ok[/]", False: "[red]short[/]", None: ""}[one.ok],
        )
    console.print(table)


def keep(figures: Sequence[Figure], around: dict[str, object], path: Path = RESULTS) -> None:
    """A file for machines, in which figures of other parts stay as they were measured last; not those of a quick run."""
    if QUICK:
        return
    kept = [] if not path.exists() else json.loads(path.read_text())
    names = {one.name for one in figures}
    written = [entry for entry in kept if entry["name"] not in names]
    written += [{**asdict(one), "ratio": one.ratio, "ok": one.ok, "circumstances": around} for one in figures]
    path.write_text(json.dumps(sorted(written, key=lambda entry: str(entry["name"])), indent=1) + "\n")
