"""Telling callers apart by the key in `authorization: Bearer <key>`.

Whatever is wrong with a key, the answer is the same, so that nobody can probe for keys.
"""

import hmac
from collections.abc import Callable, Collection
from hashlib import sha256
from uuid import UUID

from octavo import keys
from octavo.domain.errors import Unauthenticated
from octavo.telemetry import traces
from services.api.known import Known
from services.api.serving.caller import ADMIN, Caller, CallerKind

SCHEME = "bearer "
# Compared with when there is no such key, so that an unknown id takes as long as a wrong secret.
_NOBODYS_HASH = keys.hash_secret("nobody has this secret")

MOST_CALLERS = 10_000
"""Callers that are remembered: as many as there are keys in the cache of the directory."""

Metadata = Collection[tuple[str, str | bytes]]


class Authenticator:
    """Tells who calls, from the metadata of a call."""

    def __init__(self, known: Known, admin_key: str, used: Callable[[UUID], None] = lambda _key_id: None) -> None:
        self._known = known
        self._admin_hash = keys.hash_secret(admin_key)
        self._used = used
        # By the hash of all that they presented: keys themselves are kept nowhere.
        self._callers: dict[bytes, Caller] = {}

    def again(self, metadata: Metadata) -> Caller | None:
        """The caller, if the same was presented before and nothing newer is known of its key and its service.

        None says nothing of who calls: `caller` has to be asked.
        """
        given = _given(metadata)
        caller = None if given is None else self._callers.get(_digest(given))
        if caller is None:
            return None
        service, key = caller.as_service()
        if not self._known.are_current(service, key):
            return None
        self._used(key.id)
        return caller._replace(traceparent=_traceparent(metadata)) if traces.active else caller

    async def caller(self, metadata: Metadata) -> Caller:
        """The caller. Raises Unauthenticated unless there is exactly one key, and it is in force."""
        given = _given(metadata)
        if given is None or given[: len(SCHEME)].lower() != SCHEME:
            raise Unauthenticated
        token = given[len(SCHEME) :].strip()
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
        caller = Caller(CallerKind.API, service, key)
        self._remember(_digest(given), caller)
        return caller._replace(traceparent=_traceparent(metadata)) if traces.active else caller

    def _remember(self, digest: bytes, caller: Caller) -> None:
        if len(self._callers) >= MOST_CALLERS and digest not in self._callers:
            del self._callers[next(iter(self._callers))]
        self._callers[digest] = caller


def _given(metadata: Metadata) -> str | None:
    """What a call presents; None if that is nothing, or more than one thing."""
    given = None
    for name, value in metadata:
        if name == "authorization":
            if given is not None:
                # Somebody in between may have added one: which of them counts must not be guessed.
                return None
            given = value
    return given if isinstance(given, str) else None


def _digest(given: str) -> bytes:
    return sha256(given.encode()).digest()


def _traceparent(metadata: Metadata) -> str:
    given = [value for name, value in metadata if name == "traceparent"]
    return given[0] if len(given) == 1 and isinstance(given[0], str) else ""
