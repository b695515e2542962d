"""The benchmarks in their quick form: each part measures something, whatever the figures are on this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS

ROOT = Path(__file__).parents[2]
QUICK = ("api", "persister", "dispatcher", "callbacks", "limits")


def figures_of(part):
    """What measuring a part printed: each figure's value by its name."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", part],
        cwd=ROOT,
        env={**os.environ, "OCTAVO_BENCH_QUICK": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = re.findall(r"^│ ([a-z][\w.]*)\s+│ ([\d,.e+]+) ", done.stdout, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=() if part in QUICK else pytest.mark.slow) for part in PARTS]
)
def test_each_part_measures_and_leaves_the_results_alone(part):
    results = ROOT / "benchmarks/results.json"
    before = results.read_bytes() if results.exists() else None

    figures = figures_of(part)

    assert figures
    # A growth may be nothing at all; all else takes some time or some memory.
    assert [name for name, value in figures.items() if value <= 0 and "growth" not in name] == []
    assert (results.read_bytes() if results.exists() else None) == before
