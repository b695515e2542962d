"""What waits on each topic: read from Kafka itself, so that it is right while a consumer stands still or is gone."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from octavo import topics
from octavo.domain.errors import Unavailable
from octavo.messaging import Backlog
from octavo.messaging.kafka.client import connected
from octavo.messaging.security import KafkaSecurity

READ_SECONDS = 1.5
"""How long the oldest records are fetched; one that does not come in this time is left for the next reading."""


class KafkaBacklog:
    """Reads the backlog of every topic. Used by one thread."""

    def __init__(self, bootstrap: str, security: KafkaSecurity) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._admin: Any = None
        self._reader: Any = None

    def read(self) -> Sequence[Backlog]:
        """The backlog of each topic; and of each dead-letter topic, whatever is on it. Raises Unavailable."""
        try:
            self._open()
            return self._read()
        # Asked for offsets while a broker comes back, kafka-python leaves partitions out, and stumbles over that.
        except (KafkaError, KeyError) as error:
            self.close()
            raise Unavailable(f"the backlog can't be read: {type(error).__name__}") from error

    def close(self) -> None:
        """Ends the connections."""
        for client in (self._admin, self._reader):
            with suppress(KafkaError):
                if client is not None:
                    client.close()
        self._admin = self._reader = None

    def _open(self) -> None:
        if self._admin is None:
            self._admin = connected(
                KafkaAdminClient, bootstrap=self._bootstrap, security=self._security, request_timeout_ms=10_000
            )
        if self._reader is None:
            # Without a group: it neither joins nor commits anything.
            self._reader = connected(
                KafkaConsumer,
                bootstrap=self._bootstrap,
                security=self._security,
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=16 * 1024,
            )

    def _read(self) -> list[Backlog]:
        partitions = {name: self._partitions(name) for name in topics.names()}
        every = [one for of_topic in partitions.values() for one in of_topic]
        ends, starts = self._reader.end_offsets(every), self._reader.beginning_offsets(every)
        committed = self._admin.list_group_offsets([topic.group for topic in topics.ALL])
        behind: dict[str, dict[TopicPartition, int]] = {}
        for topic in topics.ALL:
            of_group = committed.get(topic.group, {})
            at = {one: _position(of_group.get(one), starts[one]) for one in partitions[topic.name]}
            behind[topic.name] = {one: offset for one, offset in at.items() if offset < ends[one]}
        written = self._written({one: offset for positions in behind.values() for one, offset in positions.items()})
        waiting = [
            Backlog(
                name,
                sum(ends[one] - offset for one, offset in positions.items()),
                min((written[one] for one in positions if one in written), default=None),
                {one.partition: offset for one, offset in positions.items()},
            )
            for name, positions in behind.items()
        ]
        dead = [
            Backlog(topic.dead, sum(ends[one] - starts[one] for one in partitions[topic.dead]), None)
            for topic in topics.ALL
        ]
        return waiting + dead

    def _partitions(self, name: str) -> list[TopicPartition]:
        return [TopicPartition(name, number) for number in sorted(self._reader.partitions_for_topic(name) or ())]

    def _written(self, positions: dict[TopicPartition, int]) -> dict[TopicPartition, datetime]:
        """When the record at each position was published."""
        found: dict[TopicPartition, datetime] = {}
        self._reader.assign(list(positions))
        # One that waited at the last reading, too, is still paused since then.
        self._reader.resume(*positions)
        for partition, offset in positions.items():
            self._reader.seek(partition, offset)
        deadline = monotonic() + READ_SECONDS
        while len(found) < len(positions) and monotonic() < deadline:
            for partition, records in self._reader.poll(timeout_ms=200).items():
                found.setdefault(partition, datetime.fromtimestamp(records[0].timestamp / 1000, UTC))
                self._reader.pause(partition)
        return found


def _position(committed: Any, start: int) -> int:
    """Where a group goes on: what it committed, or the first record if it has not yet."""
    offset = getattr(committed, "offset", committed)
    return max(start, offset) if isinstance(offset, int) and offset >= 0 else start
