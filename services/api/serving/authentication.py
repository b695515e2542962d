"""Telling callers apart by the key in `authorization: Bearer <key>`.

Whatever is wrong with a key, the answer is the same, so that nobody can probe for keys.
"""

import hmac
from collections.abc import Callable, Collection
from uuid import UUID

from octavo import keys
from octavo.domain.errors import Unauthenticated
from octavo.telemetry import traces
from services.api.known import Known
from services.api.serving.caller import ADMIN, Caller, CallerKind

SCHEME = "bearer "
# Compared with when there is no such key, so that an unknown id takes as long as a wrong secret.
_NOBODYS_HASH = keys.hash_secret("nobody has this secret")

Metadata = Collection[tuple[str, str | bytes]]


class Authenticator:
    """Tells who calls, from the metadata of a call."""

    def __init__(self, known: Known, admin_key: str, used: Callable[[UUID], None] = lambda _key_id: None) -> None:
        self._known = known
        self._admin_hash = keys.hash_secret(admin_key)
        self._used = used

    async def caller(self, metadata: Metadata) -> Caller:
        """The caller. Raises Unauthenticated unless there is exactly one key, and it is in force."""
        token = _token(metadata)
        presented = keys.read(token)
        if presented is None:
            if hmac.compare_digest(keys.hash_secret(token), self._admin_hash):
                return ADMIN
            raise Unauthenticated
        key = await self._known.key(presented.id)
        matches = presented.matches(key.secret_hash if key else _NOBODYS_HASH)
        if key is None or not matches or key.revoked:
            raise Unauthenticated
        service = await self._known.service(key.service_id)
        if service is None:
            raise Unauthenticated
        self._used(key.id)
        return Caller(CallerKind.API, service, key, _traceparent(metadata) if traces.active else "")


def _traceparent(metadata: Metadata) -> str:
    given = [value for name, value in metadata if name == "traceparent"]
    return given[0] if len(given) == 1 and isinstance(given[0], str) else ""


def _token(metadata: Metadata) -> str:
    given = [value for name, value in metadata if name == "authorization"]
    # Two headers may mean that somebody in between added one: which of them counts must not be guessed.
    if len(given) != 1 or not isinstance(given[0], str) or given[0][: len(SCHEME)].lower() != SCHEME:
        raise Unauthenticated
    return given[0][len(SCHEME) :].strip()
