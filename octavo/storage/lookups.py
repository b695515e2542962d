"""Finding notifications again: one by its id, a page of many, and what a repeated call has made before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from octavo.domain.ids import REQUEST_ID_MAX_AGE, REQUEST_ID_MAX_AHEAD, first_id_at, span_of
from octavo.domain.notification import NotificationType, Status
from octavo.storage.errors import transaction
from octavo.telemetry.measured import measured

_COLUMNS = (
    "n.id, n.service_id, n.notification_type, n.status, n.key_type, n.template_id, n.template_version, n.job_id, n.job_row, "
    "n.reference, n.sealed, n.parts, n.encoding, n.created_at, n.send_at, n.attempts, n.provider, n.provider_reference, "
    "n.sent_at, n.completed_at, n.status_reason, n.unconfirmed_at, n.complained_at"
)
_GET = text(f"SELECT {_COLUMNS} FROM notifications n WHERE n.id = :id AND n.service_id = :service_id")  # noqa: S608
# The length of what is sealed is known without reading it: what does not fit is not read at all.
_LIST = f"""
SELECT * FROM (
    SELECT {_COLUMNS}, count(*) OVER () AS candidates,
           sum(coalesce(octet_length(n.sealed), 0)) OVER (ORDER BY n.id DESC) - coalesce(octet_length(n.sealed), 0) AS before
    FROM (SELECT * FROM notifications n WHERE {{where}} ORDER BY n.id DESC LIMIT :at_most) n
) n
WHERE before < :most_bytes ORDER BY id DESC
"""  # noqa: S608 - of constants
_MOVES = text(
    "SELECT status, at, reason FROM notification_moves "
    "WHERE notification_id = :id AND service_id = :service_id ORDER BY at, changed_in"
)
_FIND_ACCEPTED = text(
    "SELECT content_hash, template_id, template_version, CASE WHEN notification_type = 'sms' THEN sealed END AS sealed "
    "FROM notifications WHERE id = :id"
)
_PRESENT = text("SELECT id, service_id FROM notifications WHERE id = ANY(CAST(:ids AS uuid[]))")
_GUESTS = text("""
SELECT g.service_id, g.recipient_hash
FROM unnest(CAST(:services AS uuid[]), CAST(:hashes AS bytea[])) AS asked (service_id, recipient_hash)
JOIN guests g ON g.service_id = asked.service_id AND g.recipient_hash = asked.recipient_hash
""")
MOST_SEALED_BYTES = 8_000_000
"""What is sealed on one page, about."""


@dataclass(frozen=True, slots=True)
class AcceptedBefore:
    """What a repeated call needs to know of the first one."""

    content_hash: bytes
    template_id: UUID
    template_version: int
    sealed: bytes | None
    """Of a text message, whose prefix is in it; None of an email."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which notifications of a service. All that is given must hold."""

    type: NotificationType | None = None
    statuses: tuple[Status, ...] = ()
    template_id: UUID | None = None
    reference: str = ""
    job_id: UUID | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    recipient_hash: bytes | None = None


@measured
def get_notification(connection: Connection, service_id: UUID, notification_id: UUID) -> Row[Any] | None:
    """One notification of a service; None if the service has no such one."""
    return connection.execute(_GET, {"id": notification_id, "service_id": service_id}).one_or_none()


@measured
def get_moves(connection: Connection, service_id: UUID, notification_id: UUID) -> Sequence[Row[Any]]:
    """The moves of one notification, oldest first."""
    return connection.execute(_MOVES, {"id": notification_id, "service_id": service_id}).all()


@measured
def list_notifications(
    connection: Connection, service_id: UUID, wanted: Filter, before: UUID | None, at_most: int
) -> Sequence[Row[Any]]:
    """The notifications of a service, newest first, whose ids are below `before`.

    A page is found by the id where it begins, so the thousandth costs what the first does. It ends early once what is sealed
    comes to megabytes; `candidates` on each row is how many rows it would have had.
    """
    conditions, values = _conditions(wanted)
    if before is not None:
        conditions.append("n.id < :before")
        values["before"] = before
    where = " AND ".join(["n.service_id = :service_id", *conditions])
    values |= {"service_id": service_id, "at_most": at_most, "most_bytes": MOST_SEALED_BYTES}
    return connection.execute(text(_LIST.format(where=where)), values).all()


@measured
def find_accepted(engine: Engine, notification_id: UUID) -> AcceptedBefore | None:
    """What was accepted under an id; None if nothing was. Raises Unavailable if that can't be told."""
    with transaction(engine) as connection:
        row = connection.execute(_FIND_ACCEPTED, {"id": notification_id}).one_or_none()
    if row is None:
        return None
    sealed = None if row.sealed is None else bytes(row.sealed)
    return AcceptedBefore(bytes(row.content_hash), row.template_id, row.template_version, sealed)


@measured
def which_are_there(engine: Engine, ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """Those of the notifications that are persisted, each with its service. Raises Unavailable if that can't be told."""
    with transaction(engine) as connection:
        rows = connection.execute(_PRESENT, {"ids": [str(one) for one in ids]})
        return {(row.id, row.service_id) for row in rows}


@measured
def which_are_guests(engine: Engine, asked: Collection[tuple[UUID, bytes]]) -> dict[tuple[UUID, bytes], bool]:
    """Of recipients, by service and hash, which are on the service's guest list. Raises Unavailable if that can't be told."""
    values = {"services": [str(service_id) for service_id, _ in asked], "hashes": [hashed for _, hashed in asked]}
    with transaction(engine) as connection:
        there = {(row.service_id, bytes(row.recipient_hash)) for row in connection.execute(_GUESTS, values)}
    return {one: one in there for one in asked}


def _conditions(wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}

    def must(condition: str, **value: Any) -> None:
        conditions.append(condition)
        values.update(value)

    if wanted.type is not None:
        must("n.notification_type = :type", type=wanted.type.value)
    if wanted.statuses:
        must("n.status = ANY(:statuses)", statuses=[status.value for status in wanted.statuses])
    if wanted.template_id is not None:
        must("n.template_id = :template_id", template_id=wanted.template_id)
    if wanted.reference:
        must("n.reference = :reference", reference=wanted.reference)
    if wanted.recipient_hash is not None:
        must("n.recipient_hash = :recipient_hash", recipient_hash=wanted.recipient_hash)
    if wanted.job_id is not None:
        # The rows of a job have ids of the job's own millisecond.
        first, last = span_of(wanted.job_id)
        must("n.job_id = :job_id", job_id=wanted.job_id)
        must("n.id BETWEEN :job_first AND :job_last", job_first=first, job_last=last)
    # An id tells when a notification was made, but one made of a request_id may be older or newer than its acceptance.
    if wanted.created_from is not None:
        first = first_id_at(_not_before_1970(wanted.created_from, REQUEST_ID_MAX_AGE))
        must("n.created_at >= :created_from AND n.id >= :first", created_from=wanted.created_from, first=first)
    if wanted.created_before is not None:
        end = first_id_at(_not_after_9999(wanted.created_before, REQUEST_ID_MAX_AHEAD))
        must("n.created_at < :created_before AND n.id < :end", created_before=wanted.created_before, end=end)
    return conditions, values


def _not_before_1970(at: datetime, by: timedelta) -> datetime:
    epoch = datetime.fromtimestamp(0, at.tzinfo)
    return max(epoch, at - by)


def _not_after_9999(at: datetime, by: timedelta) -> datetime:
    return at + min(by, datetime.max.replace(tzinfo=at.tzinfo) - at)
