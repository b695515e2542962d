"""Whether a stream's key is still in force: a call shows its key once, and a stream may last for days."""

from contextlib import suppress
from time import monotonic
from uuid import UUID

from octavo.domain.errors import Unauthenticated, Unavailable
from services.api.known import Known

CHECK_SECONDS = 2.0
"""How often a stream looks at its key."""


class InForce:
    """The key of one stream. The call itself was the first look at it."""

    def __init__(self, known: Known, key_id: UUID) -> None:
        self._known = known
        self._key_id = key_id
        self._checked_at = monotonic()

    async def check(self) -> None:
        """Looks, if it is time to. Raises Unauthenticated once the key is revoked; a stream goes on while that can't be told."""
        if monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = monotonic()
        with suppress(Unavailable):
            key = await self._known.key(self._key_id)
            if key is None or key.revoked:
                raise Unauthenticated
