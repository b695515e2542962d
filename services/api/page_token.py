"""Page tokens: where the next page begins, bound to the service and the filters by a keyed hash."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest
from uuid import UUID

from google.protobuf.message import Message

from octavo.crypto import Hasher
from octavo.domain.errors import Invalid, Reason

ALL_SERVICES = UUID(int=0)
"""What tokens are bound to whose lists go across services."""
_LENGTH = 32
_ID = 16


class PageTokens:
    """Writes and reads page tokens."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    def write(self, service_id: UUID, request: Message, last: UUID) -> str:
        """The token of the page that follows what has the id `last`."""
        return urlsafe_b64encode(last.bytes + self._proof(service_id, request, last.bytes)).decode()

    def read(self, service_id: UUID, request: Message) -> UUID | None:
        """The id that the request's page begins below; None for the first page.

        Raises Invalid if the token is not one that was written for this service and these filters.
        """
        token: str = getattr(request, "page_token")  # noqa: B009 - every List request has one, Message does not say so
        if not token:
            return None
        try:
            data = urlsafe_b64decode(token.encode("ascii"))
        except ValueError:
            data = b""
        if len(data) != _LENGTH or not compare_digest(data[_ID:], self._proof(service_id, request, data[:_ID])):
            raise Invalid.of(
                "page_token",
                Reason.INVALID_PAGE_TOKEN,
                "page_token was not given out to this service for these filters",
            )
        return UUID(bytes=data[:_ID])

    def _proof(self, service_id: UUID, request: Message, last: bytes) -> bytes:
        filters = type(request)()
        filters.CopyFrom(request)
        # The size may differ from page to page.
        filters.ClearField("page_token")
        filters.ClearField("page_size")
        return self._hasher.content(
            b"page",
            request.DESCRIPTOR.full_name.encode(),
            service_id.bytes,
            filters.SerializeToString(deterministic=True),
            last,
        )
