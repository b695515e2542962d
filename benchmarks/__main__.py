"""`python -m benchmarks [PART …]`: measures the parts, all if none is named, and shows them beside their floors."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from benchmarks import (
    api,
    breadth,
    callbacks,
    dispatcher,
    end_to_end,
    jobreader,
    lanes,
    limits,
    lookups,
    metrics,
    outages,
    persister,
    scale,
    ses,
    starts,
    statistics,
    tls,
    traces,
)
from benchmarks.amount import QUICK
from benchmarks.figure import Figure, circumstances, keep, show

PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "starts": starts.figures,
    "api": api.figures,
    "traces": traces.figures,
    "tls": tls.figures,
    "metrics": metrics.figures,
    "persister": persister.figures,
    "dispatcher": dispatcher.figures,
    "ses": ses.figures,
    "callbacks": callbacks.figures,
    "job-reader": jobreader.figures,
    "limits": limits.figures,
    "lookups": lookups.figures,
    "statistics": statistics.figures,
    "lanes": lanes.figures,
    "scale": scale.figures,
    "breadth": breadth.figures,
    "outages": outages.figures,
    "end-to-end": end_to_end.figures,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; 1 if a figure falls short of its target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    names = parser.parse_args(arguments).parts or list(PARTS)
    if unknown := set(names) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    # So that what was started for the measurement ends with it, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console() if Console().is_terminal else Console(width=150)
    around = circumstances()
    measured: list[Figure] = []
    for name in names:
        console.print(f"measuring {name} …")
        figures = list(PARTS[name]())
        # At once: a part that breaks later takes nothing with it.
        keep(figures, around)
        measured += figures
    show(measured, around, console)
    return 0 if QUICK or all(one.ok is not False for one in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
