"""How much is measured: enough for figures, or with OCTAVO_BENCH_QUICK just enough to see that the measuring works."""

import os
from typing import TypeVar

T = TypeVar("T")

QUICK = bool(os.environ.get("OCTAVO_BENCH_QUICK"))
"""Then figures are shown, and neither judged nor kept."""


def amount(full: T, quick: T) -> T:
    """The one of two amounts that is asked for."""
    return quick if QUICK else full
