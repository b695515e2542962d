"""Waiting for what takes its time, with a deadline."""

import asyncio
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


async def comes_true(condition: Callable[[], object], seconds: float = 30, *, every: float = EVERY_SECONDS) -> None:
    """The same in an event loop, which goes on meanwhile. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(every)
