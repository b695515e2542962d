"""Sealing of personal data, and the keyed hashes that find and compare what is sealed."""

import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from octavo.domain.errors import Malformed
from octavo.domain.merge import Personalisation
from octavo.v1.messages_pb2 import SealedContent

HASH_BYTES = 16


class Sealer:
    """Seals with the first key and opens with all: keys rotate by putting a new one in front.

    Raises ValueError if there is no key, or one is not 32 bytes in URL-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one sealing key is needed")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._first = Fernet(keys[0])

    def seal(self, content: SealedContent) -> bytes:
        """The content, encrypted. It carries the notification's id, so that it can't pass for another's."""
        return self._first.encrypt(content.SerializeToString())

    def open(self, notification_id: bytes, sealed: bytes) -> SealedContent:
        """The content sealed for this notification.

        Raises Malformed if no key opens it, or if it was sealed for another notification.
        """
        try:
            content = SealedContent.FromString(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise Malformed("no key opens the sealed content") from error
        if content.notification_id != notification_id:
            raise Malformed("the sealed content belongs to another notification")
        return content

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key sealed it."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def reseal(self, sealed: bytes) -> bytes:
        """The same content under the first key. Raises Malformed if no key opens it."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken as error:
            raise Malformed("no key opens the sealed content") from error


def personalisation_of(content: SealedContent) -> Personalisation:
    """The values that were sealed, by name."""
    return {
        **content.personalisation,
        **{name: list(values.values) for name, values in content.personalisation_lists.items()},
    }


class Hasher:
    """Keyed hashes (HMAC-SHA256, 16 bytes kept): nobody without the key can try out recipients.

    Raises ValueError if the key has fewer than 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:  # noqa: PLR2004
            raise ValueError("the hash key needs at least 32 bytes")
        # A copy of a keyed state costs half of a new one.
        self._keyed = hmac.new(key, digestmod="sha256")

    def recipient(self, service_id: bytes, normalised: str) -> bytes:
        """What a service's recipient is found by. The same person differs between services."""
        return self._hash(b"recipient", service_id, normalised.encode())

    def content(self, *parts: bytes) -> bytes:
        """What tells a repeated call from another content under the same request_id."""
        return self._hash(b"content", *parts)

    def _hash(self, purpose: bytes, *parts: bytes) -> bytes:
        # Lengths go in, so that no two lists of parts read the same.
        message = purpose + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.digest()[:HASH_BYTES]
