"""The keys that were published to topics and finished by their consumers: what the audit compares with the database."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, TypeAlias

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from octavo.domain.errors import Unavailable
from octavo.messaging.kafka.client import connected
from octavo.messaging.security import KafkaSecurity
from octavo.topics import Topic

STALL_SECONDS = 10.0
AT_ONCE = 200
"""Records that are read without a pause."""
MOST_A_SECOND = 5_000.0
"""How fast a reading with pauses is: a tenth of what a processor could do, so that whoever works beside it hardly notices."""
WITHIN_SECONDS = 20.0
"""A reading has no longer pauses in all, however much there is to be read."""

Pause: TypeAlias = Callable[[float], bool]
"""Waits so many seconds, and says whether the reading is to end early."""


def go_on(_seconds: float) -> bool:
    """The Pause of who has nobody beside it."""
    return False


@dataclass(frozen=True, slots=True)
class Published:
    """Keys of a topic, in the order of each partition, and those of its dead letters."""

    keys: Sequence[bytes]
    dead: frozenset[bytes]


class FinishedRecords:
    """Reads topics from a time on, up to what their consumers have committed; each reading goes on where the last one ended."""

    def __init__(self, bootstrap: str, security: KafkaSecurity, topics: Sequence[Topic[Any]], since: datetime) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._topics = topics
        self._since_ms = int(since.timestamp() * 1000)
        self._positions: dict[TopicPartition, int] = {}
        # Dead letters whose records were not read yet: they come first, and may be read in the reading before.
        self._early: dict[str, frozenset[bytes]] = {}
        self._reader: Any = None
        self._admin: Any = None

    def read(self, pause: Pause = go_on) -> Mapping[str, Published]:
        """What was finished since the last reading, by topic. Raises Unavailable while no broker answers."""
        positions = dict(self._positions)
        try:
            self._open()
            found = {topic.name: self._published(topic, pause) for topic in self._topics}
        # Asked for offsets while a broker comes back, kafka-python leaves partitions out, and stumbles over that.
        except (KafkaError, KeyError) as error:
            # What was read of the other topics goes with the error: it is read again.
            self._positions = positions
            self.close()
            raise Unavailable(f"topics can't be read: {type(error).__name__}") from error
        self._early = {name: one.dead.difference(one.keys) for name, one in found.items()}
        return found

    def close(self) -> None:
        """Ends the connections."""
        for client in (self._reader, self._admin):
            with suppress(KafkaError):
                if client is not None:
                    client.close()
        self._reader = self._admin = None

    def _open(self) -> None:
        options: dict[str, Any] = {"bootstrap": self._bootstrap, "security": self._security}
        if self._reader is None:
            self._reader = connected(
                KafkaConsumer,
                **options,
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                max_poll_records=AT_ONCE,
            )
        if self._admin is None:
            self._admin = connected(KafkaAdminClient, **options, request_timeout_ms=10_000)

    def _published(self, topic: Topic[Any], pause: Pause) -> Published:
        committed = self._admin.list_group_offsets({topic.group: None}).get(topic.group, {})
        ends = {
            one: offset.offset for one, offset in committed.items() if one.topic == topic.name and offset.offset >= 0
        }
        records = self._between(ends, pause)
        dead = [TopicPartition(topic.dead, number) for number in self._reader.partitions_for_topic(topic.dead) or ()]
        # Dead letters have positions of their own, kept from one reading to the next, too.
        died = self._between(self._reader.end_offsets(dead), go_on) if records else []
        return Published(records, self._early.get(topic.name, frozenset()).union(died))

    def _between(self, ends: Mapping[TopicPartition, int], pause: Pause) -> list[bytes]:
        new = [one for one in ends if one not in self._positions]
        if new:
            first = self._reader.offsets_for_times(dict.fromkeys(new, self._since_ms))
            latest = self._reader.end_offsets(new)
            self._positions |= {one: found.offset if (found := first.get(one)) else latest[one] for one in new}
        left = {one: end for one, end in ends.items() if self._positions[one] < end}
        self._reader.assign(list(left))
        for partition in left:
            self._reader.seek(partition, self._positions[partition])
        whole = sum(end - self._positions[one] for one, end in left.items())
        each = min(1 / MOST_A_SECOND, WITHIN_SECONDS / max(1, whole))
        read: list[bytes] = []
        deadline = monotonic() + STALL_SECONDS
        while left and monotonic() < deadline:
            polled = self._reader.poll(timeout_ms=500)
            for partition, records in polled.items():
                read += [one.key or b"" for one in records if one.offset < ends[partition]]
                self._positions[partition] = min(records[-1].offset + 1, ends[partition])
                if self._positions[partition] >= ends[partition]:
                    left.pop(partition, None)
                    self._reader.pause(partition)
                deadline = monotonic() + STALL_SECONDS
            if left and polled and pause(each * sum(map(len, polled.values()))):
                break
        return read
