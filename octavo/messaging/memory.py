"""A broker in memory, for tests: the same promises as Kafka's source and sink, and switches to break them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from octavo.domain.errors import Unavailable
from octavo.messaging import Partition, Record
from octavo.topics import Outgoing


class Broker:
    """Topics of one partition each, kept in lists. It is a Sink itself."""

    def __init__(self) -> None:
        self.records: dict[str, list[Record]] = defaultdict(list)
        self.committed: dict[tuple[str, Partition], int] = {}
        self.refuse_publish = 0
        self.refuse_commit = 0
        self.pass_over_commit = 0

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Appends the messages. Raises Unavailable for as many calls as `refuse_publish` says."""
        if self.refuse_publish:
            self.refuse_publish -= 1
            raise Unavailable("the broker refuses")
        for message in messages:
            log = self.records[message.topic]
            log.append(
                Record(Partition(message.topic, 0), len(log), message.key, message.value, message.headers, 0),
            )

    def values(self, topic: str) -> list[bytes]:
        """What is on a topic."""
        return [record.value for record in self.records[topic]]

    def source(self, group: str, *topics: str, at_most: int = 500) -> "MemorySource":
        """A new member of a group, starting at what the group committed."""
        return MemorySource(self, group, topics, at_most)


class MemorySource:
    """A Member of a group of its own, over a Broker."""

    def __init__(self, broker: Broker, group: str, topics: Sequence[str], at_most: int) -> None:
        self._broker = broker
        self._group = group
        self._topics = topics
        self._at_most = at_most
        self._position: dict[Partition, int] = {}
        self._changed: frozenset[Partition] = frozenset()
        self.comes()
        self.held: list[float] = []
        self.closed = False

    def poll(self, seconds: float) -> Sequence[Record]:  # noqa: ARG002 - nothing is waited for
        """The next records of all topics."""
        batch: list[Record] = []
        for one, start in self._position.items():
            records = self._broker.records[one.topic][start : start + self._at_most - len(batch)]
            self._position[one] = start + len(records)
            batch += records
        return batch

    def commit(self, offsets: Mapping[Partition, int]) -> frozenset[Partition]:
        """Keeps the offsets of what it reads.

        Keeps none for as many calls as the broker's `pass_over_commit` says, and raises Unavailable for as many as its
        `refuse_commit` says.
        """
        if self._broker.refuse_commit:
            self._broker.refuse_commit -= 1
            raise Unavailable("the broker refuses")
        if self._broker.pass_over_commit:
            self._broker.pass_over_commit -= 1
            return frozenset()
        mine = frozenset(offsets.keys() & self._position.keys())
        self._broker.committed |= {(self._group, one): offsets[one] for one in mine}
        return mine

    def hold(self, seconds: float) -> None:
        """Notes the wait instead of waiting."""
        self.held.append(seconds)

    def changed(self) -> frozenset[Partition]:
        """What went or came, as a test says: a group in memory has one member."""
        changed, self._changed = self._changed, frozenset()
        return changed

    def goes(self) -> None:
        """All partitions go to another member."""
        self._changed |= self._position.keys()
        self._position = {}

    def comes(self) -> None:
        """All partitions come, and are read from what is committed."""
        partitions = [Partition(topic, 0) for topic in self._topics]
        self._position = {one: self._broker.committed.get((self._group, one), 0) for one in partitions}
        self._changed |= self._position.keys()

    def close(self) -> None:
        """Ends."""
        self.closed = True
