"""Connections that an event loop drives: what is sent on them costs no thread and no hand-over.

A batch that is not acknowledged by them, whatever the reason, is for the producer, which tries again as long as it may. So
nothing here retries, looks for leaders, or decides which errors pass.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from socket import socket
from ssl import SSLSocket, SSLWantReadError, SSLWantWriteError
from threading import Thread
from time import monotonic
from typing import Generic

import structlog
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from octavo.messaging.kafka.connection import Connection
from octavo.messaging.kafka.shipment import O, Shipment

log = structlog.get_logger()

AGAIN_SECONDS = 1.0
"""A broker that can't be connected to is tried again after this, once there is something for it."""
IDLE_SECONDS = 240.0
"""A connection that was not used for so long is not trusted: brokers, and what is between, end those that are idle."""
MOST_UNDER_WAY = 5
"""Requests to one broker. It takes those of a connection one after the other, each with the wait for its replicas: where that
takes longer than a departure, what comes is for the producer, which makes one request of all that waits.
"""
MOST_IN_REQUEST = 8
READ_BYTES = 64 * 1024
_LATER = (BlockingIOError, InterruptedError, SSLWantReadError, SSLWantWriteError)


class LoopConnections(Generic[O]):
    """Connections to brokers, each opened when there is something for it. Used by one event loop, which they never block.

    `connect` opens one, in a thread. `returned` is called with what was sent and not acknowledged, `settled` whenever some
    shipments were told of.
    """

    def __init__(
        self,
        connect: Callable[[int], Connection[O]],
        returned: Callable[[Shipment[O]], None],
        settled: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._returned = returned
        self._settled = settled
        self._open: dict[int, _Looped[O]] = {}
        self._not_before: dict[int, float] = {}
        self._closed = False

    def send(self, shipments: Sequence[Shipment[O]], node: int) -> list[Shipment[O]]:
        """Sends these to one broker; returns those for which there is no connection now, or no room on it."""
        one = self._open.get(node)
        if one is not None and one.is_stale:
            self.lose(one, "idle")
            one = None
        if one is None:
            if not self._closed:
                self._begin(node)
            return list(shipments)
        left: list[Shipment[O]] = []
        for together in _requests(shipments):
            if len(one.connection.under_way) < MOST_UNDER_WAY:
                one.send(together)
            else:
                left += together
        return left

    def give_up(self, since: float) -> bool:
        """Ends what was made before this moment, and its connections: a broker that is silent for so long is no use.

        Whether there was such a one.
        """

        def tell(shipment: Shipment[O]) -> None:
            if shipment.since < since:
                shipment.end(KafkaTimeoutError("no answer"))
            else:
                self._returned(shipment)

        silent = [one for one in self._open.values() if one.oldest < since]
        for one in silent:
            log.warning("a broker does not answer", node=one.connection.node)
            self._end(one, tell)
        return bool(silent)

    def close(self) -> None:
        """Ends all connections, and what is under way."""
        self._closed = True
        for one in list(self._open.values()):
            self._end(one, lambda shipment: shipment.end(KafkaConnectionError("closed")))

    def _begin(self, node: int) -> None:
        now = monotonic()
        if self._not_before.get(node, 0.0) > now:
            return
        loop = asyncio.get_running_loop()

        def connect() -> None:
            made: Connection[O] | None = None
            try:
                made = self._connect(node)
            except Exception as error:  # noqa: BLE001 - whatever it is, the producer goes on, and another attempt is made
                log.warning("no connection of its own to a broker", node=node, error=type(error).__name__)
            try:
                loop.call_soon_threadsafe(self._begun, node, made)
            except RuntimeError:
                # The loop has ended meanwhile.
                if made is not None:
                    made.close()

        Thread(target=connect, name="kafka-connecting", daemon=True).start()
        self._not_before[node] = float("inf")

    def _begun(self, node: int, made: Connection[O] | None) -> None:
        self._not_before[node] = monotonic() + AGAIN_SECONDS
        if made is None:
            return
        if self._closed:
            made.close()
            return
        self._open[node] = _Looped(made, self)

    def tell(self, answers: Iterable[tuple[Shipment[O], int]]) -> None:
        """Tells of what was acknowledged; what was not is returned. Raises what the answers raise."""
        try:
            for shipment, code in answers:
                if code:
                    self._returned(shipment)
                else:
                    shipment.end()
        finally:
            self._settled()

    def lose(self, one: "_Looped[O]", why: str) -> None:
        """Ends a connection that is no use any more, and returns what was under way on it."""
        if self._open.get(one.connection.node) is not one:
            return
        if one.connection.under_way:
            log.warning("a connection to a broker was lost", node=one.connection.node, error=why)
        self._end(one, self._returned)

    def _end(self, one: "_Looped[O]", tell: Callable[[Shipment[O]], None]) -> None:
        """Ends a connection; what was under way on it is told of so."""
        del self._open[one.connection.node]
        one.stop()
        for shipment in one.connection.close():
            tell(shipment)
        self._settled()


class _Looped(Generic[O]):
    """One connection, and the loop's eyes on it."""

    def __init__(self, connection: Connection[O], owner: LoopConnections[O]) -> None:
        self.connection = connection
        self._owner = owner
        self._unsent = bytearray()
        self._writes = False
        self._loop = asyncio.get_running_loop()
        self._socket = connection.socket
        self._socket.settimeout(0)
        self._descriptor = self._socket.fileno()
        self._loop.add_reader(self._descriptor, self._read)

    @property
    def oldest(self) -> float:
        """Since when something waits for its answer; never, if nothing does."""
        under_way = self.connection.under_way
        return min(shipment.since for shipment in under_way[0]) if under_way else float("inf")

    @property
    def is_stale(self) -> bool:
        """Whether nothing was sent for so long that the connection is not trusted."""
        return not self.connection.under_way and monotonic() - self.connection.used > IDLE_SECONDS

    def send(self, shipments: Sequence[Shipment[O]]) -> None:
        """Writes them as one request, or keeps it until it can be written."""
        self._unsent += self.connection.request(shipments)
        if not self._writes:
            self._write()

    def stop(self) -> None:
        """Looks no more."""
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except _LATER:
            if not self._writes:
                self._loop.add_writer(self._descriptor, self._write)
                self._writes = True
            return
        except OSError as error:
            # Not at once: who sends is in the middle of something.
            self._loop.call_soon(self._owner.lose, self, type(error).__name__)
        if self._writes:
            self._loop.remove_writer(self._descriptor)
            self._writes = False

    def _read(self) -> None:
        try:
            while read := self._socket.recv(READ_BYTES):
                self._owner.tell(self.connection.answers(read))
                if not _pending(self._socket):
                    return
            self._owner.lose(self, "it was closed")
        except _LATER:
            return
        except (KafkaError, OSError) as error:
            self._owner.lose(self, type(error).__name__)


def _requests(shipments: Sequence[Shipment[O]]) -> list[list[Shipment[O]]]:
    """What goes together in one request: one shipment of each partition, as many as there is room for."""
    requests: list[list[Shipment[O]]] = []
    for shipment in shipments:
        for together in requests:
            if len(together) < MOST_IN_REQUEST and all(one.at != shipment.at for one in together):
                together.append(shipment)
                break
        else:
            requests.append([shipment])
    return requests


def _pending(of: socket) -> int:
    """Bytes that TLS has read from the network, so that nobody tells of them any more."""
    return of.pending() if isinstance(of, SSLSocket) else 0
