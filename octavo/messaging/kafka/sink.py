"""Kafka's Sink, through kafka-python.

Defaults overridden on purpose: acknowledged by all in-sync replicas, no automatic topics, short reconnects.
"""

from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from octavo.domain.errors import Unavailable
from octavo.messaging.kafka.client import connected, together
from octavo.messaging.kafka.shipment import BATCH_BYTES, Shipment
from octavo.messaging.kafka.size import LARGEST_DEAD, check_sizes
from octavo.messaging.kafka.spread import Spread
from octavo.messaging.security import KafkaSecurity
from octavo.telemetry import metrics
from octavo.topics import Outgoing

log = structlog.get_logger()

DELIVERY_SECONDS = 20.0
"""How long a message is offered to the broker before it counts as not acknowledged."""
LATE_SECONDS = 5.0
"""So long after that it should have said so; a producer that did not waits for an answer that never comes."""


def producer(bootstrap: str, security: KafkaSecurity, *, delivery_seconds: float = DELIVERY_SECONDS) -> Any:
    """A producer that waits for every in-sync replica. Raises Unavailable while no broker answers."""
    return connected(
        KafkaProducer,
        bootstrap=bootstrap,
        security=security,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        batch_size=BATCH_BYTES,
        max_request_size=LARGEST_DEAD,
        # Metadata is fetched at the start: no later call waits long for it.
        max_block_ms=2000,
        request_timeout_ms=min(10_000, int(delivery_seconds * 1000) - 1),
        delivery_timeout_ms=int(delivery_seconds * 1000),
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )


def discard(used: Any) -> None:
    """Ends a producer that is not trusted any more, and its thread. What it holds is not acknowledged.

    None is trusted that did not deliver: once a batch ran out of time after it was sent, kafka-python 3.0 forgets the id of its
    producer and asks for no other, so that it settles nothing ever after; other errors make it refuse all that it is given.
    """
    # Told so first, as close() gives up before it stops a thread that waits for what never comes.
    used._sender.force_close()  # noqa: SLF001 - there is no public way
    with suppress(KafkaError):
        used.close(timeout=1)


class KafkaSink:
    """A Sink over a producer. Batches of many threads travel together.

    Its producer is made when it is first needed, so that a process can start before its broker.
    """

    def __init__(self, bootstrap: str, security: KafkaSecurity | None = None) -> None:
        self._bootstrap = bootstrap
        self._security = security or KafkaSecurity.plain()
        self._producer: Any = None
        self._opening = Lock()
        self._sending = Lock()
        self._spread = Spread()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publishes all and waits until every in-sync replica has them.

        Raises Unavailable otherwise, and Invalid for a message that is larger than its topic takes: then none was published.
        """
        if not messages:
            return
        check_sizes(messages)
        used = self._open()
        late = monotonic() + DELIVERY_SECONDS + LATE_SECONDS
        try:
            ended: SimpleQueue[Shipment[None]] = SimpleQueue()
            for _ in range(self._send(used, messages, ended)):
                # A little longer, so that it is late by then whatever the clocks round.
                _check(ended, max(0.0, late - monotonic()) + 0.1)
        except KafkaError as error:
            self._discard(used)
            raise Unavailable(f"not acknowledged: {type(error).__name__}") from error

    def _send(self, used: Any, messages: Sequence[Outgoing], ended: "SimpleQueue[Shipment[None]]") -> int:
        """Hands all over; how many shipments they are."""
        with self._sending, together(used):
            shipments = self._spread.load(used, ((message, None) for message in messages), ended.put)
            for shipment in shipments:
                shipment.depart(used)
        return len(shipments)

    def close(self) -> None:
        """Sends what is buffered, and ends."""
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=DELIVERY_SECONDS)

    def _discard(self, used: Any) -> None:
        """Has the producer made anew by the next publish. What other threads wait for fails, and is published again."""
        with self._opening:
            if self._producer is used:
                log.warning("the producer is made anew")
                self._producer = None
        discard(used)

    def _open(self) -> Any:
        with self._opening:
            if self._producer is None:
                self._producer = producer(self._bootstrap, self._security)
            return self._producer


def _check(ended: "SimpleQueue[Shipment[None]]", seconds: float) -> None:
    """Waits for one shipment. Raises KafkaError unless it is acknowledged in time."""
    try:
        shipment = ended.get(timeout=seconds)
    except Empty:
        raise KafkaTimeoutError("not acknowledged in time") from None
    if shipment.error is not None:
        raise shipment.error
    metrics.PUBLISHED.labels(shipment.at.topic).inc(len(shipment.owners))
