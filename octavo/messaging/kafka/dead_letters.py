"""Dead letters, read back from Kafka by a consumer group of their reader's own, which remembers how far it came."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from octavo.domain.errors import Unavailable
from octavo.messaging import Record
from octavo.messaging.kafka.client import connected
from octavo.messaging.kafka.source import record_of
from octavo.messaging.security import KafkaSecurity
from octavo.topics import Topic

BATCH = 500
STALL_SECONDS = 30.0
"""How long records that are there may not come before Kafka counts as away."""


class DeadLetters:
    """The dead letters of a topic that nobody has passed yet, up to the end at the time when it was made."""

    def __init__(
        self, bootstrap: str, security: KafkaSecurity, topic: Topic[Any], *, since: datetime | None = None
    ) -> None:
        """`since` leaves out what died earlier. Raises Unavailable while Kafka is away, or lacks the topic."""
        self._consumer: Any = connected(
            KafkaConsumer,
            bootstrap=bootstrap,
            security=security,
            group_id=f"replay.{topic.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_poll_records=BATCH,
            metrics_enabled=False,
        )
        try:
            self._begin(topic.dead, since)
        except (KafkaError, KeyError) as error:
            self.close()
            raise _away(error) from error
        except Unavailable:
            self.close()
            raise

    def __len__(self) -> int:
        """How many there were when it was made."""
        return self._count

    def batches(self) -> Iterator[Sequence[Record]]:
        """All of them, in order. Raises Unavailable when the broker can't be asked."""
        deadline = monotonic() + STALL_SECONDS
        try:
            while any(self._consumer.position(one) < end for one, end in self._ends.items()):
                polled = self._consumer.poll(timeout_ms=500, max_records=BATCH)
                # What died after the start is left to the next reader: whatever dies again would else never end.
                batch = [
                    record_of(one) for of in polled.values() for one in of if one.offset < self._ends[_place_of(one)]
                ]
                if batch:
                    yield batch
                    deadline = monotonic() + STALL_SECONDS
                elif monotonic() > deadline:
                    raise Unavailable("dead letters can't be read: nothing comes")
        except KafkaError as error:
            raise _away(error) from error

    def passed(self, batch: Sequence[Record]) -> None:
        """Remembers that these are done: later readers begin behind them. Raises Unavailable if that can't be remembered."""
        ends = {TopicPartition(*one.partition): OffsetAndMetadata(one.offset + 1, "", -1) for one in batch}
        try:
            self._consumer.commit(ends, timeout_ms=10_000)
        except KafkaError as error:
            raise _away(error) from error

    def close(self) -> None:
        """Ends the connection."""
        with suppress(KafkaError):
            self._consumer.close(autocommit=False, timeout_ms=5000)

    def _begin(self, topic: str, since: datetime | None) -> None:
        consumer = self._consumer
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            raise Unavailable(f"{topic}: the broker has no such topic")
        consumer.assign(partitions)
        self._ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        starts = consumer.beginning_offsets(partitions)
        first = consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000))) if since else {}
        self._count = 0
        for one in partitions:
            start = max(starts[one], consumer.committed(one, timeout_ms=10_000) or 0)
            if since:
                start = max(start, first[one].offset if first.get(one) else self._ends[one])
            consumer.seek(one, start)
            self._count += max(0, self._ends[one] - start)


def _away(error: Exception) -> Unavailable:
    return Unavailable(f"dead letters can't be read: {type(error).__name__}")


def _place_of(record: Any) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
