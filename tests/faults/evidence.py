"""What a run leaves behind: the four ledgers, and what was seen of offsets, quotas and memory meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    """A partition, as a consumer group reads it."""

    group: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """Ledger T: a notification that a client asked for. `expected` is the status that its recipient leads to."""

    id: str
    request_id: str
    expected: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Ledger A: an id that a client was given."""

    request_id: str
    id: str


@dataclass(frozen=True, slots=True)
class Row:
    """Ledger D: a row of `notifications`, with its moves in the order of their happening."""

    id: str
    service_id: str
    status: str
    reason: str = ""
    unconfirmed: bool = False
    moves: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """Of its moves, those that have any."""
    job_id: str | None = None
    job_row: int | None = None
    in_history: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A CSV job: the rows of its file, and those that were refused with a reason."""

    id: str
    rows: int
    refused: int


@dataclass(frozen=True, slots=True)
class Offset:
    """What a group has committed of a partition, and the lowest record that was not finished then (None: there was none)."""

    place: Place
    committed: int
    lowest_unfinished: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """A group's committed offset and the partition's end at some time, in seconds."""

    at: float
    place: Place
    committed: int
    end: int


@dataclass(frozen=True, slots=True)
class Quota:
    """A service's daily limit, and what was accepted of it.

    `reached_in` is how many seconds after the last other use the limit was reached (None: never), if demand exceeded it.
    """

    service: str
    limit: int
    accepted: int
    exceeded: bool = False
    reached_in: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is judged."""

    attempted: Mapping[str, Attempt] = field(default_factory=dict)
    acknowledged: Sequence[Acknowledgement] = ()
    rows: Sequence[Row] = ()
    accepted: Sequence[str] = ()
    """Ledger S: the references, as often as they were accepted."""
    unconfirmed: frozenset[str] = frozenset()
    """Those that were ever listed as unconfirmed."""
    crashes: int = 0
    in_flight: int = 0
    """Calls that a dispatcher may have in flight."""
    ambiguous: int = 0
    """Calls that the provider took without saying so."""
    jobs: Sequence[Job] = ()
    offsets: Sequence[Offset] = ()
    positions: Sequence[Position] = ()
    faults: Sequence[tuple[float, float]] = ()
    """From when to when something was broken on purpose: nobody has to move then."""
    quotas: Sequence[Quota] = ()
    megabytes: Mapping[str, float] = field(default_factory=dict)
    """The most resident memory of each process."""
