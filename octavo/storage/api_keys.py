"""API keys: made, listed, revoked; and when each was used last. Only hashes of their secrets are here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from octavo.domain.errors import NotFound
from octavo.domain.notification import KeyType
from octavo.telemetry.measured import measured

_COLUMNS = "id, service_id, name, key_type, created_at, revoked_at, last_used_at"
_INSERT = text(f"""
INSERT INTO api_keys (id, service_id, name, key_type, secret_hash)
VALUES (:id, :service_id, :name, :key_type, :secret_hash) RETURNING {_COLUMNS}
""")  # noqa: S608 - of constants
_REVOKE = text(f"""
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = :id AND service_id = :service_id
RETURNING {_COLUMNS}
""")  # noqa: S608 - of constants
_LIST = text(f"""
SELECT {_COLUMNS} FROM api_keys
WHERE service_id = :service_id AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :at_most
""")  # noqa: S608 - of constants
# Many processes see the same keys used: one of them writes it. The rows are locked in one order, so none waits in a circle.
_TOUCH = text("""
WITH picked AS MATERIALIZED (
    SELECT id FROM api_keys
    WHERE id = ANY(CAST(:ids AS uuid[])) AND (last_used_at IS NULL OR last_used_at < now() - CAST(:known_for AS interval))
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE api_keys k SET last_used_at = now() FROM picked p WHERE k.id = p.id
""")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to make."""

    id: UUID
    service_id: UUID
    name: str
    key_type: KeyType
    secret_hash: bytes


@measured
def insert_key(connection: Connection, key: NewKey) -> Row[Any]:
    """A new key of a service that exists."""
    values = {
        "id": key.id,
        "service_id": key.service_id,
        "name": key.name,
        "key_type": key.key_type.value,
        "secret_hash": key.secret_hash,
    }
    return connection.execute(_INSERT, values).one()


@measured
def revoke_key(connection: Connection, service_id: UUID, key_id: UUID) -> Row[Any]:
    """The key, revoked; harmless to repeat. Raises NotFound if the service has no such key."""
    row = connection.execute(_REVOKE, {"id": key_id, "service_id": service_id}).one_or_none()
    if row is None:
        raise NotFound("API key", field="id")
    return row


@measured
def list_keys(connection: Connection, service_id: UUID, before: UUID | None, at_most: int) -> Sequence[Row[Any]]:
    """The keys of a service with ids below `before`, newest first."""
    return connection.execute(_LIST, {"service_id": service_id, "before": before, "at_most": at_most}).all()


@measured
def touch_keys(connection: Connection, key_ids: Collection[UUID], known_for: timedelta) -> None:
    """Says that these keys are in use, for those of which that was not said within `known_for`."""
    connection.execute(_TOUCH, {"ids": [str(one) for one in key_ids], "known_for": known_for})
