"""The consumer loop, and what it needs of a broker: a Source to read from and a Sink to publish to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from octavo.topics import Outgoing


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


class Place(NamedTuple):
    """Where a record stands."""

    partition: Partition
    offset: int


class Record(NamedTuple):
    """What a source yields: a value and where it stands."""

    partition: Partition
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits on a topic: records that its consumers have not finished, and when the oldest was published (if known)."""

    topic: str
    records: int
    oldest: datetime | None
    positions: Mapping[int, int] = field(default_factory=dict)
    """Of each partition that is behind, the record that its consumer goes on with."""


class Source(Protocol):
    """Where records come from. Used by one thread."""

    def poll(self, seconds: float) -> Sequence[Record]:
        """The next records, in order within a partition; empty if none came within so many seconds.

        Raises Unavailable when the broker can't be asked.
        """

    def commit(self, offsets: Mapping[Partition, int]) -> object:
        """Says that all below these offsets is done. Raises Unavailable when the broker does not answer."""

    def hold(self, seconds: float) -> None:
        """Waits without reading on, and stays a member of the group meanwhile."""

    def close(self) -> None:
        """Leaves the group, so that another member takes over at once."""


class Member(Source, Protocol):
    """A source that shares its topics with others of its group, and tells which partitions it has."""

    def commit(self, offsets: Mapping[Partition, int]) -> frozenset[Partition]:
        """Says that all below these offsets is done. Returns the partitions for which this is noted now.

        One that belongs to another member by now is left out: its new owner handles the records again. None is noted while the
        group divides its partitions anew.
        Raises Unavailable when the broker does not answer.
        """

    def changed(self) -> frozenset[Partition]:
        """The partitions that came or went since this was asked last: they are read from what is committed for them.

        Also one that went and came back meanwhile.
        """


class Sink(Protocol):
    """Where messages go. Used by many threads."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publishes all and waits until every in-sync replica has them.

        Raises Unavailable if any was not acknowledged; some may be there nevertheless. Raises Invalid for a message that is
        larger than its topic takes, which no later try makes smaller: then none was published.
        """
