"""The forms of what is sealed, told apart by their first byte (docs/adr/0031). Every form takes the same keys.

A key is 32 bytes in URL-safe base64. The first one seals, all open.
"""

from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from time import time
from typing import ClassVar, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from octavo.forks import begin_anew_in_children

MESSAGES_OF_A_SALT = 2**24
"""With random nonces of 96 bits, two of so many are the same once in 2**49 salts."""
REMEMBERED_SALTS = 4_096
"""Each takes 3 KiB. A process that seals has one, and another one after so many messages or a restart."""

_IV_BYTES = 16
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = 32
_SALT = slice(1, 1 + _SALT_BYTES)
_NONCE = slice(_SALT.stop, _SALT.stop + _NONCE_BYTES)
_ENCRYPTED = slice(_NONCE.stop, None)
_INFO = b"octavo sealed content 1"


class Opened(NamedTuple):
    """What was sealed, and which of the keys opened it: 0 is the first."""

    key: int
    content: bytes


class Form(Protocol):
    """One way to seal. Safe for threads."""

    mark: ClassVar[bytes]
    """The first byte of all that is sealed so."""

    def seal(self, content: bytes) -> bytes:
        """The content, encrypted with the first key."""

    def open(self, sealed: bytes) -> Opened | None:
        """The content; None if no key opens it."""


class FernetForm:
    """A Fernet token: AES-128 in CBC mode and an HMAC, in base64. Release 0.1.0 knows no other form.

    Raises ValueError if a key is not 32 bytes in URL-safe base64.
    """

    mark: ClassVar[bytes] = b"g"

    def __init__(self, keys: Sequence[str], take: Callable[[int], bytes]) -> None:
        self._keys = [Fernet(key) for key in keys]
        self._take = take

    def seal(self, content: bytes) -> bytes:
        """The content as a token of the first key."""
        # As Fernet.encrypt does, with an initialisation vector from a block.
        return self._keys[0]._encrypt_from_parts(content, int(time()), self._take(_IV_BYTES))  # noqa: SLF001 - there is no public way

    def open(self, sealed: bytes) -> Opened | None:
        """The content of a token; None if no key opens it."""
        for place, key in enumerate(self._keys):
            try:
                return Opened(place, key.decrypt(sealed))
            except InvalidToken:
                continue
        return None


class AesGcmForm:
    """The mark, a salt (16 bytes), a nonce (12), and what AES-256-GCM makes of the content, its tag (16) at the end.

    The key of AES is derived from one of ours and the salt. A salt is drawn for the first message and again after so many that
    nonces, which are random, stay far from repeating under one key. `take` must never give the same bytes twice.
    """

    mark: ClassVar[bytes] = b"\x01"

    def __init__(
        self,
        keys: Sequence[str],
        take: Callable[[int], bytes],
        *,
        messages_of_a_salt: int = MESSAGES_OF_A_SALT,
        remembered_salts: int = REMEMBERED_SALTS,
    ) -> None:
        self._keys = [urlsafe_b64decode(key) for key in keys]
        self._take = take
        self._most = messages_of_a_salt
        self._most_salts = remembered_salts
        self.begin_anew()
        begin_anew_in_children(self)

    def begin_anew(self) -> None:
        """Begins with a salt of its own."""
        self._lock = Lock()
        self._salt: _Salt | None = None
        self._remembered = _Remembered(self._most_salts)

    def seal(self, content: bytes) -> bytes:
        """The content, encrypted under a salt of the first key."""
        salt = self._salt
        # To go on with an iterator is one step under the interpreter's lock: threads take no more of a salt than there is.
        if salt is None or next(salt.left, None) is None:
            salt = self._another()
        nonce = self._take(_NONCE_BYTES)
        return salt.head + nonce + salt.cipher.encrypt(nonce, content, None)

    def open(self, sealed: bytes) -> Opened | None:
        """The content; None if no key opens it."""
        if len(sealed) < _ENCRYPTED.start + _TAG_BYTES:
            return None
        salt, nonce, encrypted = sealed[_SALT], sealed[_NONCE], sealed[_ENCRYPTED]
        known = self._remembered.find(salt)
        if known is not None:
            try:
                return Opened(known.key, known.cipher.decrypt(nonce, encrypted, None))
            except InvalidTag:
                pass
        for key in range(len(self._keys)):
            if known is not None and key == known.key:
                continue
            opener = _Opener(key, self._derived(key, salt))
            try:
                content = opener.cipher.decrypt(nonce, encrypted, None)
            except InvalidTag:
                continue
            # Not before: what no key opens is not to take the place of what one does.
            self._remembered.keep(salt, opener)
            return Opened(key, content)
        return None

    def _another(self) -> "_Salt":
        """A salt with a message left, which is taken."""
        with self._lock:
            salt = self._salt
            if salt is None or next(salt.left, None) is None:
                drawn = self._take(_SALT_BYTES)
                salt = self._salt = _Salt(self.mark + drawn, self._derived(0, drawn), iter(range(1, self._most)))
            return salt

    def _derived(self, key: int, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt, _INFO).derive(self._keys[key]))


class _Salt(NamedTuple):
    """What messages begin with, their cipher, and a step for each that is left."""

    head: bytes
    cipher: AESGCM
    left: Iterator[int]


class _Opener(NamedTuple):
    key: int
    cipher: AESGCM


class _Remembered:
    """What opened the salts that were in use last: to derive a key costs as much as to open three messages."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._openers: OrderedDict[bytes, _Opener] = OrderedDict()

    def find(self, salt: bytes) -> _Opener | None:
        with self._lock:
            opener = self._openers.get(salt)
            if opener is not None:
                self._openers.move_to_end(salt)
            return opener

    def keep(self, salt: bytes, opener: _Opener) -> None:
        """Remembers it, in place of the one that was not in use for longest."""
        with self._lock:
            self._openers[salt] = opener
            if len(self._openers) > self._most:
                self._openers.popitem(last=False)
