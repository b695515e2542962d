"""Makes one call: with the key, a deadline, and repeated where that is safe."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc

from octavo_client.details import of_call
from octavo_client.errors import Aborted, DeadlineExceeded, InvalidArgument, OctavoError, QuotaExceeded, Unavailable


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try. All in seconds.

    `deadline` bounds the call with all its repetitions, `attempt` each of them; `attempts` counts them. A server that asks for a
    longer wait than `longest_wait` is not called again.
    """

    deadline: float = 30.0
    attempt: float = 10.0
    attempts: int = 5
    longest_wait: float = 5.0


FIRST_WAIT = 0.2
LONGEST_BACKOFF = 5.0
LEAST_WAIT = 0.05
LEAST_TIMEOUT = 0.001
MOST_BYTES = 4 * 1024 * 1024
"""What a server reads of a request: a longer one is told from an exhausted server here, as gRPC answers both alike."""


class Caller:
    """Calls Octavo with a key over a channel. Safe to share between threads."""

    def __init__(
        self,
        channel: grpc.Channel,
        key: str,
        patience: Patience,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.channel = channel
        self.patience = patience
        self.sleep = sleep
        self.clock = clock
        self._metadata = (("authorization", f"Bearer {key}"),)

    def __call__(self, method: Any, request: Any, *, repeatable: bool = True, patience: Patience | None = None) -> Any:
        """The answer to a request, had with another patience where a call takes long by nature.

        Raises OctavoError. A call that is not repeatable, because doing it twice is not the same as doing it once, is repeated
        only where the server says that nothing was done.
        """
        if request is not None and request.ByteSize() > MOST_BYTES:
            raise InvalidArgument("INVALID_ARGUMENT", "CONTENT_TOO_LONG", "the request is longer than 4 MiB")
        patience = patience or self.patience
        ends = self.clock() + patience.deadline
        attempt = 1
        while True:
            timeout = max(LEAST_TIMEOUT, min(patience.attempt, ends - self.clock()))
            try:
                return method(request, timeout=timeout, metadata=self._metadata)
            except grpc.RpcError as failure:
                error = of_call(failure)
            wait = wait_before_next(attempt, error)
            in_time = attempt < patience.attempts and self.clock() + wait < ends
            if not in_time or not self.may_repeat(error, repeatable=repeatable):
                raise error from None
            self.sleep(wait)
            attempt += 1

    def stream(self, method: Any, request: Any, *, timeout: float | None = None) -> Any:
        """A stream of answers: iterate it, and `cancel()` it when no more are wanted. Iterating raises grpc.RpcError."""
        return method(request, timeout=timeout, metadata=self._metadata)

    def may_repeat(self, error: OctavoError, *, repeatable: bool = True) -> bool:
        """Whether the same call may work soon, and does no harm."""
        if isinstance(error, QuotaExceeded):
            # A limit refuses before anything is done. One that does not say when it ends is no matter of waiting.
            return error.retry_after is not None and self._soon(error.retry_after)
        if isinstance(error, Unavailable | DeadlineExceeded | Aborted):
            return repeatable and self._soon(error.retry_after)
        return False

    def _soon(self, wait: timedelta | None) -> bool:
        return wait is None or wait.total_seconds() <= self.patience.longest_wait


def wait_before_next(attempt: int, error: OctavoError | None) -> float:
    """Seconds from this attempt (1 is the first) to the next: what the server asked for, or a growing wait.

    They are about 0.2, 0.4, 0.8, 1.6 s: a restart of a server is over by then. Up to a quarter more is left to chance, so that
    clients who were refused together do not come back together.
    """
    chance = 1 + random.random() / 4  # noqa: S311 - nothing secret.
    if error is not None and error.retry_after is not None:
        return max(error.retry_after.total_seconds(), LEAST_WAIT) * chance
    return float(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_BACKOFF)) * chance
