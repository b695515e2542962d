"""Which partition a batch goes to, for the topics whose records may go to any."""

import random
from typing import Any

from octavo.topics import Outgoing, spreads


class Spread:
    """One partition of each topic for all that is published in a turn, the next one in the next turn.

    Used by one thread at a time.
    """

    def __init__(self) -> None:
        # Processes that start together do not all begin with the same partition.
        self._turn = random.randrange(1_000)  # noqa: S311
        self._chosen: dict[str, int | None] = {}

    def turn(self) -> None:
        """Goes on to the next partitions."""
        self._turn += 1
        self._chosen.clear()

    def send(self, producer: Any, message: Outgoing) -> Any:
        """Hands a message to a producer of kafka-python; what tells how it ended. Raises what the producer raises."""
        return producer.send(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            partition=self._partition(producer, message.topic),
        )

    def _partition(self, producer: Any, topic: str) -> int | None:
        """Where a record of this topic goes in this turn; None if its key decides."""
        if topic not in self._chosen:
            partitions = sorted(producer.partitions_for(topic) or ()) if spreads(topic) else ()
            self._chosen[topic] = partitions[self._turn % len(partitions)] if partitions else None
        return self._chosen[topic]
