"""A Source that commits now and then, and whose records may end later and in any order, as calls to a provider do."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic

import structlog

from octavo.domain.errors import Unavailable
from octavo.messaging import Member, Partition, Place, Record
from octavo.messaging.offsets import Offsets

log = structlog.get_logger()

COMMIT_SECONDS = 0.5
SOON_SECONDS = 0.1
"""For consumers that get through thousands a second: how much waits is read from what they committed."""
FULL_SECONDS = 0.02
"""How long nothing is read when too many records are unfinished."""
ROOM_SECONDS = 60.0
"""Longest wait for room in the middle of a batch."""
MOST_BYTES = 16_000_000
"""What unfinished records keep in memory, about: an email may have megabytes, and what calls a provider copies it some times."""
CLOSE_SECONDS = 25.0
"""Longest wait for unfinished records when the source is closed: longer than a provider call and its recording."""


class Deferred:
    """Reads from another source; commits up to the lowest unfinished record, now and then.

    The handler calls `begin` for the records that it hands on; whoever ends them calls `finish`, from any thread. What is not
    begun ends with its batch.
    """

    def __init__(self, source: Member, at_most: int, commit_seconds: float = COMMIT_SECONDS, *, batch: int = 1) -> None:
        """`at_most` records are unfinished at a time, of which the source yields `batch` at once.

        Once they keep `MOST_BYTES`, no more is begun.
        """
        self._source = source
        self._room = at_most - batch
        self._every = commit_seconds
        self._offsets = Offsets()
        self._last_commit = monotonic()

    @property
    def unfinished(self) -> int:
        """How many records are under way."""
        return len(self._offsets)

    def begin(self, sizes: Mapping[Place, int]) -> None:
        """Notes records that end later, and the bytes of memory that each keeps till then."""
        self._offsets.begin(sizes)

    def finish(self, places: Sequence[Place]) -> None:
        """Notes that all about these is done and durable."""
        self._offsets.finish(places)

    def make_room(self) -> None:
        """In the middle of a batch whose beginning is under way: waits until memory may be taken by the rest of it.

        Raises Unavailable if that takes too long: the batch is handled again later.
        """
        deadline = monotonic() + ROOM_SECONDS
        while self._is_full:
            if monotonic() > deadline:
                raise Unavailable("too much is under way")
            self.hold(FULL_SECONDS)

    @property
    def _is_full(self) -> bool:
        return self._offsets.bytes >= MOST_BYTES

    def poll(self, seconds: float) -> Sequence[Record]:
        """The next records; none while too many are unfinished. Raises Unavailable when the broker can't be asked."""
        if monotonic() - self._last_commit >= self._every:
            self._commit()
        # The batch that is read next must have its place, too.
        if len(self._offsets) > self._room or self._is_full:
            self.hold(FULL_SECONDS)
            return ()
        # Ends that come meanwhile are committed without a new record, too.
        records = self._source.poll(min(seconds, self._every) if self._offsets.are_behind() else seconds)
        self._note_changes()
        return records

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Notes that a batch is handled. What of it was begun holds the commit back."""
        self._offsets.reach(offsets)

    def hold(self, seconds: float) -> None:
        """Waits without reading on, and stays a member of the group meanwhile."""
        self._source.hold(seconds)
        self._note_changes()

    def close(self) -> None:
        """Waits for what is unfinished, commits, and leaves the group."""
        deadline = monotonic() + CLOSE_SECONDS
        while len(self._offsets) and monotonic() < deadline:
            self.hold(FULL_SECONDS)
        if left := len(self._offsets):
            log.warning("ended with records under way", unfinished=left)
        with suppress(Unavailable):
            self._commit()
        self._source.close()

    def _commit(self) -> None:
        self._last_commit = monotonic()
        if offsets := self._offsets.to_commit():
            noted = self._source.commit(offsets)
            # The rest is said again, until it is noted or its partition has gone.
            self._offsets.committed({partition: offset for partition, offset in offsets.items() if partition in noted})

    def _note_changes(self) -> None:
        # What has just come is forgotten, too: a batch that ended after its partition went may have noted it again.
        if changed := self._source.changed():
            self._offsets.lose(changed)
