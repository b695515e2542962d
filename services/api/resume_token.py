"""Resume tokens: a place in the stream of changes, bound to the service and to what it watches by a keyed hash."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest
from uuid import UUID

from octavo.crypto import HASH_BYTES, Hasher
from octavo.domain.errors import Invalid, Reason
from octavo.storage.changes import Position
from octavo.storage.columns import STATUS, STATUS_OF, instant, micros

_PLACE = struct.Struct(">Q16sqB")


class ResumeTokens:
    """Writes and reads resume tokens."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    def write(self, service_id: UUID, notification_id: UUID | None, position: Position) -> str:
        """The token of a place in what a service watches."""
        place = _PLACE.pack(
            position.transaction,
            position.notification_id.bytes,
            micros(position.at),
            STATUS[position.status] if position.status else 0,
        )
        return urlsafe_b64encode(place + self._proof(service_id, notification_id, place)).decode()

    def read(self, service_id: UUID, notification_id: UUID | None, token: str) -> Position:
        """The place. Raises Invalid if the token was not written for this service and what it watches."""
        try:
            data = urlsafe_b64decode(token.encode("ascii"))
        except ValueError:
            data = b""
        place, proof = data[: _PLACE.size], data[_PLACE.size :]
        if len(proof) != HASH_BYTES or not compare_digest(proof, self._proof(service_id, notification_id, place)):
            raise Invalid.of(
                "resume_token",
                Reason.INVALID_RESUME_TOKEN,
                "resume_token was not given out to this service for this stream",
            )
        transaction, moved, at, status = _PLACE.unpack(place)
        return Position(transaction, UUID(bytes=moved), instant(at), STATUS_OF.get(status))

    def _proof(self, service_id: UUID, notification_id: UUID | None, place: bytes) -> bytes:
        watched = notification_id.bytes if notification_id else b""
        return self._hasher.content(b"resume", service_id.bytes, watched, place)
