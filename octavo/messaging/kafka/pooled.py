"""Connections that threads take for a batch and give back: what is sent on them is answered in the same thread.

As in `looped.py`, what is not acknowledged is for the producer.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic
from typing import Generic

import structlog
from kafka.errors import KafkaConnectionError, KafkaError

from octavo.messaging.kafka.connection import READ_BYTES, Connection
from octavo.messaging.kafka.shipment import O, Shipment

log = structlog.get_logger()

AGAIN_SECONDS = 5.0
"""A broker that can't be connected to is tried again after this: whoever publishes waits for the attempt."""
IDLE_SECONDS = 240.0
"""A connection that was not used for so long is not trusted: brokers and what is between end those that are idle."""


class PooledConnections(Generic[O]):
    """Connections to brokers, as many to each as threads publish at once. Used by any number of threads."""

    def __init__(self, connect: Callable[[int], Connection[O]], answer_seconds: float) -> None:
        self._connect = connect
        self._answer_seconds = answer_seconds
        self._lock = Lock()
        self._idle: dict[int, list[Connection[O]]] = {}
        self._not_before: dict[int, float] = {}
        self._closed = False

    def send(self, shipments: Sequence[Shipment[O]], node: int) -> list[Shipment[O]]:
        """Sends these to one broker, and waits for its answers; returns what it did not acknowledge, which is there or not."""
        acknowledged: set[Shipment[O]] = set()
        if connection := self._take(node):
            try:
                self._exchange(connection, shipments, acknowledged)
            except (KafkaError, OSError) as error:
                log.warning("a connection to a broker was lost", node=node, error=type(error).__name__)
                connection.close()
            else:
                self._give(connection)
        return [shipment for shipment in shipments if shipment not in acknowledged]

    def close(self) -> None:
        """Ends the connections; those that are in use, once they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, {}
        for connection in [one for of_node in idle.values() for one in of_node]:
            connection.close()

    def _exchange(
        self, connection: Connection[O], shipments: Sequence[Shipment[O]], acknowledged: set[Shipment[O]]
    ) -> None:
        for shipment in shipments:
            connection.socket.sendall(connection.request(shipment))
        while connection.under_way:
            read = connection.socket.recv(READ_BYTES)
            if not read:
                raise KafkaConnectionError("it was closed")
            for shipment, code in connection.answers(read):
                if not code:
                    acknowledged.add(shipment)
                    shipment.end()

    def _take(self, node: int) -> Connection[O] | None:
        """A connection that nobody else uses; None if there can't be one now."""
        with self._lock:
            idle = self._idle.get(node)
            while idle:
                taken = idle.pop()
                if monotonic() - taken.used < IDLE_SECONDS:
                    return taken
                taken.close()
            if self._closed or self._not_before.get(node, 0.0) > monotonic():
                return None
        try:
            made = self._connect(node)
        except (KafkaError, OSError) as error:
            log.warning("no connection of its own to a broker", node=node, error=type(error).__name__)
            self._not_before[node] = monotonic() + AGAIN_SECONDS
            return None
        made.socket.settimeout(self._answer_seconds)
        return made

    def _give(self, connection: Connection[O]) -> None:
        with self._lock:
            if not self._closed:
                self._idle.setdefault(connection.node, []).append(connection)
                return
        connection.close()
