"""Making the clients of kafka-python, with what all of them have in common."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from octavo.domain.errors import Unavailable
from octavo.messaging.security import RECONNECT, KafkaSecurity

BOOTSTRAP_SECONDS = 5.0
"""How long a broker is looked for in one attempt; a process that is told to stop waits no longer than this."""

CLIENT_ID = "octavo"
"""What brokers know all clients by."""
_BUSY_MS = 100.0


class _ProducerNetwork(KafkaNetClient):  # type: ignore[misc] # it has no annotations
    """The network of a producer: it waits for a busy broker, and takes away together what is handed over together.

    kafka-python 3.0 takes the seconds of this delay for milliseconds, and has none at all for a broker that is being connected
    to or has as many requests in flight as it may: then its thread spins, ten thousand times a second. Whatever happens on the
    network ends the wait.
    """

    _held = False
    _wanted = False

    def connection_delay(self, node_id: Any) -> float:
        """Milliseconds until it is worth while to look at this broker again."""
        return max(_BUSY_MS, 1000.0 * float(super().connection_delay(node_id)))

    def wakeup(self) -> None:
        """Wakes the producer's thread; after the handing over, while that goes on."""
        if self._held:
            self._wanted = True
        else:
            super().wakeup()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets the producer's thread sleep: the first record would wake it, and the others would need batches of their own."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._wanted:
                self._wanted = False
                super().wakeup()


def together(producer: Any) -> AbstractContextManager[None]:
    """Has all that is handed to a producer inside leave at once, in as few batches as can be. Used by one thread at a time."""
    if producer is None:
        return nullcontext()
    network: _ProducerNetwork = producer._sender._client  # noqa: SLF001 - there is no public way
    return network.held()


def leader_of(producer: Any, at: TopicPartition) -> int | None:
    """The broker that leads a partition, as far as a producer knows; None if it knows of none."""
    leader = producer._metadata.leader_for_partition(at)  # noqa: SLF001 - there is no public way
    return leader if leader is not None and leader >= 0 else None


def look_again(producer: Any) -> None:
    """Has a producer ask who leads what."""
    producer._metadata.request_update()  # noqa: SLF001 - there is no public way


def options_of(bootstrap: str, security: KafkaSecurity) -> dict[str, Any]:
    """What all clients of kafka-python have in common."""
    return {"bootstrap_servers": bootstrap.split(","), "client_id": CLIENT_ID, **RECONNECT, **security.options()}


def connected(
    kind: Callable[..., Any], *arguments: Any, bootstrap: str, security: KafkaSecurity, **options: Any
) -> Any:
    """A client of this kind that has reached a broker. Raises Unavailable if none answers within some seconds."""
    networks: list[Any] = []
    of_kind = _ProducerNetwork if kind is KafkaProducer else KafkaNetClient

    def network(**configuration: Any) -> Any:
        networks.append(of_kind(**configuration))
        return networks[-1]

    try:
        return kind(
            *arguments,
            bootstrap_timeout_ms=int(BOOTSTRAP_SECONDS * 1000),
            # New partitions are written and read after this at the latest.
            metadata_max_age_ms=30_000,
            kafka_client=network,
            **options_of(bootstrap, security),
            **options,
        )
    except KafkaError as error:
        # A constructor that fails leaves its thread and its sockets behind; whoever waits for a broker fails often.
        for left in networks:
            left.close()
        raise Unavailable(f"no broker answers: {type(error).__name__}") from error
