"""The sweeps: what stood still is found and settled. Each can be repeated, by any number of processes at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import structlog
from sqlalchemy import Connection, Engine

from octavo.process import repeat
from octavo.storage import due, partitions
from octavo.storage.allowances import forget_leases
from octavo.storage.errors import transaction
from octavo.telemetry import metrics
from octavo.telemetry.zero import at_zero

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is done, and every how many seconds. `settle` returns what it settled; nothing means that all is well."""

    name: str
    every_seconds: float
    settle: Callable[[Connection], Sequence[str]]


def _forget_leases(connection: Connection) -> Sequence[str]:
    forfeited = forget_leases(connection, datetime.now(UTC).date())
    return [f"{forfeited} notifications"] if forfeited else []


def _ensure_partitions(connection: Connection) -> Sequence[str]:
    return partitions.ensure(connection, datetime.now(UTC))


SWEEPS = (
    # Claims whose process died become unconfirmed sends, which a receipt, or else the service's policy, settles.
    Sweep("expired claims", 2, due.mark_expired_claims),
    Sweep("unconfirmed to fail", 15, due.fail_unconfirmed),
    Sweep("unconfirmed to send again", 15, due.resend_unconfirmed),
    Sweep("no receipt", 60, due.fail_without_receipt),
    Sweep("leases of dead processes", 10, _forget_leases),
    Sweep("partitions", 3600, _ensure_partitions),
)


class Sweeper:
    """Runs one sweep."""

    def __init__(self, engine: Engine, sweep: Sweep) -> None:
        self._engine = engine
        self._sweep = sweep
        at_zero(metrics.SWEPT, [sweep.name])

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL may be away."""
        repeat(self._sweep.name, self.once, self._sweep.every_seconds, stop)

    def once(self) -> bool:
        """Settles a batch; whether there may be more. Raises Unavailable while PostgreSQL is away."""
        with transaction(self._engine) as connection:
            settled = self._sweep.settle(connection)
        metrics.SWEPT.labels(self._sweep.name).inc(len(settled))
        if settled:
            log.warning("swept", what=self._sweep.name, count=len(settled), ids=list(settled))
        return bool(settled)
