"""The handler: moves notifications as their receipts say, and tries the receipts again that came too early."""

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from sqlalchemy import Engine

from octavo.domain.notification import NotificationType
from octavo.faultpoint import Point, reach
from octavo.messaging.loop import Received
from octavo.process import repeat
from octavo.providers.registry import PROVIDERS
from octavo.storage.errors import transaction
from octavo.storage.receipts import Applied, apply_receipts, take_held_receipts
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from octavo.telemetry.zero import at_zero
from octavo.topics import RECEIPTS, Outgoing
from octavo.v1.messages_pb2 import ReceiptMessage
from services.callbacks.pace import Pace

BATCH = 500
HELD_EVERY_SECONDS = 1.0
KNOWN = frozenset({*PROVIDERS, "test"})
"""Whose receipts there are; `test` stands for test keys."""
RESULTS = ("moved", "ignored", "held", "dropped", "complaint")


class Mover:
    """Applies batches of receipts."""

    def __init__(self, engine: Engine, pace: Pace) -> None:
        self._engine = engine
        self._pace = pace
        at_zero(metrics.RECEIPTS_APPLIED, KNOWN, RESULTS)
        at_zero(metrics.TO_FINAL_SECONDS, NotificationType)

    @measured
    def move(self, batch: Sequence[Received[ReceiptMessage]]) -> Sequence[Outgoing]:
        """Moves what the receipts name; nothing is to be published.

        Raises Unavailable while PostgreSQL is away, and Malformed for a receipt that names nothing.
        """
        if traces.active is None:
            return self._move(batch)
        items = [(received.message.notification_id, received.record.headers) for received in batch]
        with traces.active.handled("apply receipts", items, {"messaging.destination.name": RECEIPTS.name}):
            return self._move(batch)

    def _move(self, batch: Sequence[Received[ReceiptMessage]]) -> Sequence[Outgoing]:
        with transaction(self._engine) as connection:
            applied = apply_receipts(connection, [received.message for received in batch])
        reach(Point.CALLBACKS_AFTER_MOVE)
        count(applied)
        self._pace.note(applied)
        return ()


class HeldReceipts:
    """Takes held receipts again when their time comes. Any number of processes may do so at once."""

    def __init__(self, engine: Engine, pace: Pace, every_seconds: float = HELD_EVERY_SECONDS) -> None:
        self._engine = engine
        self._pace = pace
        self._every = every_seconds

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL may be away."""
        repeat("held receipts", lambda: self.again() == BATCH, self._every, stop)

    @measured
    def again(self) -> int:
        """One batch, taken and applied or held again in one transaction; how many there were."""
        begun = datetime.now(UTC)
        with transaction(self._engine) as connection:
            receipts, last = take_held_receipts(connection, BATCH)
            applied = apply_receipts(connection, receipts, last=last) if receipts or last else []
        settled = [one for one in applied if one.result != "held"]
        count(settled)
        self._pace.note(settled)
        if traces.active is not None:
            # Told once it is known whose they are: a receipt may name the provider's reference alone. Most tries hold them again.
            items = [(one.notification_id.bytes, ()) for one in settled if one.notification_id]
            with traces.active.handled("apply held receipts", items, {}, since=begun):
                pass
        return len(receipts) + len(last)


def count(applied: Sequence[Applied]) -> None:
    """Counts what receipts did."""
    for one in applied:
        provider = one.receipt.provider if one.receipt.provider in KNOWN else "other"
        metrics.RECEIPTS_APPLIED.labels(provider, one.result).inc()
        if one.seconds_to_final is not None:
            metrics.TO_FINAL_SECONDS.labels(one.notification_type).observe(one.seconds_to_final)
