"""What sending needs to know of services, keys and templates; and a cache of it that is right within ten seconds.

While PostgreSQL is away, what is known goes on being used.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Engine, text

from octavo.domain.errors import Unavailable
from octavo.domain.limits import TRIAL_DAILY_LIMIT
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.template import Template
from octavo.storage.errors import transaction
from octavo.telemetry.measured import measured

FRESH_SECONDS = 5.0
AT_MOST = 10_000

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Service:
    """A tenant. Limits count notifications a day (UTC) and calls a minute."""

    id: UUID
    name: str
    reply_to_addresses: tuple[str, ...]
    sms_senders: tuple[str, ...]
    sms_prefix: bool
    sms_daily_limit: int
    email_daily_limit: int
    rate_per_minute: int
    retention_days: int
    trial: bool
    suspended: bool
    unconfirmed_policy: str

    def daily_limit(self, notification_type: NotificationType) -> int:
        """How many notifications of a type it may send in a day."""
        limit = self.sms_daily_limit if notification_type is NotificationType.SMS else self.email_daily_limit
        return min(limit, TRIAL_DAILY_LIMIT) if self.trial else limit

    @property
    def prefix(self) -> str | None:
        """What stands before each of its texts, if anything."""
        return self.name if self.sms_prefix else None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its secret."""

    id: UUID
    service_id: UUID
    name: str
    key_type: KeyType
    secret_hash: bytes
    revoked: bool


@dataclass(frozen=True, slots=True)
class TemplateHead:
    """A template and which of its versions is the current one."""

    id: UUID
    service_id: UUID
    type: NotificationType
    name: str
    version: int
    archived: bool


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version of a template, parsed. It never changes."""

    template_id: UUID
    version: int
    subject: Template | None
    content: Template


class Cache(Generic[K, V]):
    """Values by key, the least recently used dropped beyond a bound; old ones are kept for when nothing newer can be had."""

    def __init__(self, load: Callable[[K], V], fresh_seconds: float = FRESH_SECONDS, at_most: int = AT_MOST) -> None:
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._at_most = at_most
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[K, threading.Lock] = {}

    def fresh(self, key: K) -> V | None:
        """The value if it is known and young enough, without any wait."""
        entry = self._entries.get(key)
        if entry is None or monotonic() - entry[0] > self._fresh_seconds:
            return None
        return entry[1]

    def get(self, key: K) -> V:
        """The value, loaded if it is not known or too old; one load at a time for a key.

        Raises Unavailable if it can't be loaded and is not known at all.
        """
        if (value := self.fresh(key)) is not None:
            return value
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            try:
                if (value := self.fresh(key)) is not None:
                    return value
                value = self._load(key)
            except Unavailable:
                with self._lock:
                    old = self._entries.get(key)
                if old is None:
                    raise
                # Not asked again for a moment, so that an absent database costs one wait in a while, not one a call.
                self.put(key, old[1])
                return old[1]
            finally:
                with self._lock:
                    self._loading.pop(key, None)
            self.put(key, value)
            return value

    def aged(self, key: K) -> tuple[float, V] | None:
        """The value however old, with its age in seconds, without any wait; None if it is not known."""
        entry = self._entries.get(key)
        return None if entry is None else (monotonic() - entry[0], entry[1])

    def refresh(self, key: K) -> V:
        """The value, loaded anew however young it is; the known one goes on being used if that can't be done.

        Raises Unavailable if it can't be loaded and is not known at all.
        """
        try:
            value = self._load(key)
        except Unavailable:
            old = self._entries.get(key)
            if old is None:
                raise
            value = old[1]
        self.put(key, value)
        return value

    @property
    def fresh_seconds(self) -> float:
        """How long a value counts as fresh."""
        return self._fresh_seconds

    def put(self, key: K, value: V) -> None:
        """Keeps a value as of now."""
        with self._lock:
            self._entries[key] = (monotonic(), value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._at_most:
                self._entries.popitem(last=False)


class Nothing:
    """Stands in the caches for what does not exist, so that asking again costs nothing either."""


NOTHING = Nothing()


class Directory:
    """Services, keys and templates, through caches. Safe for threads; `fresh_*` never waits, the others may ask the database."""

    def __init__(self, engine: Engine, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._engine = engine
        self.services: Cache[UUID, Service | Nothing] = Cache(self._load_service, fresh_seconds)
        self.keys: Cache[UUID, ApiKey | Nothing] = Cache(self._load_key, fresh_seconds)
        self.templates: Cache[UUID, TemplateHead | Nothing] = Cache(self._load_template, fresh_seconds)
        # A version never changes; one that was not there may come.
        self.versions: Cache[tuple[UUID, int], TemplateVersion] = Cache(self._load_version, float("inf"), at_most=2_000)

    def service(self, service_id: UUID) -> Service | None:
        """A service; None if there is none. Raises Unavailable if that can't be told."""
        found = self.services.get(service_id)
        return None if isinstance(found, Nothing) else found

    def key(self, key_id: UUID) -> ApiKey | None:
        """An API key, a revoked one too; None if there is none. Raises Unavailable if that can't be told."""
        found = self.keys.get(key_id)
        return None if isinstance(found, Nothing) else found

    def template(self, template_id: UUID) -> TemplateHead | None:
        """A template; None if there is none. Raises Unavailable if that can't be told."""
        found = self.templates.get(template_id)
        return None if isinstance(found, Nothing) else found

    def version(self, template_id: UUID, version: int) -> TemplateVersion:
        """A version of a template. Raises KeyError if there is none, Unavailable if that can't be told."""
        return self.versions.get((template_id, version))

    @measured
    def _load_service(self, service_id: UUID) -> Service | Nothing:
        with transaction(self._engine) as connection:
            row = connection.execute(_SERVICE, {"id": service_id}).one_or_none()
        if row is None:
            return NOTHING
        columns: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - its public name
        for name in ("reply_to_addresses", "sms_senders"):
            columns[name] = tuple(columns[name])
        return Service(**columns)

    @measured
    def _load_key(self, key_id: UUID) -> ApiKey | Nothing:
        with transaction(self._engine) as connection:
            row = connection.execute(_KEY, {"id": key_id}).one_or_none()
        if row is None:
            return NOTHING
        return ApiKey(row.id, row.service_id, row.name, KeyType(row.key_type), bytes(row.secret_hash), row.revoked)

    @measured
    def _load_template(self, template_id: UUID) -> TemplateHead | Nothing:
        with transaction(self._engine) as connection:
            row = connection.execute(_TEMPLATE, {"id": template_id}).one_or_none()
        if row is None:
            return NOTHING
        return TemplateHead(
            row.id, row.service_id, NotificationType(row.notification_type), row.name, row.version, row.archived
        )

    @measured
    def _load_version(self, key: tuple[UUID, int]) -> TemplateVersion:
        with transaction(self._engine) as connection:
            row = connection.execute(_VERSION, {"id": key[0], "version": key[1]}).one_or_none()
        if row is None:
            raise KeyError(key)
        subject = Template.parse(row.subject) if row.subject is not None else None
        return TemplateVersion(key[0], key[1], subject, Template.parse(row.content))


_SERVICE = text("""
SELECT id, name, reply_to_addresses, sms_senders, sms_prefix, sms_daily_limit, email_daily_limit, rate_per_minute,
       retention_days, trial, suspended, unconfirmed_policy
FROM services WHERE id = :id
""")
_KEY = text(
    "SELECT id, service_id, name, key_type, secret_hash, revoked_at IS NOT NULL AS revoked FROM api_keys WHERE id = :id"
)
_TEMPLATE = text("""
SELECT id, service_id, notification_type, name, version, archived_at IS NOT NULL AS archived FROM templates WHERE id = :id
""")
_VERSION = text("SELECT subject, content FROM template_versions WHERE template_id = :id AND version = :version")
