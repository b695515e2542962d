"""Kafka's Source, through kafka-python.

Defaults overridden on purpose: no automatic commits, from the earliest record, no automatic topics, short reconnects (a
broker that is back is found within a second or two), and fetches that keep to the memory of a small pod.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Event
from time import monotonic
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, IllegalStateError, KafkaError

from octavo.domain.errors import Unavailable
from octavo.messaging import Partition, Record
from octavo.messaging.kafka.client import connected
from octavo.messaging.kafka.corrections import finish_joins, look_calmly
from octavo.messaging.security import KafkaSecurity

FETCH_BYTES = 8 * 1024 * 1024
"""What one fetch brings at most, or one record if that is larger: a batch of large ones is small."""


class KafkaSource:
    """A Member of a consumer group. Made at the first poll, so that a process can start before its broker.

    Whoever neither polls nor holds for `most_seconds` loses its partitions to the other members; a process that is silent
    altogether, after `session_seconds`.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        *,
        security: KafkaSecurity | None = None,
        at_most: int = 500,
        most_seconds: float = 120,
        session_seconds: float = 10,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topics = tuple(topics)
        self._security = security or KafkaSecurity.plain()
        self._at_most = at_most
        self._most_seconds = most_seconds
        self._session_seconds = session_seconds
        self._consumer: Any = None
        self._owned: frozenset[Partition] = frozenset()
        self._changed: frozenset[Partition] = frozenset()
        self._losses = Losses()
        self._early: list[Record] = []

    def poll(self, seconds: float) -> Sequence[Record]:
        """The next records. Raises Unavailable while no broker answers."""
        if self._early:
            early, self._early = self._early, []
            return early
        consumer = self._open()
        try:
            polled = consumer.poll(timeout_ms=int(seconds * 1000), max_records=self._at_most)
        except KafkaError as error:
            raise Unavailable(f"can't poll: {type(error).__name__}") from error
        finally:
            self._note_ownership(consumer)
        return [record_of(record) for records in polled.values() for record in records]

    def commit(self, offsets: Mapping[Partition, int]) -> frozenset[Partition]:
        """Commits what still belongs to this member, and returns it. Raises Unavailable when the coordinator does not answer."""
        mine = offsets.keys() & self._owned
        if self._consumer is None or not mine:
            return frozenset()
        ends = {TopicPartition(*one): OffsetAndMetadata(offsets[one], "", -1) for one in mine}
        try:
            self._consumer.commit(ends, timeout_ms=10_000)
        except CommitFailedError:
            # The group moves on without this member, or joins anew. Whose the partitions are, the next poll knows.
            return frozenset()
        except KafkaError as error:
            raise Unavailable(f"can't commit: {type(error).__name__}") from error
        return frozenset(mine)

    def hold(self, seconds: float) -> None:
        """Waits with all partitions paused, polling on so that the group keeps this member."""
        until = monotonic() + seconds
        pause = Event()
        while (left := until - monotonic()) > 0:
            if self._consumer is None:
                pause.wait(left)
                continue
            try:
                self._consumer.pause(*self._consumer.assignment())
                # A partition that came in this moment is not paused yet: its records wait for the next poll.
                polled = self._consumer.poll(timeout_ms=int(min(left, 0.5) * 1000), max_records=self._at_most)
                # First: what it has of a partition that went goes with it, not what it reads of it now.
                self._note_ownership(self._consumer)
                self._early += [record_of(record) for records in polled.values() for record in records]
            except KafkaError:
                pause.wait(min(left, 0.5))
        if self._consumer is not None:
            with suppress(KafkaError):
                self._consumer.resume(*self._consumer.paused())
            self._note_ownership(self._consumer)

    @property
    def joined(self) -> bool:
        """Whether a broker has answered."""
        return self._consumer is not None

    def owned(self) -> frozenset[Partition]:
        """The partitions assigned at the last poll."""
        return self._owned

    def changed(self) -> frozenset[Partition]:
        """The partitions that came or went since this was asked last, as of the last poll."""
        changed, self._changed = self._changed, frozenset()
        return changed

    def close(self) -> None:
        """Leaves the group."""
        if self._consumer is not None:
            with suppress(KafkaError):
                self._consumer.close(autocommit=False, timeout_ms=5000)
            self._consumer = None

    def _open(self) -> Any:
        if self._consumer is None:
            self._consumer = connected(
                KafkaConsumer,
                bootstrap=self._bootstrap,
                security=self._security,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_poll_records=self._at_most,
                fetch_max_wait_ms=500,
                fetch_max_bytes=FETCH_BYTES,
                # A member that is killed is missed after this; work in hand is published and committed far sooner.
                session_timeout_ms=int(self._session_seconds * 1000),
                heartbeat_interval_ms=int(self._session_seconds * 200),
                max_poll_interval_ms=int(self._most_seconds * 1000),
                metrics_enabled=False,
            )
            finish_joins(self._consumer)
            look_calmly(self._consumer)
            self._consumer.subscribe(self._topics, listener=self._losses)
        return self._consumer

    def _note_ownership(self, consumer: Any) -> None:
        try:
            now = frozenset(Partition(p.topic, p.partition) for p in consumer.assignment())
        except (KafkaError, IllegalStateError):
            return
        # Put out of the group and in again within one poll, a member owns the same as before, and reads it anew.
        lost = (self._owned - now) | self._losses.taken()
        self._changed |= (self._owned ^ now) | lost
        self._owned = now
        if lost:
            self._early = [record for record in self._early if record.partition not in lost]


class Losses(ConsumerRebalanceListener):  # type: ignore[misc] # it has no annotations
    """Notes the partitions that a group took from a member which it had given up."""

    def __init__(self) -> None:
        self._lost: SimpleQueue[Partition] = SimpleQueue()

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing: one that stays with the member keeps its place, and the others are seen to be gone."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Nothing: they are seen to be there."""

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        """Notes them. Called by kafka-python's thread."""
        for one in lost:
            self._lost.put(Partition(one.topic, one.partition))

    def taken(self) -> frozenset[Partition]:
        """Those lost since this was asked last."""
        return frozenset(self._lost.get() for _ in range(self._lost.qsize()))


def record_of(record: Any) -> Record:
    """A record of kafka-python's, as ours."""
    return Record(
        Partition(record.topic, record.partition),
        record.offset,
        record.key or b"",
        record.value or b"",
        tuple(record.headers or ()),
        record.timestamp or 0,
    )
