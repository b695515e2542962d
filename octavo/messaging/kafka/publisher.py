"""Kafka's Publisher for an event loop: on connections of its own, and else through kafka-python's producer and its thread.

What many calls publish at about the same time travels together, as one batch of one partition: a batch costs all that it
touches about as much as ten records more in it. What comes after a pause leaves at once. Under load, batches leave no more
often than every eight milliseconds, and than four times the time that the last ones took until they were acknowledged: the
busier the process, the machine or the broker, the longer that is, and the fewer and larger they become. All acknowledgements
that came in are settled by one wake-up of the loop. The producer's buffer has no bound of its own, so what is in flight is
bounded here.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import get_ident
from time import monotonic
from typing import Any

from kafka.errors import KafkaError

from octavo.domain.errors import Reason, Unavailable
from octavo.faultpoint import Point, reach
from octavo.messaging.kafka.client import leader_of, look_again, together
from octavo.messaging.kafka.connection import connect
from octavo.messaging.kafka.keeper import ProducerKeeper
from octavo.messaging.kafka.looped import LoopConnections
from octavo.messaging.kafka.pace import Pace
from octavo.messaging.kafka.shipment import Shipment
from octavo.messaging.kafka.sink import producer
from octavo.messaging.kafka.size import check_sizes
from octavo.messaging.kafka.spread import Spread
from octavo.messaging.publisher import NotSent
from octavo.messaging.security import KafkaSecurity
from octavo.telemetry import metrics
from octavo.topics import Outgoing

DELIVERY_SECONDS = 8.0
"""How long a message is offered to the broker before the caller is told to try again."""
RETRY_AFTER = timedelta(seconds=1)
MOST_MESSAGES = 20_000
MOST_BYTES = 64 * 1024 * 1024
_NOT_HANDED_OVER = (AttributeError, KafkaError, ValueError, AssertionError)
"""What a producer raises that takes nothing. An AttributeError: there is none, or it was closed meanwhile."""
# A producer whose thread died settles nothing any more: what it holds for longer than this is given up.
_PATIENCE_SECONDS = DELIVERY_SECONDS + 4


class _Waiting:
    """One call of publish: what it publishes, how much of it was handed over, and how much is not settled yet."""

    __slots__ = ("departed", "error", "future", "left", "messages", "producer", "since", "size")

    def __init__(self, messages: Sequence[Outgoing], future: asyncio.Future[None], size: int) -> None:
        self.messages = messages
        self.future = future
        self.size = size
        self.left = len(messages)
        self.departed = 0
        self.error: Unavailable | None = None
        self.since = monotonic()
        self.producer: Any = None


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
        used = security or KafkaSecurity.plain()
        self._keeper = ProducerKeeper(lambda: producer(bootstrap, used, delivery_seconds=DELIVERY_SECONDS), topics)
        self._connections: LoopConnections[_Waiting] = LoopConnections(
            lambda node: connect(bootstrap, used, node, DELIVERY_SECONDS), self._offer_again, self._settle
        )
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight: dict[_Waiting, None] = {}
        self._messages = 0
        self._bytes = 0
        self._collected: list[_Waiting] = []
        self._flight: asyncio.Handle | None = None
        self._pace = Pace()
        self._spread = Spread()
        # Filled by the producer's thread and by the loop, emptied by the loop.
        self._settled: deque[Shipment[_Waiting]] = deque()
        self._waking = False
        self._thread = 0
        self._watch: asyncio.Task[None] | None = None
        self._published = {topic: metrics.PUBLISHED.labels(topic) for topic in topics}
        # A process has one publisher.
        metrics.PUBLISHING.set_function(lambda: self._messages)
        metrics.PUBLISHING_FILL.set_function(lambda: self.fill)

    # A part of a process

    async def start(self) -> None:
        """Begins to look for the broker; does not wait for it."""
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._keeper.start()
        self._watch = asyncio.create_task(self._give_up_the_old())

    def unready(self) -> str | None:
        """Why nothing can be published now."""
        return None if self._keeper.producer is not None else "no broker yet"

    async def drain(self) -> None:
        """Waits for what is in flight, and closes connections and producer."""
        deadline = monotonic() + DELIVERY_SECONDS
        # It happens once in a process's life: not worth an event that every acknowledgement would have to look after.
        while self._in_flight and monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if self._watch:
            self._watch.cancel()
        self._connections.close()
        await asyncio.to_thread(self._keeper.stop)

    # Publishing

    @property
    def fill(self) -> float:
        """How much of the room for what is in flight is taken, from 0 to 1."""
        return max(self._messages / self._most_messages, self._bytes / self._most_bytes)

    def publish(self, messages: Sequence[Outgoing]) -> asyncio.Future[None]:
        """Publishes all; what it returns is done once every in-sync replica has them.

        Raises NotSent if there is no broker yet or too much is in flight, Unavailable if any was not acknowledged in time, and
        Invalid for a message that is larger than its topic takes: then none was published.
        """
        if not messages:
            nothing = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        size = check_sizes(messages)
        loop = self._loop
        if self._keeper.producer is None or loop is None:
            raise NotSent("Kafka is not reached", reason=Reason.QUEUE_UNAVAILABLE, retry_after=RETRY_AFTER)
        if self._messages + len(messages) > self._most_messages or self._bytes + size > self._most_bytes:
            raise NotSent("too much is in flight", reason=Reason.OVERLOADED, retry_after=RETRY_AFTER)
        waiting = _Waiting(messages, loop.create_future(), size)
        self._in_flight[waiting] = None
        self._messages += len(messages)
        self._bytes += size
        self._collected.append(waiting)
        if self._flight is None:
            wait = self._pace.wait()
            # Even if it leaves at once, the other calls of this turn of the loop come along.
            self._flight = loop.call_later(wait, self._depart) if wait > 0 else loop.call_soon(self._depart)
        return waiting.future

    def _depart(self) -> None:
        """Sends what was collected."""
        self._flight = None
        self._pace.depart()
        collected, self._collected = self._collected, []
        used = self._keeper.producer
        for waiting in collected:
            waiting.producer = used
        try:
            self._hand_over(collected, used)
        except _NOT_HANDED_OVER as error:
            self._keeper.renew(used, type(error).__name__)
            for waiting in collected:
                self._leave_behind(waiting, type(error).__name__)
        reach(Point.API_BEFORE_ACKNOWLEDGEMENT)

    def _hand_over(self, collected: Sequence[_Waiting], used: Any) -> None:
        """Sends as few shipments as can be, those that no connection takes by the producer.

        What could not be handed over any more is not counted as departed.
        """
        messages = ((message, waiting) for waiting in collected for message in waiting.messages)
        of_leader: dict[int | None, list[Shipment[_Waiting]]] = {}
        for shipment in self._spread.load(used, messages, self._ended):
            of_leader.setdefault(leader_of(used, shipment.at), []).append(shipment)
        left: list[Shipment[_Waiting]] = []
        for leader, shipments in of_leader.items():
            rest = shipments if leader is None else self._connections.send(shipments, leader)
            self._note(shipment for shipment in shipments if shipment not in rest)
            left += rest
        with together(used):
            for shipment in left:
                shipment.depart(used)
                self._note((shipment,))

    def _note(self, sent: Iterable[Shipment[_Waiting]]) -> None:
        for shipment in sent:
            self._pace.left()
            for waiting in shipment.owners:
                waiting.departed += 1

    def _leave_behind(self, waiting: _Waiting, why: str) -> None:
        """Fails what was not handed over as a whole: once what is on its way is settled."""
        missing = len(waiting.messages) - waiting.departed
        if missing:
            waiting.error = _not_acknowledged(why) if waiting.departed else _not_sent(why)
            waiting.left -= missing
            self._messages -= missing
            if not waiting.left:
                self._end(waiting)

    def _offer_again(self, shipment: Shipment[_Waiting]) -> None:
        """Hands to the producer what a connection did not bring, or may have brought."""
        used = self._keeper.producer
        for waiting in shipment.owners:
            waiting.producer = used
        try:
            shipment.depart(used)
        except _NOT_HANDED_OVER as error:
            self._keeper.renew(used, type(error).__name__)
            shipment.end(error)

    # In the producer's thread, or in the loop

    def _ended(self, shipment: Shipment[_Waiting]) -> None:
        # What ends in the loop is settled by who ended it, all together.
        if shipment.error is None:
            self._published[shipment.at.topic].inc(len(shipment.owners))
        self._settled.append(shipment)
        if get_ident() != self._thread:
            self._wake()

    # In the producer's thread

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
        if not settled:
            return
        count = len(settled)
        for _ in range(count):
            shipment = settled.popleft()
            why = None if shipment.error is None else type(shipment.error).__name__
            if why is not None:
                self._keeper.renew(shipment.producer, why)
            for waiting in shipment.owners:
                self._settle_one(waiting, why)
        self._pace.settled(count)

    def _settle_one(self, waiting: _Waiting, why: str | None) -> None:
        if waiting not in self._in_flight:
            # Given up before.
            return
        waiting.left -= 1
        self._messages -= 1
        if why is not None:
            waiting.error = _not_acknowledged(why)
        if not waiting.left:
            self._end(waiting)

    def _end(self, waiting: _Waiting) -> None:
        del self._in_flight[waiting]
        self._bytes -= waiting.size
        if waiting.future.done():
            return
        if waiting.error is None:
            waiting.future.set_result(None)
        else:
            waiting.future.set_exception(waiting.error)

    async def _give_up_the_old(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self._connections.give_up(monotonic() - DELIVERY_SECONDS) and self._keeper.producer is not None:
                look_again(self._keeper.producer)
            oldest = monotonic() - _PATIENCE_SECONDS
            for waiting in [waiting for waiting in self._in_flight if waiting.since < oldest]:
                self._messages -= waiting.left
                waiting.error = _not_acknowledged("no answer")
                self._end(waiting)
                self._keeper.renew(waiting.producer, "it settles nothing")


def _not_sent(why: str) -> NotSent:
    return NotSent(f"not sent: {why}", reason=Reason.QUEUE_UNAVAILABLE, retry_after=RETRY_AFTER)


def _not_acknowledged(why: str) -> Unavailable:
    return Unavailable(f"not acknowledged: {why}", reason=Reason.NOT_ACKNOWLEDGED, retry_after=RETRY_AFTER)
