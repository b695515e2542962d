"""Publishing from an event loop: what the api needs of a broker, and a publisher in memory for tests."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from octavo.domain.errors import Unavailable
from octavo.messaging import Sink
from octavo.topics import Outgoing


class NotSent(Unavailable):
    """Certainly nothing went out: what was charged for it can be given back."""


class Publisher(Protocol):
    """Where messages go. Used by one event loop, which it never blocks."""

    def publish(self, messages: Sequence[Outgoing]) -> Awaitable[None]:
        """Publishes all; what it returns is done once every in-sync replica has them.

        Raises NotSent if none went out, Unavailable if any was not acknowledged; some may be there nevertheless. Raises Invalid
        for a message that is larger than its topic takes: then none went out.
        """


class SinkPublisher:
    """A Publisher over a Sink that never waits, such as the broker in memory."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publishes all. Raises Unavailable as the sink does."""
        self._sink.publish(messages)
