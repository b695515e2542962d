"""The registry of services: settings, and guest lists. It is changed by the platform team, through the api."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, exc, text

from octavo.domain.errors import AlreadyExists, NotFound, Reason
from octavo.domain.limits import DAILY_LIMIT, RATE_PER_MINUTE, RETENTION_DAYS
from octavo.telemetry.measured import measured


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set of a service; the defaults are those of a service that sets nothing but its name."""

    name: str = ""
    reply_to_addresses: tuple[str, ...] = ()
    sms_senders: tuple[str, ...] = ()
    sms_prefix: bool = True
    sms_daily_limit: int = DAILY_LIMIT
    email_daily_limit: int = DAILY_LIMIT
    rate_per_minute: int = RATE_PER_MINUTE
    retention_days: int = RETENTION_DAYS
    trial: bool = False
    suspended: bool = False
    unconfirmed_policy: str = "FAIL"


NAMES = tuple(field.name for field in fields(Settings))
_COLUMNS = f"id, {', '.join(NAMES)}, created_at, updated_at"
_LISTS = ("reply_to_addresses", "sms_senders")
_VALUES = ", ".join(f"CAST(:{name} AS text[])" if name in _LISTS else f":{name}" for name in NAMES)

_INSERT = text(f"""
INSERT INTO services (id, {", ".join(NAMES)}) VALUES (:id, {_VALUES}) ON CONFLICT (name) DO NOTHING RETURNING {_COLUMNS}
""")  # noqa: S608 - of constants
_UPDATE = text(f"""
UPDATE services SET ({", ".join(NAMES)}) = ROW({_VALUES}), updated_at = now() WHERE id = :id RETURNING {_COLUMNS}
""")  # noqa: S608 - of constants
_GET = text(f"SELECT {_COLUMNS} FROM services WHERE id = :id")  # noqa: S608 - of constants
_LOCK = text(f"SELECT {_COLUMNS} FROM services WHERE id = :id FOR UPDATE")  # noqa: S608 - of constants
_LIST = text(f"""
SELECT {_COLUMNS} FROM services WHERE CAST(:before AS uuid) IS NULL OR id < :before ORDER BY id DESC LIMIT :at_most
""")  # noqa: S608 - of constants

# One that is there already stays as it is; the update changes nothing, and makes the row come back.
_ADD_GUESTS = text("""
INSERT INTO guests AS g (service_id, recipient_hash, guest_id, sealed)
SELECT :service_id, * FROM unnest(CAST(:hashes AS bytea[]), CAST(:ids AS uuid[]), CAST(:sealed AS bytea[]))
ON CONFLICT (service_id, recipient_hash) DO UPDATE SET guest_id = g.guest_id
RETURNING recipient_hash, guest_id, created_at
""")
_REMOVE_GUESTS = text(
    "DELETE FROM guests WHERE service_id = :service_id AND recipient_hash = ANY(CAST(:hashes AS bytea[]))"
)
_LIST_GUESTS = text("""
SELECT guest_id, sealed, created_at FROM guests
WHERE service_id = :service_id AND (CAST(:before AS uuid) IS NULL OR guest_id < :before)
ORDER BY guest_id DESC LIMIT :at_most
""")


@dataclass(frozen=True, slots=True)
class NewGuest:
    """A guest to add: sealed, bound to its id, and found by its hash."""

    id: UUID
    recipient_hash: bytes
    sealed: bytes


@measured
def insert_service(connection: Connection, service_id: UUID, settings: Settings) -> Row[Any]:
    """A new service. Raises AlreadyExists if another one has its name."""
    row = connection.execute(_INSERT, _values(service_id, settings)).one_or_none()
    if row is None:
        raise _name_taken()
    return row


@measured
def update_service(connection: Connection, service_id: UUID, settings: Settings) -> Row[Any]:
    """The service with these settings. Raises AlreadyExists if another one has its name."""
    try:
        return connection.execute(_UPDATE, _values(service_id, settings)).one()
    except exc.IntegrityError:
        raise _name_taken() from None


@measured
def get_service(connection: Connection, service_id: UUID, *, field: str, lock: bool = False) -> Row[Any]:
    """A service, locked until the end of the transaction if asked for. Raises NotFound, naming the field, if there is none."""
    row = connection.execute(_LOCK if lock else _GET, {"id": service_id}).one_or_none()
    if row is None:
        raise NotFound("service", field=field)
    return row


@measured
def list_services(connection: Connection, before: UUID | None, at_most: int) -> Sequence[Row[Any]]:
    """The services with ids below `before`, newest first."""
    return connection.execute(_LIST, {"before": before, "at_most": at_most}).all()


@measured
def add_guests(connection: Connection, service_id: UUID, guests: Sequence[NewGuest]) -> dict[bytes, Row[Any]]:
    """Adds those that are not on the list yet; all of them as they are on it now, by their hashes."""
    # In one order for everybody, so that two that add the same guests do not wait for each other. Each hash once.
    unique = sorted({guest.recipient_hash: guest for guest in guests}.values(), key=lambda guest: guest.recipient_hash)
    values = {
        "service_id": service_id,
        "hashes": [guest.recipient_hash for guest in unique],
        "ids": [str(guest.id) for guest in unique],
        "sealed": [guest.sealed for guest in unique],
    }
    return {bytes(row.recipient_hash): row for row in connection.execute(_ADD_GUESTS, values)}


@measured
def remove_guests(connection: Connection, service_id: UUID, hashes: Sequence[bytes]) -> int:
    """Takes guests off the list; how many were on it."""
    return connection.execute(_REMOVE_GUESTS, {"service_id": service_id, "hashes": list(hashes)}).rowcount


@measured
def list_guests(connection: Connection, service_id: UUID, before: UUID | None, at_most: int) -> Sequence[Row[Any]]:
    """The guests of a service with ids below `before`, newest first."""
    values = {"service_id": service_id, "before": before, "at_most": at_most}
    return connection.execute(_LIST_GUESTS, values).all()


def settings_of(row: Row[Any]) -> Settings:
    """The settings in a row."""
    values = {name: getattr(row, name) for name in NAMES}
    return Settings(**values | {name: tuple(values[name]) for name in _LISTS})


def _values(service_id: UUID, settings: Settings) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in NAMES}
    return values | {name: list(values[name]) for name in _LISTS} | {"id": service_id}


def _name_taken() -> AlreadyExists:
    return AlreadyExists(Reason.ALREADY_EXISTS, "another service has this name", field="service.name")
