"""Waiting for what takes its time, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

EVERY_SECONDS = 0.05


def until(read: Callable[[], T], seconds: float = 30, *, every: float = EVERY_SECONDS, why: str = "") -> T:
    """Reads again and again until the answer is true, and returns it; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := read()):
        assert time.monotonic() < deadline, f"not so within {seconds:g} s {why}".rstrip()
        time.sleep(every)
    return found
