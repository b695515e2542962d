"""The consumer loop: poll, handle, publish, commit, in this order and no other (design, section 4).

A handler gets decoded messages and returns what is to be published. It raises `Unavailable` to have the batch handled again
later, and `Malformed` for a batch that holds a record which can't be handled: that record is found and goes to `<topic>.dead`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Generic

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set, wait_exponential_jitter
from tenacity.wait import wait_base

from octavo.domain.errors import Malformed, Unavailable
from octavo.messaging import Partition, Record, Sink, Source
from octavo.messaging.dead import DeadShare, bury
from octavo.telemetry import metrics
from octavo.topics import M, Outgoing, Topic

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A decoded message and the record that it came in."""

    message: M
    record: Record


Handler = Callable[[Sequence[Received[M]]], Sequence[Outgoing]]


@dataclass(frozen=True, slots=True)
class Consumer(Generic[M]):
    """One topic's consumer: where it reads, what it does, where its effects go."""

    topic: Topic[M]
    source: Source
    handler: Handler[M]
    sink: Sink
    dead: DeadShare = field(default_factory=DeadShare)
    wait: wait_base = field(default_factory=lambda: wait_exponential_jitter(initial=0.2, max=15, jitter=0.2))
    poll_seconds: float = 0.5
    on_retry: Callable[[Sequence[Received[M]], int], None] = lambda _batch, _attempt: None
    on_dead: Callable[[Received[M], Malformed], None] = lambda _received, _error: None

    def run(self, stop: Event) -> None:
        """Consumes until told to stop; then leaves the group with all finished work committed.

        Raises Halted when too large a share of the records is dead: what was not handled is not committed.
        """
        try:
            while not stop.is_set():
                self.step(stop)
        finally:
            self.source.close()

    def step(self, stop: Event) -> None:
        """One batch, to its end; or left uncommitted, when told to stop while something is unavailable."""
        try:
            records = self._patient((), stop)(self.source.poll, self.poll_seconds)
        except Unavailable:
            return
        if not records:
            return
        patient = self._patient(records, stop)
        try:
            effects = patient(self._handle, records)
            patient(self.sink.publish, effects)
            patient(self.source.commit, _ends(records))
        except Unavailable:
            log.warning("stopped while something was unavailable", topic=self.topic.name, uncommitted=len(records))
        else:
            metrics.CONSUMED.labels(self.topic.name).inc(len(records))

    def _patient(self, records: Sequence[Record], stop: Event) -> Retrying:
        """Tries again while something is away, for as long as it takes: Kafka keeps the work meanwhile."""

        def retrying(state: RetryCallState) -> None:
            wait = state.next_action.sleep if state.next_action else 0.0
            error = state.outcome.exception() if state.outcome else None
            log.warning(
                "waiting", topic=self.topic.name, attempt=state.attempt_number, seconds=round(wait, 3), error=str(error)
            )
            self.on_retry(self._decodable(records), state.attempt_number)

        return Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=self.wait,
            stop=stop_when_event_set(stop),
            sleep=self.source.hold,
            before_sleep=retrying,
            reraise=True,
        )

    def _handle(self, records: Sequence[Record]) -> list[Outgoing]:
        received: list[Received[M]] = []
        effects: list[Outgoing] = []
        for record in records:
            try:
                received.append(Received(self.topic.decode(record.value), record))
            except Malformed as error:
                effects.append(self._bury(record, error))
        self.dead.alive(len(received))
        return effects + self._divide(received)

    def _divide(self, received: Sequence[Received[M]]) -> list[Outgoing]:
        """Handles a batch; one that holds a malformed record is halved until that record stands alone."""
        if not received:
            return []
        try:
            return list(self.handler(received))
        except Malformed as error:
            if len(received) == 1:
                self.on_dead(received[0], error)
                return [self._bury(received[0].record, error)]
            middle = len(received) // 2
            return self._divide(received[:middle]) + self._divide(received[middle:])

    def _bury(self, record: Record, error: Malformed) -> Outgoing:
        self.dead.died()
        return bury(record, error)

    def _decodable(self, records: Sequence[Record]) -> list[Received[M]]:
        received: list[Received[M]] = []
        for record in records:
            try:
                received.append(Received(self.topic.decode(record.value), record))
            except Malformed:
                continue
        return received


def _ends(records: Sequence[Record]) -> dict[Partition, int]:
    """The offsets to commit once all of these are done."""
    return {record.partition: record.offset + 1 for record in records}
