"""What a consumer does while something is away: it tries again for as long as it takes, and stays a member of its group."""

from collections.abc import Callable
from threading import Event
from typing import ParamSpec, TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set
from tenacity.wait import wait_base

from octavo.domain.errors import Unavailable
from octavo.messaging import Source

log = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")

_HOLD_SECONDS = 0.5


class Patience:
    """Tries again while something is unavailable: Kafka keeps the work meanwhile.

    One for all batches: what tenacity makes for each call is garbage in a cycle, and would keep the batch that it was made for
    until the collector comes by.
    """

    def __init__(self, topic: str, source: Source, wait: wait_base, stop: Event) -> None:
        self.stop = stop
        self.on_retry: Callable[[int], None] = _nothing
        """Told of each attempt that failed. To be taken away with its batch."""
        self._topic = topic
        self._source = source
        self._retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait,
            stop=stop_when_event_set(stop),
            sleep=self._hold,
            before_sleep=self._tell,
            reraise=True,
        )

    def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work returns. Raises Unavailable when told to stop while something is."""
        try:
            # Nearly always all there is to it: each call of tenacity's costs 15 µs, and a small batch has four.
            return work(*args, **kwargs)
        except Unavailable as error:
            failed = [error]

        def again() -> T:
            if failed:
                raise failed.pop()
            return work(*args, **kwargs)

        return self._retrying(again)

    def forget(self) -> None:
        """Forgets the batch."""
        self.on_retry = _nothing

    def _tell(self, state: RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0.0
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "waiting", topic=self._topic, attempt=state.attempt_number, seconds=round(wait, 3), error=str(error)
        )
        self.on_retry(state.attempt_number)

    def _hold(self, seconds: float) -> None:
        # In pieces, so that a process which is told to stop does not wait for the end of a long pause.
        while seconds > 0 and not self.stop.is_set():
            self._source.hold(min(seconds, _HOLD_SECONDS))
            seconds -= _HOLD_SECONDS


def _nothing(_attempt: int) -> None:
    """Nobody is told."""
