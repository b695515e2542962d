"""What sending needs to know of services, keys and templates, through caches that are right within ten seconds.

Each is asked for many at once. While PostgreSQL is away, what is known goes on being used.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, TextClause, text

from octavo.domain.limits import TRIAL_DAILY_LIMIT
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.template import Template
from octavo.storage.cache import FRESH_SECONDS, Cache
from octavo.storage.errors import transaction
from octavo.telemetry.measured import measured


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


@dataclass(frozen=True)
class TemplateVersion:
    """One version of a template, parsed. It never changes."""

    template_id: UUID
    version: int
    subject: Template | None
    content: Template

    @cached_property
    def written_id(self) -> str:
        """The template's id as each answer tells it: written once."""
        return str(self.template_id)

    @cached_property
    def id_bytes(self) -> bytes:
        """The template's id as each message carries it."""
        return self.template_id.bytes


class Nothing:
    """Stands in the caches for what does not exist, so that asking again costs nothing either."""


NOTHING = Nothing()


class Directory:
    """Services, keys and templates, through caches. Safe for threads; `fresh_*` never waits, the others may ask the database."""

    def __init__(self, engine: Engine, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._engine = engine
        self.services: Cache[UUID, Service | Nothing] = Cache(self._load_services, fresh_seconds)
        self.keys: Cache[UUID, ApiKey | Nothing] = Cache(self._load_keys, fresh_seconds)
        self.templates: Cache[UUID, TemplateHead | Nothing] = Cache(self._load_templates, fresh_seconds)
        # A version never changes; one that was not there may come.
        self.versions: Cache[tuple[UUID, int], TemplateVersion] = Cache(
            self._load_versions, float("inf"), at_most=2_000
        )

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
    def _load_services(self, service_ids: Collection[UUID]) -> Mapping[UUID, Service | Nothing]:
        found: dict[UUID, Service | Nothing] = dict.fromkeys(service_ids, NOTHING)
        for row in self._rows(_SERVICES, service_ids):
            columns: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - its public name
            for name in ("reply_to_addresses", "sms_senders"):
                columns[name] = tuple(columns[name])
            found[row.id] = Service(**columns)
        return found

    @measured
    def _load_keys(self, key_ids: Collection[UUID]) -> Mapping[UUID, ApiKey | Nothing]:
        found: dict[UUID, ApiKey | Nothing] = dict.fromkeys(key_ids, NOTHING)
        for row in self._rows(_KEYS, key_ids):
            found[row.id] = ApiKey(
                row.id, row.service_id, row.name, KeyType(row.key_type), bytes(row.secret_hash), row.revoked
            )
        # Whoever asks for a key asks for its service next.
        self.services.have({key.service_id for key in found.values() if isinstance(key, ApiKey)})
        return found

    @measured
    def _load_templates(self, template_ids: Collection[UUID]) -> Mapping[UUID, TemplateHead | Nothing]:
        found: dict[UUID, TemplateHead | Nothing] = dict.fromkeys(template_ids, NOTHING)
        for row in self._rows(_TEMPLATES, template_ids):
            found[row.id] = TemplateHead(
                row.id, row.service_id, NotificationType(row.notification_type), row.name, row.version, row.archived
            )
        return found

    @measured
    def _load_versions(self, wanted: Collection[tuple[UUID, int]]) -> Mapping[tuple[UUID, int], TemplateVersion]:
        values = {
            "ids": [str(template_id) for template_id, _ in wanted],
            "versions": [version for _, version in wanted],
        }
        with transaction(self._engine) as connection:
            rows = connection.execute(_VERSIONS, values).all()
        return {
            (row.template_id, row.version): TemplateVersion(
                row.template_id,
                row.version,
                Template.parse(row.subject) if row.subject is not None else None,
                Template.parse(row.content),
            )
            for row in rows
        }

    def _rows(self, statement: TextClause, ids: Collection[UUID]) -> Sequence[Row[Any]]:
        with transaction(self._engine) as connection:
            return connection.execute(statement, {"ids": [str(one) for one in ids]}).all()


_SERVICES = text("""
SELECT id, name, reply_to_addresses, sms_senders, sms_prefix, sms_daily_limit, email_daily_limit, rate_per_minute,
       retention_days, trial, suspended, unconfirmed_policy
FROM services WHERE id = ANY(CAST(:ids AS uuid[]))
""")
_KEYS = text("""
SELECT id, service_id, name, key_type, secret_hash, revoked_at IS NOT NULL AS revoked
FROM api_keys WHERE id = ANY(CAST(:ids AS uuid[]))
""")
_TEMPLATES = text("""
SELECT id, service_id, notification_type, name, version, archived_at IS NOT NULL AS archived
FROM templates WHERE id = ANY(CAST(:ids AS uuid[]))
""")
# The ids stand beside the join, too: a kept plan finds them by key, and does not read all versions (ADR 0025).
_VERSIONS = text("""
SELECT v.template_id, v.version, v.subject, v.content
FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[])) AS wanted (template_id, version)
JOIN template_versions v ON v.template_id = wanted.template_id AND v.version = wanted.version
WHERE v.template_id = ANY(CAST(:ids AS uuid[]))
""")
