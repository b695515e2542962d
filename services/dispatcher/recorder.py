"""The recorder: what became of sends is written in batches, for as long as it takes, before their records count as finished."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic

import structlog
from sqlalchemy import Engine
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from octavo.domain.errors import Unavailable
from octavo.domain.outcome import Uncertain
from octavo.domain.retry import Backoff
from octavo.faultpoint import Point, reach
from octavo.messaging import Place
from octavo.storage.errors import transaction
from octavo.storage.send import record_outcomes, release_notifications
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured
from services.dispatcher.claims import Claimed
from services.dispatcher.outcomes import Ended, recorded, tell

log = structlog.get_logger()

BATCH = 200
GATHER_SECONDS = 0.02
"""How long a batch grows: nobody waits for it, and the database is spared."""
IDLE_SECONDS = 0.2


class Recorder:
    """Writes outcomes, and gives claims back that led to no call. `put` and `give_back` may be used by any thread."""

    def __init__(self, engine: Engine, backoff: Backoff, finish: Callable[[Sequence[Place]], None]) -> None:
        self._engine = engine
        self._backoff = backoff
        self._finish = finish
        # One for all batches: a closure over one would be kept with it, in a cycle, until the collector comes by.
        self._patient = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.1),
            before_sleep=lambda state: log.warning(
                "outcomes wait", count=len(state.args[0]), attempt=state.attempt_number
            ),
        )
        self._queue: SimpleQueue[Ended | Claimed] = SimpleQueue()

    def put(self, ended: Ended) -> None:
        """Takes an outcome."""
        self._queue.put(ended)

    def give_back(self, claimed: Claimed) -> None:
        """Takes a claim that led to no call."""
        self._queue.put(claimed)

    def run(self, stop: Event) -> None:
        """Goes on until told to stop and nothing is left; PostgreSQL may be away meanwhile."""
        while not (stop.is_set() and self._queue.empty()):
            if batch := self._gather():
                self.write(batch)

    def write(self, batch: Sequence[Ended | Claimed]) -> None:
        """Writes a batch, again and again while PostgreSQL is away: only then its records are finished."""
        if ended := [one for one in batch if isinstance(one, Ended)]:
            self._patient(self._record, ended)
        if unused := [one for one in batch if isinstance(one, Claimed)]:
            self._patient(self._release, unused)
        reach(Point.DISPATCHER_AFTER_RECORD)
        self._finish([one.place if isinstance(one, Claimed) else one.claimed.place for one in batch])

    @measured
    def _record(self, ended: Sequence[Ended]) -> None:
        changes = [recorded(one, self._backoff, random.random()) for one in ended]  # noqa: S311 - spreads, hides nothing
        with transaction(self._engine) as connection:
            written = record_outcomes(connection, changes)
        for one, change in zip(ended, changes, strict=True):
            if change.id not in written:
                # Written before, with an answer that was lost; or the claim was settled otherwise meanwhile.
                continue
            if isinstance(one.outcome, Uncertain):
                metrics.UNCONFIRMED.labels(one.provider or "none").inc()
                log.warning("unconfirmed", notification_id=str(change.id), provider=one.provider, reason=change.reason)
            tell(one, change)

    @measured
    def _release(self, unused: Sequence[Claimed]) -> None:
        for token in {claimed.token for claimed in unused}:
            with transaction(self._engine) as connection:
                release_notifications(connection, [one.id for one in unused if one.token == token], token)

    def _gather(self) -> list[Ended | Claimed]:
        batch: list[Ended | Claimed] = []
        wait, until = IDLE_SECONDS, monotonic() + IDLE_SECONDS
        with suppress(Empty):
            while len(batch) < BATCH:
                batch.append(self._queue.get(timeout=wait))
                if len(batch) == 1:
                    until = monotonic() + GATHER_SECONDS
                wait = max(0.0, until - monotonic())
        return batch
