"""When API keys were used last: noted in memory at each call, written once in a while for all of them together."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from octavo.domain.errors import OctavoError
from octavo.storage.api_keys import touch_keys
from services.api.transactions import Transactions

log = structlog.get_logger()


class KeyUse:
    """The keys used since they were written last. A part of the process; used by one event loop."""

    name = "key use"

    def __init__(self, transactions: Transactions, every_seconds: float) -> None:
        self._transactions = transactions
        self._every_seconds = every_seconds
        # By the integers of their ids: a UUID's own hash costs more than all the rest.
        self._used: set[int] = set()
        self._writing: asyncio.Task[None] | None = None

    def note(self, key_id: UUID) -> None:
        """Says that a key is used now."""
        self._used.add(key_id.int)

    async def start(self) -> None:
        """Begins to write."""
        self._writing = asyncio.create_task(self._write_again_and_again())

    def unready(self) -> str | None:
        """Never: nothing depends on it."""
        return None

    async def drain(self) -> None:
        """Writes what is left."""
        if self._writing:
            self._writing.cancel()
            with suppress(asyncio.CancelledError):
                await self._writing
        await self._write()

    async def _write_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._every_seconds)
            await self._write()

    async def _write(self) -> None:
        used, self._used = self._used, set()
        if not used:
            return
        keys = [UUID(int=one) for one in used]
        try:
            await self._transactions.run(
                # Said a moment ago by another process is said well enough.
                lambda connection: touch_keys(connection, keys, timedelta(seconds=self._every_seconds / 2))
            )
        except OctavoError as error:
            # Said the next time.
            self._used |= used
            log.warning("the use of API keys is not written", error=type(error).__name__)
