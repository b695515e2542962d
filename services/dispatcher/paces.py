"""Looking at how fast each provider's receipts come, so that the traffic turns away from who is slow."""

from collections.abc import Callable, Mapping
from threading import Event

from sqlalchemy import Engine

from octavo.domain.weights import SLOW_WITHIN
from octavo.process import repeat
from octavo.storage.errors import transaction
from octavo.storage.paces import slow_shares
from octavo.telemetry.measured import measured

EVERY_SECONDS = 30.0


class Paces:
    """Tells now and then which share of each provider's receipts was slow of late."""

    def __init__(
        self, engine: Engine, tell: Callable[[Mapping[str, float]], None], every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._engine = engine
        self._tell = tell
        self._every = every_seconds

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL may be away."""
        repeat("pace of receipts", self.look, self._every, stop)

    @measured
    def look(self) -> bool:
        """Looks once. Raises Unavailable while PostgreSQL is away."""
        with transaction(self._engine) as connection:
            self._tell(slow_shares(connection, SLOW_WITHIN))
        return False
