"""Calls repeated within moments, in one process: they share one outcome, and are charged once."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

from octavo.domain.errors import AlreadyExists, Reason, Unavailable
from services.api.sending.accept import Accepted, SendResponse

REMEMBER_SECONDS = 10.0
"""By then the row is there, and a repetition finds it."""
MOST = 5_000
LARGEST = 10_000
"""Bytes of an answer that is remembered; a larger one is only shared while its call is under way."""


SharedOutcome: TypeAlias = SendResponse | asyncio.Future[SendResponse]
"""The answer of a call; or what it will be, while the call is under way."""


@dataclass(slots=True)
class _Entry:
    content_hash: bytes
    since: float
    response: SendResponse | None = None
    """None while the call is under way."""
    awaited: asyncio.Future[SendResponse] | None = None
    """Made for the first that wants to know meanwhile: hardly a call is repeated."""


class Repeats:
    """The calls with a request_id that are under way, or ended moments ago."""

    def __init__(self) -> None:
        # By the integers of their ids: the hash of a UUID is a call.
        self._entries: OrderedDict[int, _Entry] = OrderedDict()

    def earlier(self, accepted: Accepted) -> SharedOutcome | None:
        """The outcome of the same call made before; None if there is none.

        Raises AlreadyExists if the request_id came with another content.
        """
        self._forget()
        entry = self._entries.get(accepted.id.int)
        if entry is None:
            return None
        if entry.content_hash != accepted.content_hash:
            raise reused()
        if entry.response is not None:
            return entry.response
        if entry.awaited is None:
            entry.awaited = asyncio.get_running_loop().create_future()
        return entry.awaited

    def begin(self, accepted: Accepted) -> None:
        """Says that the call is under way."""
        self._entries[accepted.id.int] = _Entry(accepted.content_hash, monotonic())

    def succeed(self, accepted: Accepted) -> None:
        """Says that it was accepted. Nothing to say of a call that nobody can repeat."""
        entry = self._entries.get(accepted.id.int)
        if entry is None:
            return
        entry.response = accepted.response
        if entry.awaited is not None:
            entry.awaited.set_result(accepted.response)
        if accepted.response.ByteSize() > LARGEST:
            del self._entries[accepted.id.int]

    def fail(self, accepted: Accepted, error: BaseException) -> None:
        """Says that it was not: the next one tries by itself."""
        entry = self._entries.pop(accepted.id.int, None)
        if entry is None or entry.awaited is None:
            return
        # Whoever shares it must not be cancelled because this client went away.
        entry.awaited.set_exception(error if isinstance(error, Exception) else Unavailable("the call was given up"))
        # Looked at, for the case that those who shared it have gone.
        entry.awaited.exception()

    def _forget(self) -> None:
        oldest = monotonic() - REMEMBER_SECONDS
        while self._entries:
            first = next(iter(self._entries))
            entry = self._entries[first]
            if entry.response is None or (entry.since > oldest and len(self._entries) < MOST):
                return
            del self._entries[first]


def reused() -> AlreadyExists:
    """The error for a request_id that belongs to another content."""
    return AlreadyExists(
        Reason.REQUEST_ID_REUSED, "the request_id was used before with another content", field="request_id"
    )
