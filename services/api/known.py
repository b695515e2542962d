"""The directory of services, keys and templates, asked from the event loop without blocking it.

A value is refreshed beside the calls before it gets too old, so that none waits; what many calls miss is loaded together.
While PostgreSQL is away or stands still, what is known goes on being used.
"""

import asyncio
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast
from uuid import UUID

from octavo.domain.errors import Unavailable
from octavo.storage.cache import Cache
from octavo.storage.directory import ApiKey, Directory, Nothing, Service, TemplateHead, TemplateVersion
from services.api.gathered import Gathered
from services.api.question import within

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

AHEAD = 0.6
"""A value past this part of its time is refreshed beside the call that uses it."""
STALE_WAIT_SECONDS = 1.0
"""How long a call waits for a newer value when an old one is known."""
FIRST_WAIT_SECONDS = 5.0
THREADS = 4


class Known:
    """What the directory knows. Used by one event loop."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="directory")
        self._gathered: dict[int, Gathered[Any, Any]] = {}
        self._loading: dict[tuple[int, Any], asyncio.Future[Any]] = {}

    def are_current(self, service: Service, key: ApiKey) -> bool:
        """Whether these two are what is known of them, and young: then nobody has to be asked."""
        directory = self._directory
        return directory.keys.fresh(key.id, AHEAD) is key and directory.services.fresh(service.id, AHEAD) is service

    def at_hand(self, template_id: UUID) -> tuple[TemplateHead, TemplateVersion] | None:
        """A template and its current version, if both are known and young: then nobody has to be asked."""
        head = self._directory.templates.fresh(template_id, AHEAD)
        if head is None or isinstance(head, Nothing):
            return None
        version = self._directory.versions.fresh((head.id, head.version), AHEAD)
        return None if version is None else (head, version)

    async def service(self, service_id: UUID) -> Service | None:
        """A service; None if there is none. Raises Unavailable if that can't be told."""
        found = await self.get(self._directory.services, service_id)
        return None if isinstance(found, Nothing) else found

    async def key(self, key_id: UUID) -> ApiKey | None:
        """An API key, a revoked one too; None if there is none. Raises Unavailable if that can't be told."""
        found = await self.get(self._directory.keys, key_id)
        return None if isinstance(found, Nothing) else found

    async def template(self, template_id: UUID) -> TemplateHead | None:
        """A template; None if there is none. Raises Unavailable if that can't be told."""
        found = await self.get(self._directory.templates, template_id)
        return None if isinstance(found, Nothing) else found

    async def version(self, template_id: UUID, version: int) -> TemplateVersion:
        """A version of a template. Raises KeyError if there is none, Unavailable if that can't be told."""
        return await self.get(self._directory.versions, (template_id, version))

    async def get(self, cache: Cache[K, V], key: K) -> V:
        """A value of one of the caches.

        Raises KeyError if there is none, Unavailable if it is not known and can't be loaded in time.
        """
        young = cache.fresh(key, AHEAD)
        if young is not None:
            return young
        entry = cache.aged(key)
        loading = self._loading.get((id(cache), key)) or self._load(cache, key)
        if entry is None:
            loaded = await within(loading, FIRST_WAIT_SECONDS)
            if loaded is None:
                raise KeyError(key)
            return cast("V", loaded)
        age, value = entry
        if age <= cache.fresh_seconds:
            return value
        try:
            loaded = await within(loading, STALE_WAIT_SECONDS)
        except Unavailable:
            # Used as if it were new, so that a database that stands still costs one wait in a while, not one a call.
            cache.put(key, value)
            return value
        return value if loaded is None else cast("V", loaded)

    def _load(self, cache: Cache[K, V], key: K) -> asyncio.Future[Any]:
        gathered = self._gathered.get(id(cache))
        if gathered is None:

            async def refresh(keys: Sequence[K]) -> Sequence[V | None]:
                loaded = await asyncio.get_running_loop().run_in_executor(self._threads, cache.refresh, keys)
                return [loaded.get(key) for key in keys]

            gathered = self._gathered[id(cache)] = Gathered(refresh)
        place = (id(cache), key)
        loading = self._loading[place] = gathered.ask(key)
        loading.add_done_callback(lambda _done: self._loading.pop(place, None))
        return loading
