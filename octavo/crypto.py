"""Sealing of personal data, and the keyed hashes that find and compare what is sealed."""

import hmac
import os
from collections.abc import Sequence
from threading import Lock
from time import time

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from octavo.domain.errors import Malformed
from octavo.domain.merge import Personalisation
from octavo.v1.messages_pb2 import SealedContent

HASH_BYTES = 16
_BLOCK_BYTES = 4_096
_IV_BYTES = 16


class Randomness:
    """Random bytes of the operating system, for ids and what is sealed. Safe for threads, not across a fork.

    Drawn in blocks: asking lets the other threads of the process go first, which with a busy producer costs more than to seal
    a message.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._block = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """So many bytes, which nobody else gets; 4,096 at most."""
        with self._lock:
            if self._at + size > len(self._block):
                self._block, self._at = os.urandom(_BLOCK_BYTES), 0
            self._at += size
            return self._block[self._at - size : self._at]


class Sealer:
    """Seals with the first key and opens with all: keys rotate by putting a new one in front.

    Raises ValueError if there is no key, or one is not 32 bytes in URL-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one sealing key is needed")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._first = Fernet(keys[0])
        self._randomness = Randomness()

    def seal(self, content: SealedContent) -> bytes:
        """The content, encrypted. It carries the notification's id, so that it can't pass for another's."""
        # As Fernet.encrypt does, with an initialisation vector from a block.
        return self._first._encrypt_from_parts(  # noqa: SLF001 - there is no public way
            content.SerializeToString(), int(time()), self._randomness.take(_IV_BYTES)
        )

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
