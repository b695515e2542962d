"""Kafka's Publisher for an event loop, through kafka-python's producer and its thread.

All acknowledgements that came in are settled by one wake-up of the loop; a wake-up each costs half as much CPU again
(design, section 8). The producer's buffer has no bound of its own, so what is in flight is bounded here.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import structlog
from kafka.errors import KafkaError

from octavo.domain.errors import Reason, Unavailable
from octavo.faultpoint import Point, reach
from octavo.messaging.kafka.client import passes
from octavo.messaging.kafka.sink import producer
from octavo.messaging.kafka.size import check_sizes
from octavo.messaging.publisher import NotSent
from octavo.messaging.security import KafkaSecurity
from octavo.telemetry import metrics
from octavo.topics import Outgoing

log = structlog.get_logger()

DELIVERY_SECONDS = 8.0
"""How long a message is offered to the broker before the caller is told to try again."""
RETRY_AFTER = timedelta(seconds=1)
MOST_MESSAGES = 20_000
MOST_BYTES = 64 * 1024 * 1024
LINGER_MS = 5
# A producer whose thread died settles nothing any more: what it holds for longer than this is given up.
_PATIENCE_SECONDS = DELIVERY_SECONDS + 4
_RENEWAL_SECONDS = 5.0


class _Waiting:
    """One call of publish: how many acknowledgements it still waits for."""

    __slots__ = ("error", "future", "left", "producer", "since", "size")

    def __init__(self, future: asyncio.Future[None], size: int, used: Any) -> None:
        self.future = future
        self.left = 0
        self.size = size
        self.error: str = ""
        self.since = monotonic()
        self.producer = used


class KafkaPublisher:
    """A Publisher over Kafka, and the part of a process that keeps its producer alive.

    It starts without a broker too: until there is one, it is unready, and refuses what it is given.
    """

    name = "kafka"

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[str],
        security: KafkaSecurity | None = None,
        *,
        most_messages: int = MOST_MESSAGES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._security = security or KafkaSecurity.plain()
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._producer: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight: dict[_Waiting, None] = {}
        self._messages = 0
        self._bytes = 0
        # Filled by the producer's thread, emptied by the loop.
        self._settled: deque[tuple[_Waiting, BaseException | None]] = deque()
        self._waking = False
        self._stop = threading.Event()
        self._broken = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="kafka-publisher", daemon=True)
        self._watch: asyncio.Task[None] | None = None
        self._published = {topic: metrics.PUBLISHED.labels(topic) for topic in self._topics}
        # A process has one publisher.
        metrics.PUBLISHING.set_function(lambda: self._messages)
        metrics.PUBLISHING_FILL.set_function(lambda: self.fill)

    # A part of a process

    async def start(self) -> None:
        """Begins to look for the broker; does not wait for it."""
        self._loop = asyncio.get_running_loop()
        self._keeper.start()
        self._watch = asyncio.create_task(self._give_up_the_old())

    def unready(self) -> str | None:
        """Why nothing can be published now."""
        return None if self._producer is not None else "no broker yet"

    async def drain(self) -> None:
        """Waits for what is in flight, and closes the producer."""
        deadline = monotonic() + DELIVERY_SECONDS
        # It happens once in a process's life: not worth an event that every acknowledgement would have to look after.
        while self._in_flight and monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if self._watch:
            self._watch.cancel()
        self._stop.set()
        self._broken.set()
        used, self._producer = self._producer, None
        if used is not None:
            await asyncio.to_thread(_close, used)

    # Publishing

    @property
    def fill(self) -> float:
        """How much of the room for what is in flight is taken, from 0 to 1."""
        return max(self._messages / self._most_messages, self._bytes / self._most_bytes)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publishes all, and returns once every in-sync replica has them.

        Raises NotSent if there is no broker yet or too much is in flight, Unavailable if any was not acknowledged in time, and
        Invalid for a message that is larger than its topic takes: then none was published.
        """
        if not messages:
            return
        check_sizes(messages)
        waiting = self._send(messages)
        reach(Point.API_BEFORE_ACKNOWLEDGEMENT)
        await waiting.future

    def _send(self, messages: Sequence[Outgoing]) -> _Waiting:
        used, loop = self._producer, self._loop
        if used is None or loop is None:
            raise NotSent("Kafka is not reached", reason=Reason.QUEUE_UNAVAILABLE, retry_after=RETRY_AFTER)
        size = sum(len(message.value) for message in messages)
        if self._messages + len(messages) > self._most_messages or self._bytes + size > self._most_bytes:
            raise NotSent("too much is in flight", reason=Reason.OVERLOADED, retry_after=RETRY_AFTER)
        waiting = _Waiting(loop.create_future(), size, used)
        for message in messages:
            try:
                future = used.send(message.topic, value=message.value, key=message.key, headers=list(message.headers))
            except (KafkaError, ValueError, AssertionError) as error:
                if not waiting.left:
                    self._note(error, used)
                    raise NotSent(
                        f"not sent: {type(error).__name__}", reason=Reason.QUEUE_UNAVAILABLE, retry_after=RETRY_AFTER
                    ) from error
                # Some are on their way: the call fails as a whole once these are settled.
                waiting.error = type(error).__name__
                break
            waiting.left += 1
            future.add_callback(partial(self._acknowledged, waiting))
            future.add_errback(partial(self._refused, waiting))
        self._in_flight[waiting] = None
        self._messages += waiting.left
        self._bytes += size
        return waiting

    # In the producer's thread

    def _acknowledged(self, waiting: _Waiting, metadata: Any) -> None:
        self._published[metadata.topic].inc()
        self._settled.append((waiting, None))
        self._wake()

    def _refused(self, waiting: _Waiting, error: BaseException) -> None:
        self._settled.append((waiting, error))
        self._wake()

    def _wake(self) -> None:
        if not self._waking and self._loop is not None:
            self._waking = True
            with suppress(RuntimeError):
                # Only a loop that is closed refuses: then nobody waits any more.
                self._loop.call_soon_threadsafe(self._settle)

    # In the loop

    def _settle(self) -> None:
        # Before looking: whatever comes from here on wakes the loop again.
        self._waking = False
        settled = self._settled
        while settled:
            waiting, error = settled.popleft()
            if waiting not in self._in_flight:
                # Given up before.
                continue
            waiting.left -= 1
            self._messages -= 1
            if error is not None:
                waiting.error = type(error).__name__
                self._note(error, waiting.producer)
            if not waiting.left:
                self._end(waiting)

    def _end(self, waiting: _Waiting) -> None:
        del self._in_flight[waiting]
        self._bytes -= waiting.size
        if waiting.future.done():
            return
        if waiting.error:
            waiting.future.set_exception(
                Unavailable(
                    f"not acknowledged: {waiting.error}", reason=Reason.QUEUE_UNAVAILABLE, retry_after=RETRY_AFTER
                )
            )
        else:
            waiting.future.set_result(None)

    def _note(self, error: BaseException, used: Any) -> None:
        """Has the producer made anew if it does not get over its error by itself."""
        if not passes(error) and used is self._producer and not self._broken.is_set():
            log.warning("the producer is made anew", error=type(error).__name__)
            self._broken.set()

    async def _give_up_the_old(self) -> None:
        while True:
            await asyncio.sleep(1)
            oldest = monotonic() - _PATIENCE_SECONDS
            for waiting in [waiting for waiting in self._in_flight if waiting.since < oldest]:
                self._messages -= waiting.left
                waiting.error = "no answer"
                self._end(waiting)
                if waiting.producer is self._producer and not self._broken.is_set():
                    log.warning("the producer settles nothing and is made anew")
                    self._broken.set()

    # In a thread of its own

    def _keep(self) -> None:
        """Makes the producer, and makes it anew whenever it is broken."""
        while not self._stop.is_set():
            made = self._make()
            if made is None:
                continue
            replaced, self._producer = self._producer, made
            self._broken.clear()
            if self._stop.is_set():
                _close(made)
                return
            if replaced is not None:
                _close(replaced)
            log.info("publishing", topics=list(self._topics))
            self._broken.wait()
            # A producer that breaks again and again is not made in a tight loop.
            self._stop.wait(_RENEWAL_SECONDS if replaced is not None else 0)

    def _make(self) -> Any:
        """A producer that knows the partitions of its topics, so that no send ever waits for them; or None after a wait."""
        made: Any = None
        try:
            made = producer(self._bootstrap, self._security, linger_ms=LINGER_MS, delivery_seconds=DELIVERY_SECONDS)
            missing = [topic for topic in self._topics if not made.partitions_for(topic)]
            problem = f"topics are missing: {', '.join(missing)}" if missing else ""
        except (Unavailable, KafkaError) as error:
            problem = str(error) if isinstance(error, Unavailable) else type(error).__name__
        if not problem:
            return made
        log.warning("waiting for Kafka", error=problem)
        if made is not None:
            _close(made)
        self._stop.wait(1)
        return None


def _close(used: Any) -> None:
    with suppress(KafkaError):
        used.close(timeout=1)
