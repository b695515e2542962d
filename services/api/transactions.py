"""The database, asked from the event loop: each piece of work runs in a thread, in a transaction of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from octavo.domain.errors import Reason, Unavailable
from octavo.storage.errors import transaction

T = TypeVar("T")


class Transactions:
    """Runs work in transactions. Whatever the work raises undoes it."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._threads = threads

    async def run(self, work: Callable[[Connection], T], then: Callable[[], object] = lambda: None) -> T:
        """What the work returns, once it is committed; `then` is done after that, in the same thread.

        Raises what the work raises; Unavailable if the database does not answer.
        """

        def whole() -> T:
            with transaction(self._engine) as connection:
                result = work(connection)
            then()
            return result

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, whole)
        except Unavailable as error:
            raise Unavailable(error.message, reason=Reason.DATABASE_UNAVAILABLE) from error
