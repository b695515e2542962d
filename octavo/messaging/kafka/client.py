"""Making the clients of kafka-python, with what all of them have in common."""

from collections.abc import Callable
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient

from octavo.domain.errors import Unavailable
from octavo.messaging.security import RECONNECT, KafkaSecurity

BOOTSTRAP_SECONDS = 5.0
"""How long a broker is looked for in one attempt; a process that is told to stop waits no longer than this."""


def connected(
    kind: Callable[..., Any], *arguments: Any, bootstrap: str, security: KafkaSecurity, **options: Any
) -> Any:
    """A client of this kind that has reached a broker. Raises Unavailable if none answers within some seconds."""
    networks: list[Any] = []

    def network(**configuration: Any) -> Any:
        networks.append(KafkaNetClient(**configuration))
        return networks[-1]

    try:
        return kind(
            *arguments,
            bootstrap_servers=bootstrap.split(","),
            bootstrap_timeout_ms=int(BOOTSTRAP_SECONDS * 1000),
            client_id="octavo",
            kafka_client=network,
            **RECONNECT,
            **security.options(),
            **options,
        )
    except KafkaError as error:
        # A constructor that fails leaves its thread and its sockets behind; whoever waits for a broker fails often.
        for left in networks:
            left.close()
        raise Unavailable(f"no broker answers: {type(error).__name__}") from error


def passes(error: BaseException) -> bool:
    """Whether a producer gets over an error by itself.

    Any other puts an idempotent producer of kafka-python into a state in which it refuses all that it is given from then on.
    """
    return bool(getattr(error, "retriable", False)) or isinstance(error, KafkaTimeoutError)
