"""Finding what a repeated call has made before. Never needed: without PostgreSQL the repetition collapses on its row later."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from uuid import UUID

from sqlalchemy import Engine

from octavo.domain.errors import Unavailable
from octavo.storage.lookups import AcceptedBefore, find_accepted

WAIT_SECONDS = 1.0
"""How long a call waits for the answer."""
PAUSE_SECONDS = 2.0
"""How long nothing is asked after a question was not answered."""


class Earlier:
    """Looks for the rows of repeated calls."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._threads = threads
        self._again_at = 0.0

    async def find(self, notification_id: UUID) -> AcceptedBefore | None:
        """What was accepted under this id; None if nothing was, or if PostgreSQL can't tell now."""
        if monotonic() < self._again_at:
            return None
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._threads, find_accepted, self._engine, notification_id)
        try:
            return await asyncio.wait_for(asked, WAIT_SECONDS)
        except (TimeoutError, Unavailable):
            self._again_at = monotonic() + PAUSE_SECONDS
            return None
