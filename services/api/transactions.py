"""The database, asked from the event loop: each piece of work runs in a thread, in a transaction of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from octavo.storage.errors import transaction
from services.api.question import within

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""How long an answer is waited for: as long as the database works on a statement. One that stands still never says no."""


class Transactions:
    """Runs work in transactions. Whatever the work raises undoes it."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._engine = engine
        self._threads = threads

    async def run(self, work: Callable[[Connection], T], then: Callable[[], object] = lambda: None) -> T:
        """What the work returns, once it is committed; `then` is done after that, in the same thread.

        Raises what the work raises; Unavailable if the database does not answer in time: then it may be done nevertheless.
        """

        def whole() -> T:
            with transaction(self._engine) as connection:
                result = work(connection)
            then()
            return result

        return await within(asyncio.get_running_loop().run_in_executor(self._threads, whole), self._patience)
