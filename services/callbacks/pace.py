"""How fast receipts come: noted as they are applied, and written by minute for the dispatchers (octavo/domain/weights.py)."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock

from sqlalchemy import Engine

from octavo.domain.errors import Unavailable
from octavo.domain.weights import SLOW_AFTER
from octavo.process import repeat
from octavo.storage.columns import instant
from octavo.storage.errors import transaction
from octavo.storage.paces import add_paces
from octavo.storage.receipts import Applied
from octavo.telemetry.measured import measured

EVERY_SECONDS = 10.0
"""How often it is written. What a process that is killed had noted is lost: nothing but a share depends on it."""


class Pace:
    """Counts of receipts and of slow ones, by provider and minute."""

    def __init__(self, engine: Engine, every_seconds: float = EVERY_SECONDS) -> None:
        self._engine = engine
        self._every = every_seconds
        self._lock = Lock()
        self._counts: dict[tuple[str, datetime], tuple[int, int]] = {}

    def note(self, applied: Sequence[Applied]) -> None:
        """Notes what receipts have moved."""
        with self._lock:
            for one in applied:
                if one.seconds_since_sent is None:
                    continue
                minute = instant(one.receipt.received_at_micros).astimezone(UTC).replace(second=0, microsecond=0)
                receipts, slow = self._counts.get((one.receipt.provider, minute), (0, 0))
                is_slow = one.seconds_since_sent > SLOW_AFTER.total_seconds()
                self._counts[one.receipt.provider, minute] = (receipts + 1, slow + is_slow)

    def run(self, stop: Event) -> None:
        """Writes until told to stop, and once more then."""
        repeat("pace of receipts", self.write, self._every, stop)
        with suppress(Unavailable):
            self.write()

    @measured
    def write(self) -> bool:
        """Writes what was noted since the last time. Raises Unavailable while PostgreSQL is away: it is then kept."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return False
        try:
            with transaction(self._engine) as connection:
                add_paces(connection, counts)
        except Unavailable:
            self._keep(counts)
            raise
        return False

    def _keep(self, counts: dict[tuple[str, datetime], tuple[int, int]]) -> None:
        with self._lock:
            for key, (receipts, slow) in counts.items():
                since_receipts, since_slow = self._counts.get(key, (0, 0))
                self._counts[key] = (since_receipts + receipts, since_slow + slow)
