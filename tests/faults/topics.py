"""What is on the topics and how far each group is: read beside the system, with clients of its own."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from octavo import topics
from octavo.domain.errors import Malformed
from tests.faults.evidence import Place, Position

GROUPS = {topic.group: topic.name for topic in topics.ALL if topic is not topics.JOBS}
"""Every consumer group that carries notifications, and its topic."""
EVERY_SECONDS = 1.0


class Watch:
    """Notes the position of every group, again and again, in a thread; and reads which notification each record names."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._positions: list[Position] = []
        self._admin: Any = None
        self._consumer: Any = None
        self._records: dict[tuple[str, int], list[tuple[int, UUID | None]]] = defaultdict(list)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._stop.set()
        self._thread.join()
        with self._reading:
            self._close()

    def positions(self, since: float, until: float) -> list[Position]:
        """What was noted between two times of the monotonic clock."""
        with self._lock:
            return [one for one in self._positions if since <= one.at <= until]

    def lag(self, groups: Iterable[str] = GROUPS) -> int:
        """How many records of these groups are not committed, as they stand now. Raises KafkaError."""
        wanted = set(groups)
        return sum(max(0, one.end - one.committed) for one in self._look() if one.place.group in wanted)

    def committed(self) -> dict[Place, int]:
        """The committed offset of every group and partition now. Raises KafkaError."""
        with self._asking() as admin:
            found = admin.list_group_offsets(dict.fromkeys(GROUPS))
        return {
            Place(group, partition.topic, partition.partition): stored.offset
            for group, offsets in found.items()
            for partition, stored in offsets.items()
            if stored.offset >= 0
        }

    def members(self) -> dict[str, frozenset[str]]:
        """The members of each group: one that lost its partitions comes back under another name. Raises KafkaError."""
        with self._asking() as admin:
            described = admin.describe_groups(list(GROUPS))
        return {group: frozenset(member["member_id"] for member in one["members"]) for group, one in described.items()}

    def skip(self, group: str) -> None:
        """Has a group, whose members have all left, go on behind what is there now. Raises KafkaError."""
        with self._asking() as admin:
            partitions = [TopicPartition(one.topic, one.partition) for one in self._all if one.group == group]
            ends = self._consumer.end_offsets(partitions)
            deadline = time.monotonic() + 30
            while True:
                try:
                    admin.alter_group_offsets(group, {one: OffsetAndMetadata(end, "", -1) for one, end in ends.items()})
                except KafkaError:
                    # A member that has just died is still missed.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)
                else:
                    return

    def records(self, seconds: float = 20.0) -> dict[tuple[str, int], list[tuple[int, UUID | None]]]:
        """Offset and notification of every record, by partition, up to the present ends. Raises KafkaError."""
        with self._asking():
            consumer = self._consumer
            ends = consumer.end_offsets(consumer.assignment())
            deadline = time.monotonic() + seconds
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for partition, records in consumer.poll(timeout_ms=200, max_records=5000).items():
                    self._records[partition.topic, partition.partition] += [
                        (record.offset, _named(record.topic, record.value)) for record in records
                    ]
                if time.monotonic() > deadline:
                    raise KafkaError("the topics could not be read in time")
            return dict(self._records)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            # While the broker is away there is nothing to note.
            with suppress(KafkaError):
                found = self._look()
                with self._lock:
                    self._positions += found

    def _look(self) -> list[Position]:
        committed = self.committed()
        with self._asking():
            ends = self._consumer.end_offsets([TopicPartition(place.topic, place.partition) for place in self._all])
        at = time.monotonic()
        return [
            Position(at, place, committed.get(place, 0), ends[TopicPartition(place.topic, place.partition)])
            for place in self._all
        ]

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """The admin client, for one at a time. Raises KafkaError, and makes all clients anew the next time."""
        with self._reading:
            try:
                yield self._clients()
            except (KafkaError, KeyError) as error:
                self._close()
                # Asked while a broker comes back, kafka-python stumbles over what it was not told.
                raise KafkaError(str(error)) from error

    def _close(self) -> None:
        for client in (self._admin, self._consumer):
            if client is not None:
                with suppress(KafkaError):
                    client.close()
        self._admin = self._consumer = None
        # A new consumer reads from the beginning.
        self._records.clear()

    def _clients(self) -> Any:
        """The clients, made when first needed."""
        if self._admin is None:
            self._admin = KafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=4000)
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._bootstrap, group_id=None, auto_offset_reset="earliest", request_timeout_ms=4000
            )
            partitions = [
                TopicPartition(topic, number)
                for topic in sorted(set(GROUPS.values()))
                for number in sorted(self._consumer.partitions_for_topic(topic) or ())
            ]
            self._consumer.assign(partitions)
            groups = {topic: group for group, topic in GROUPS.items()}
            self._all = [Place(groups[one.topic], one.topic, one.partition) for one in partitions]
        return self._admin


def _named(topic: str, value: bytes | None) -> UUID | None:
    """The notification that a record names; None if it names none, or can't be read."""
    try:
        message: Any = topics.BY_NAME[topic].decode(value)
    except Malformed:
        return None
    named: bytes = message.notification_id if topic == topics.RECEIPTS.name else message.id
    return UUID(bytes=named) if len(named) == 16 else None
