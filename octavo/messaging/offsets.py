"""Which offsets may be committed while records end in any order: those below the lowest unfinished one (invariant I8)."""

from collections.abc import Iterable, Mapping
from threading import Lock

from octavo.messaging import Partition, Record


class Offsets:
    """How far a source was read, and which of its records are unfinished. Safe for threads."""

    def __init__(self) -> None:
        self._unfinished: dict[Partition, set[int]] = {}
        self._reached: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """How many records are unfinished."""
        with self._lock:
            return sum(map(len, self._unfinished.values()))

    def begin(self, records: Iterable[Record]) -> None:
        """Notes records whose end comes later, before the end of their batch is reached."""
        with self._lock:
            for record in records:
                self._unfinished.setdefault(record.partition, set()).add(record.offset)

    def finish(self, records: Iterable[Record]) -> None:
        """Notes that all about these is done and durable. One of a partition that was lost since is passed over."""
        with self._lock:
            for record in records:
                self._unfinished.get(record.partition, set()).discard(record.offset)

    def reach(self, ends: Mapping[Partition, int]) -> None:
        """Notes that all below these offsets is finished, but for what was begun."""
        with self._lock:
            self._reached.update(ends)

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that belong to another member now: it handles their records again."""
        with self._lock:
            for partition in partitions:
                self._unfinished.pop(partition, None)
                self._reached.pop(partition, None)
                self._committed.pop(partition, None)

    def to_commit(self) -> Mapping[Partition, int]:
        """The offsets that moved since they were last committed."""
        with self._lock:
            # The lowest, not the first that was begun: a partition may be read again from an earlier offset.
            ends = {
                partition: min((reached, *self._unfinished.get(partition, ())))
                for partition, reached in self._reached.items()
            }
            return {partition: end for partition, end in ends.items() if self._committed.get(partition) != end}

    def are_behind(self) -> bool:
        """Whether there is anything to commit, now or once all is finished."""
        with self._lock:
            return self._committed != self._reached

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Notes what was committed."""
        with self._lock:
            self._committed.update({p: offset for p, offset in offsets.items() if p in self._reached})
