"""Where messages go, and the shipments that they make."""

import random
from collections.abc import Callable, Iterable
from typing import Any

from kafka import TopicPartition

from octavo.messaging.kafka.shipment import O, Shipment
from octavo.topics import Outgoing, spreads


class Spread:
    """One partition of each topic for all that is published in a turn, the next one in the next turn.

    Used by one thread at a time.
    """

    def __init__(self) -> None:
        # Processes that start together do not all begin with the same partition.
        self._turn = random.randrange(1_000)  # noqa: S311
        self._chosen: dict[str, TopicPartition] = {}

    def load(
        self, producer: Any, messages: Iterable[tuple[Outgoing, O]], tell: Callable[[Shipment[O]], None]
    ) -> list[Shipment[O]]:
        """A turn: messages, each with its owner, as shipments for a producer of kafka-python.

        Raises KafkaError if a topic is not known: then nothing is to be handed over.
        """
        self._turn += 1
        self._chosen.clear()
        loaded: list[Shipment[O]] = []
        latest: dict[TopicPartition, Shipment[O]] = {}
        for message, owner in messages:
            at = self._chosen.get(message.topic) or self._place(producer, message)
            shipment = latest.get(at)
            if shipment is None or not shipment.load(message, owner):
                shipment = latest[at] = Shipment(at, tell)
                shipment.load(message, owner)
                loaded.append(shipment)
        return loaded

    def _place(self, producer: Any, message: Outgoing) -> TopicPartition:
        """Where a message goes: where all of its topic go in this turn, or where its key says."""
        # Waits for what is not known yet, for both.
        known = producer.partitions_for(message.topic)
        if not spreads(message.topic):
            key = message.key
            number = producer._partition(message.topic, None, key, None, key, None)  # noqa: SLF001 - there is no public way
            return TopicPartition(message.topic, number)
        partitions = sorted(known)
        at = self._chosen[message.topic] = TopicPartition(message.topic, partitions[self._turn % len(partitions)])
        return at
