"""The sweeps: what stood still is found and settled. Each can be repeated, by any number of processes at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from threading import Event

import structlog
from sqlalchemy import Connection, Engine

from octavo.process import repeat
from octavo.storage import due, partitions, retention
from octavo.storage.allowances import forget_leases
from octavo.storage.errors import transaction
from octavo.storage.statistics import roll_up_closed_days
from octavo.telemetry import metrics
from octavo.telemetry.zero import at_zero

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is done, and every how many seconds. `settle` returns what it settled: ids, or how many.

    An `expected` sweep finds work while all is well; what another finds stood still, and is told as a warning.
    """

    name: str
    every_seconds: float
    settle: Callable[[Connection], Sequence[str] | int]
    expected: bool = False


def _today() -> date:
    return datetime.now(UTC).date()


SWEEPS = (
    # Claims whose process died become unconfirmed sends, which a receipt, or else the service's policy, settles.
    Sweep("expired claims", 2, due.mark_expired_claims),
    Sweep("unconfirmed to fail", 15, due.fail_unconfirmed),
    Sweep("unconfirmed to send again", 15, due.resend_unconfirmed),
    Sweep("no receipt", 60, due.fail_without_receipt),
    Sweep("leases of dead processes", 10, lambda connection: forget_leases(connection, _today())),
    Sweep("partitions", 300, lambda connection: partitions.make_next(connection, datetime.now(UTC)), expected=True),
    Sweep("closed days", 600, lambda connection: roll_up_closed_days(connection, _today()), expected=True),
    Sweep("retention", 60, retention.erase_expired, expected=True),
    Sweep("old rows", 3600, lambda connection: retention.drop_old_rows(connection, _today()), expected=True),
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
        count = settled if isinstance(settled, int) else len(settled)
        metrics.SWEPT.labels(self._sweep.name).inc(count)
        if count:
            tell = log.info if self._sweep.expected else log.warning
            tell("swept", what=self._sweep.name, count=count, ids=[] if isinstance(settled, int) else list(settled))
        return bool(count)
