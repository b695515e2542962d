"""A connection to one broker that carries nothing but produce requests, written and read by whoever publishes (ADR 0035).

kafka-python opens it: addresses, TLS, SASL and versions are its business, and so are the bytes of requests and answers. Its
thread, its selector and its lines of batches are left out: they cost a batch more than all else on its way to the broker.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from selectors import EVENT_READ, EVENT_WRITE
from socket import socket
from time import monotonic
from typing import Any, Generic

from kafka.errors import KafkaConnectionError
from kafka.net.compat import KafkaNetClient
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.producer import ProduceRequest

from octavo.messaging.kafka.client import CLIENT_ID, options_of
from octavo.messaging.kafka.shipment import O, Shipment
from octavo.messaging.security import KafkaSecurity

OPENING_SECONDS = 3.0
"""How long each of the two steps may take in which a broker is connected to: finding it, and connecting."""
_EVERY_IN_SYNC_REPLICA = -1
_LATEST = 9
"""The latest version of the request that kafka-python's own producer uses."""
_TOPIC = ProduceRequest.TopicProduceData
_PARTITION = _TOPIC.PartitionProduceData


class Connection(Generic[O]):
    """What is on its way to one broker. Used by one thread at a time.

    A broker answers requests in their order, so the oldest one that is under way is answered next.
    """

    def __init__(self, node: int, connected: socket, version: int, answer_seconds: float) -> None:
        """`version` is that of the requests; a broker that waits for its replicas longer than `answer_seconds` says so."""
        self.node = node
        self.socket = connected
        self.under_way: deque[Sequence[Shipment[O]]] = deque()
        self.used = monotonic()
        self._timeout_ms = int(answer_seconds * 1000)
        self._parser = KafkaProtocol(client_id=CLIENT_ID)
        self._version = version

    def request(self, shipments: Sequence[Shipment[O]]) -> bytes:
        """One request, to be written, for shipments of as many partitions; they are under way from now on."""
        self.used = monotonic()
        topics: dict[str, list[Any]] = {}
        for shipment in shipments:
            of_partition = _PARTITION(index=shipment.at.partition, records=shipment.records())
            topics.setdefault(shipment.at.topic, []).append(of_partition)
        request = ProduceRequest(
            transactional_id=None,
            acks=_EVERY_IN_SYNC_REPLICA,
            timeout_ms=self._timeout_ms,
            topic_data=[_TOPIC(name=name, partition_data=partitions) for name, partitions in topics.items()],
        )
        request.API_VERSION = self._version
        self._parser.send_request(request)
        self.under_way.append(shipments)
        written: bytes = self._parser.send_bytes()
        return written

    def answers(self, read: bytes) -> Iterator[tuple[Shipment[O], int]]:
        """What is answered by these bytes, and each one's error code, which is 0 for none.

        Raises KafkaConnectionError for what is no answer.
        """
        for answer in self._read(read):
            codes = {
                (of.name, one.index): int(one.error_code) for of in answer.responses for one in of.partition_responses
            }
            if codes.keys() != {shipment.at for shipment in self.under_way[0]}:
                raise KafkaConnectionError("not what was sent is answered")
            for shipment in self.under_way.popleft():
                yield shipment, codes[shipment.at]

    def close(self) -> list[Shipment[O]]:
        """Ends it; what was under way, which may be there or not."""
        with suppress(OSError):
            self.socket.close()
        left = [shipment for shipments in self.under_way for shipment in shipments]
        self.under_way.clear()
        return left

    def _read(self, read: bytes) -> list[Any]:
        try:
            return [response for _, response in self._parser.receive_bytes(read)]
        except Exception as error:
            # Bytes that are no answer are stumbled over anywhere.
            raise KafkaConnectionError(f"no answer can be read: {type(error).__name__}") from error


def connect(bootstrap: str, security: KafkaSecurity, node: int, answer_seconds: float) -> Connection[Any]:
    """Connects to this broker, as far as it takes till requests may be sent. Raises KafkaError or OSError if it can't be."""
    most_ms = int(OPENING_SECONDS * 1000)
    client = KafkaNetClient(
        socket_connection_setup_timeout_ms=most_ms,
        request_timeout_ms=most_ms,
        **options_of(bootstrap, security),
    )
    with closing(client):
        # Not by its `bootstrap`, which waits for a TLS handshake however long that takes.
        found = client._manager.bootstrap_async(timeout_ms=most_ms)  # noqa: SLF001 - there is no public way, here and below
        client.poll(timeout_ms=most_ms, future=found)
        if not found.is_done:
            raise KafkaConnectionError("no broker answers")
        if found.exception is not None:
            raise found.exception
        client.await_ready(node, timeout_ms=most_ms)
        opened = client._manager._conns[node]  # noqa: SLF001
        deadline = monotonic() + OPENING_SECONDS
        while opened.in_flight_requests:
            # A question of the client's own: its answer is not for who takes the connection over.
            if monotonic() > deadline:
                raise KafkaConnectionError("the broker does not answer")
            client.poll(timeout_ms=50)
        taken = _taken(client, opened.transport)
        return Connection(
            node, taken, opened.broker_version_data.api_version(ProduceRequest, max_version=_LATEST), answer_seconds
        )


def _taken(client: KafkaNetClient, transport: Any) -> socket:
    """The socket of a connection, which the client neither reads nor closes any more. Raises KafkaError if there is none."""
    if transport is None or transport._sock is None:  # noqa: SLF001
        raise KafkaConnectionError("the broker has gone")
    taken: socket = transport._sock  # noqa: SLF001
    client._net.unregister_event(taken, EVENT_READ | EVENT_WRITE)  # noqa: SLF001
    transport._sock = None  # noqa: SLF001
    return taken
