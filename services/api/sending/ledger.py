"""What a process takes of limits and gives back, asked of PostgreSQL for many services at once."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection

from octavo.storage.allowances import Ended, Wanted, lease_allowances, return_allowances
from octavo.storage.engine import probe
from octavo.storage.rates import Tokens, take_tokens
from services.api.gathered import Gathered
from services.api.transactions import Transactions

Q = TypeVar("Q")
A = TypeVar("A")


class Ledger:
    """The limits of all services, for one process. Each call raises Unavailable if the database does not answer."""

    def __init__(self, work: Transactions, holder: UUID) -> None:
        def asked(answer: Callable[[Connection, Sequence[Q]], Sequence[A]]) -> Gathered[Q, A]:
            def ask(questions: Sequence[Q]) -> Awaitable[Sequence[A]]:
                return work.run(lambda connection: answer(connection, questions))

            return Gathered(ask)

        def end(connection: Connection, ended: Sequence[Ended]) -> Sequence[None]:
            return_allowances(connection, holder, ended)
            return [None] * len(ended)

        def there(connection: Connection, questions: Sequence[None]) -> Sequence[None]:
            probe(connection)
            return questions

        self._tokens: Gathered[Tokens, tuple[int, timedelta]] = asked(take_tokens)
        self._leases: Gathered[Wanted, int] = asked(
            lambda connection, wanted: lease_allowances(connection, holder, wanted)
        )
        self._ends: Gathered[Ended, None] = asked(end)
        self._probes: Gathered[None, None] = asked(there)

    def take(self, tokens: Tokens) -> Awaitable[tuple[int, timedelta]]:
        """Takes tokens: how many, and how long until there are as many as wanted."""
        return self._tokens.ask(tokens)

    def lease(self, wanted: Wanted) -> Awaitable[int]:
        """Leases a block: how many, 0 if not enough are left."""
        return self._leases.ask(wanted)

    def end(self, lease: Ended) -> Awaitable[None]:
        """Ends a lease. If this is not answered, it may have ended nevertheless."""
        return self._ends.ask(lease)

    def probe(self) -> Awaitable[None]:
        """Asks for nothing: whether the database answers."""
        return self._probes.ask(None)
