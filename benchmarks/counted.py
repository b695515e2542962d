"""Runs a module as `python -m` does, and counts what it does with metrics: `python -m benchmarks.counted MODULE ARGUMENT…`.

The counts, by kind, are written to the file that OCTAVO_BENCH_COUNTS names, once the module has ended.
"""

import json
import os
import runpy
import sys
from collections import Counter as Counts
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

FILE = "OCTAVO_BENCH_COUNTS"
KINDS: dict[str, tuple[type, str]] = {
    "inc": (Counter, "inc"),
    "up": (Gauge, "inc"),
    "down": (Gauge, "dec"),
    "set": (Gauge, "set"),
    "observe": (Histogram, "observe"),
}


def main() -> None:
    """Counts, runs, and writes."""
    counts: Counts[str] = Counts()
    for name, (kind, method) in KINDS.items():
        setattr(kind, method, _counting(counts, name, getattr(kind, method)))
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        Path(os.environ[FILE]).write_text(json.dumps(counts), encoding="utf-8")


def _counting(counts: Counts[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any, **more: Any) -> Any:
        counts[name] += 1
        return method(*arguments, **more)

    return counted


if __name__ == "__main__":
    main()
