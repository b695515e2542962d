"""Which offsets may be committed while records end in any order: those below the lowest unfinished one (invariant I8)."""

from collections.abc import Iterable, Mapping
from threading import Lock

from octavo.messaging import Partition, Place


class Offsets:
    """How far a source was read, and which of its records are unfinished. Safe for threads."""

    def __init__(self) -> None:
        self._unfinished: dict[Partition, dict[int, int]] = {}
        self._bytes = 0
        self._reached: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """How many records are unfinished."""
        with self._lock:
            return sum(map(len, self._unfinished.values()))

    @property
    def bytes(self) -> int:
        """How much memory the unfinished records keep."""
        return self._bytes

    def begin(self, sizes: Mapping[Place, int]) -> None:
        """Notes records whose end comes later, before the end of their batch is reached, and the bytes that each keeps."""
        with self._lock:
            for (partition, offset), size in sizes.items():
                there = self._unfinished.setdefault(partition, {})
                self._bytes += size - there.get(offset, 0)
                there[offset] = size

    def finish(self, places: Iterable[Place]) -> None:
        """Notes that all about these is done and durable. One of a partition that was lost since is passed over."""
        with self._lock:
            for partition, offset in places:
                self._bytes -= self._unfinished.get(partition, {}).pop(offset, 0)

    def reach(self, ends: Mapping[Partition, int]) -> None:
        """Notes that all below these offsets is finished, but for what was begun."""
        with self._lock:
            self._reached.update(ends)

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that belong to another member now: it handles their records again."""
        with self._lock:
            for partition in partitions:
                self._bytes -= sum(self._unfinished.pop(partition, {}).values())
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
