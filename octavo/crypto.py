"""Sealing of personal data, and the keyed hashes that find and compare what is sealed."""

import os
from collections.abc import Sequence
from io import BytesIO
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from octavo.domain.errors import Malformed
from octavo.domain.merge import Personalisation
from octavo.forks import begin_anew_in_children
from octavo.sealedforms import AesGcmForm, FernetForm, Form, Opened
from octavo.v1.messages_pb2 import SealedContent

HASH_BYTES = 16
_BLOCK_BYTES = 4_096

SealedForm = Literal["fernet", "aes-gcm"]


class Randomness:
    """Random bytes of the operating system, for ids and what is sealed. Safe for threads and across a fork.

    Drawn in blocks: asking lets the other threads of the process go first, which with a busy producer costs more than to seal
    a message.
    """

    def __init__(self) -> None:
        self.begin_anew()
        begin_anew_in_children(self)

    def begin_anew(self) -> None:
        """Draws anew: with the same nonces, a child's AES-GCM would give away what both it and its parent sealed."""
        self._block = BytesIO()

    def take(self, size: int) -> bytes:
        """So many bytes, which nobody else gets."""
        # A read is one step under the interpreter's lock: no other thread gets the same, even where both find the block used up.
        taken = self._block.read(size)
        while len(taken) < size:
            self._block = BytesIO(os.urandom(max(size, _BLOCK_BYTES)))
            taken = self._block.read(size)
        return taken


class Sealer:
    """Seals with the first key and opens with all: keys rotate by putting a new one in front. Safe for threads.

    It seals in one form and opens both, so that the form can be changed while messages are under way.
    Raises ValueError if there is no key, or one is not 32 bytes in URL-safe base64.
    """

    def __init__(self, keys: Sequence[str], form: SealedForm = "fernet") -> None:
        if not keys:
            raise ValueError("at least one sealing key is needed")
        take = Randomness().take
        forms: dict[SealedForm, Form] = {"fernet": FernetForm(keys, take), "aes-gcm": AesGcmForm(keys, take)}
        self._sealing = forms[form]
        self._by_mark = {one.mark: one for one in forms.values()}

    def seal(self, content: SealedContent) -> bytes:
        """The content, encrypted. It carries the notification's id, so that it can't pass for another's."""
        return self._sealing.seal(content.SerializeToString())

    def open(self, notification_id: bytes, sealed: bytes) -> SealedContent:
        """The content sealed for this notification.

        Raises Malformed if no key opens it, or if it was sealed for another notification.
        """
        content = SealedContent.FromString(self._opened(sealed).content)
        if content.notification_id != notification_id:
            raise Malformed("the sealed content belongs to another notification")
        return content

    def is_current(self, sealed: bytes) -> bool:
        """Whether the first key sealed it, in whichever form."""
        try:
            return self._opened(sealed).key == 0
        except Malformed:
            return False

    def reseal(self, sealed: bytes) -> bytes:
        """The same content under the first key. Raises Malformed if no key opens it."""
        return self._sealing.seal(self._opened(sealed).content)

    def _opened(self, sealed: bytes) -> Opened:
        form = self._by_mark.get(sealed[:1])
        opened = None if form is None else form.open(sealed)
        if opened is None:
            raise Malformed("no key opens the sealed content")
        return opened


def personalisation_of(content: SealedContent) -> Personalisation:
    """The values that were sealed, by name."""
    return {
        **content.personalisation,
        **{name: list(values.values) for name, values in content.personalisation_lists.items()},
    }


def sms_prefix_of(content: SealedContent, current: str | None) -> str | None:
    """What stands before the text of an SMS: as it was when it was accepted, or as it is now if nobody noted that."""
    return content.sms_prefix if content.HasField("sms_prefix") else current


class Hasher:
    """Keyed hashes (HMAC-SHA256, 16 bytes kept): nobody without the key can try out recipients.

    Raises ValueError if the key has fewer than 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:  # noqa: PLR2004
            raise ValueError("the hash key needs at least 32 bytes")
        # A copy of a keyed state costs half of a new one, and half again of what a copy of hmac's does.
        self._keyed = HMAC(key, SHA256())

    def recipient(self, service_id: bytes, normalised: str) -> bytes:
        """What a service's recipient is found by. The same person differs between services."""
        return self._hash(b"recipient", service_id, normalised.encode())

    def content(self, *parts: bytes) -> bytes:
        """What tells a repeated call from another content under the same request_id."""
        return self._hash(b"content", *parts)

    def _hash(self, purpose: bytes, *parts: bytes) -> bytes:
        # Lengths go in, so that no two lists of parts read the same.
        message = purpose
        for part in parts:
            message += len(part).to_bytes(4, "big") + part
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.finalize()[:HASH_BYTES]
