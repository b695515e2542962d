"""Whom trial services and team keys may write to."""

from functools import partial
from uuid import UUID

from sqlalchemy import Engine

from octavo.domain.errors import Forbidden, Reason
from octavo.domain.notification import NotificationType
from octavo.storage.cache import FRESH_SECONDS, Cache
from octavo.storage.lookups import which_are_guests
from services.api.known import Known
from services.api.sending.wish import Wish


class Guests:
    """The guest lists, through a cache that is right within ten seconds."""

    def __init__(self, engine: Engine, known: Known, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._known = known
        self._cache: Cache[tuple[UUID, bytes], bool] = Cache(partial(which_are_guests, engine), fresh_seconds)

    async def check(self, service_id: UUID, wish: Wish) -> None:
        """Raises Forbidden unless the recipient is on the list; Unavailable if that can't be told."""
        if not await self._known.get(self._cache, (service_id, wish.recipient_hash)):
            raise Forbidden(
                Reason.RECIPIENT_NOT_ALLOWED,
                "a trial service or a team key reaches its guest list only",
                field="phone_number" if wish.type is NotificationType.SMS else "email_address",
            )
