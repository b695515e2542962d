"""The consumer loop: poll, handle, publish, commit, in this order and no other (design, section 4).

A handler gets decoded messages and returns what is to be published. It raises `Unavailable` to have the batch handled again
later, and `Malformed` for a batch that holds a record which can't be handled: that record is found and goes to `<topic>.dead`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Generic, NamedTuple

import structlog
from tenacity import wait_exponential_jitter
from tenacity.wait import wait_base

from octavo.domain.errors import Malformed, Unavailable
from octavo.messaging import Partition, Place, Record, Sink, Source
from octavo.messaging.dead import DeadShare, bury
from octavo.messaging.patience import Patience
from octavo.telemetry import metrics
from octavo.telemetry.zero import at_zero
from octavo.topics import M, Outgoing, Topic

log = structlog.get_logger()

MANY = 100
"""Records that are worth a batch. After a smaller one that was there already when it was asked for, the consumer pauses for as
long as it took.

A batch costs all that it touches as much as some tens of records, so that under load fewer and larger ones serve all sooner. What
comes alone does not wait, nor does what comes after it.
"""
AT_ONCE_SECONDS = 0.001
"""Records that come within this were there already: they came during the batch before."""
LONGEST_PAUSE_SECONDS = 0.02


class Received(NamedTuple, Generic[M]):
    """A decoded message and the record that it came in."""

    message: M
    record: Record


@dataclass(frozen=True, slots=True)
class Dead(Generic[M]):
    """A record that can't be handled, and why; with its message, if it could be decoded."""

    record: Record
    error: Malformed
    received: Received[M] | None = None


Graveyard = dict[Place, Dead[M]]
"""The dead records of a batch, by where they stand."""

Handler = Callable[[Sequence[Received[M]]], Sequence[Outgoing]]


@dataclass(frozen=True, slots=True)
class Consumer(Generic[M]):
    """One topic's consumer: where it reads, what it does, where its effects go."""

    topic: Topic[M]
    source: Source
    handler: Handler[M]
    sink: Sink
    dead: DeadShare = field(default_factory=DeadShare)
    wait: wait_base = field(default_factory=lambda: wait_exponential_jitter(multiplier=0.2, max=15, jitter=0.2))
    poll_seconds: float = 0.5
    on_retry: Callable[[Sequence[Received[M]], int], None] = lambda _batch, _attempt: None
    on_dead: Callable[[Received[M], Malformed], None] = lambda _received, _error: None
    on_published: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        """Has its metrics begin at zero."""
        for metric in (metrics.CONSUMED, metrics.DEAD_LETTERS):
            at_zero(metric, [self.topic.name])

    def run(self, stop: Event) -> None:
        """Consumes until told to stop; then leaves the group with all finished work committed.

        Raises Halted when too large a share of the records is dead: what was not handled is not committed.
        """
        patience = self._patience(stop)
        try:
            while not stop.is_set():
                self._step(patience)
        finally:
            self.source.close()

    def step(self, stop: Event) -> None:
        """One batch, to its end; or left uncommitted, when told to stop while something is unavailable."""
        self._step(self._patience(stop))

    def _patience(self, stop: Event) -> Patience:
        return Patience(self.topic.name, self.source, self.wait, stop)

    def _step(self, patient: Patience) -> None:
        asked = monotonic()
        try:
            records = patient(self.source.poll, self.poll_seconds)
        except Unavailable:
            return
        if not records:
            return
        begun = monotonic()
        received, dead = self._decode(records)
        patient.on_retry = lambda attempt: self.on_retry(received, attempt)
        try:
            effects = patient(self._divide, received, dead)
            # Before anything is published: too many dead records stop the consumer, and none of them is put aside.
            self.dead.note(len(records), len(dead))
            letters = [self._bury(one) for one in dead.values()]
            patient(self.sink.publish, [*letters, *effects])
            self.on_published()
            patient(self.source.commit, _ends(records))
        except Unavailable:
            log.warning("stopped while something was unavailable", topic=self.topic.name, uncommitted=len(records))
        else:
            metrics.CONSUMED.labels(self.topic.name).inc(len(records))
            if len(records) < MANY and begun - asked < AT_ONCE_SECONDS:
                patient.stop.wait(min(monotonic() - begun, LONGEST_PAUSE_SECONDS))
        finally:
            patient.forget()

    def _decode(self, records: Sequence[Record]) -> tuple[list[Received[M]], Graveyard[M]]:
        received: list[Received[M]] = []
        dead: Graveyard[M] = {}
        for record in records:
            try:
                received.append(Received(self.topic.decode(record.value), record))
            except Malformed as error:
                dead[record.place] = Dead(record, error)
        return received, dead

    def _divide(self, received: Sequence[Received[M]], dead: Graveyard[M]) -> list[Outgoing]:
        """Handles a batch; one that holds a malformed record is halved until that record stands alone and is noted as dead."""
        # When the batch is handled again, those that an earlier attempt has found are left out.
        living = [one for one in received if one.record.place not in dead] if dead else received
        if not living:
            return []
        try:
            return list(self.handler(living))
        except Malformed as error:
            if len(living) == 1:
                dead[living[0].record.place] = Dead(living[0].record, error, living[0])
                return []
            middle = len(living) // 2
            return self._divide(living[:middle], dead) + self._divide(living[middle:], dead)

    def _bury(self, dead: Dead[M]) -> Outgoing:
        if dead.received is not None:
            self.on_dead(dead.received, dead.error)
        return bury(dead.record, dead.error)


def _ends(records: Sequence[Record]) -> dict[Partition, int]:
    """The offsets to commit once all of these are done."""
    return {record.partition: record.offset + 1 for record in records}
