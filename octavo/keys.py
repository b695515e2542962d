"""API keys as clients carry them: `octavo_<id>_<secret>`. The secret is shown once and only its hash is kept."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

PREFIX = "octavo_"
SECRET_BYTES = 32
LONGEST = 200
_HEX_OF_ID = 32


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A key as a caller presented it."""

    id: UUID
    secret: str

    def matches(self, secret_hash: bytes) -> bool:
        """Whether it is the key whose hash is kept; takes the same time either way."""
        return hmac.compare_digest(hash_secret(self.secret), secret_hash)


def new_secret() -> str:
    """A secret of 256 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str) -> bytes:
    """What is kept of a secret. It is random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def written(key_id: UUID, secret: str) -> str:
    """The key as its owner writes it."""
    return f"{PREFIX}{key_id.hex}_{secret}"


def read(text: str) -> PresentedKey | None:
    """The key in a text; None if it has not the form of one."""
    if len(text) > LONGEST or not text.startswith(PREFIX) or not text.isascii():
        return None
    key_id, _, secret = text[len(PREFIX) :].partition("_")
    if len(key_id) != _HEX_OF_ID or not secret:
        return None
    try:
        # UUID(hex=...) looks for hyphens and braces first: there is no room for any.
        return PresentedKey(UUID(int=int(key_id, 16)), secret)
    except ValueError:
        return None
