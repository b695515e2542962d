"""Withdrawing a notification, and the stream of all moves.

The stream is ordered by the transaction that made a move. A move is shown once every transaction that began before its own
has ended: one that commits late can't be overtaken, and so is never missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from octavo.domain.notification import NotificationType, Status
from octavo.storage.errors import transaction
from octavo.telemetry.measured import measured

# Compare and set: whoever claims it at the same moment either comes first, and then it stays, or finds it cancelled.
_CANCEL = text("""
WITH changed AS (
    UPDATE notifications n
    SET status = 'cancelled', next_attempt_at = NULL, completed_at = now(), updated_at = now()
    WHERE n.id = :id AND n.service_id = :service_id AND n.status IN ('scheduled', 'created') AND n.claim_token IS NULL
    RETURNING n.id, n.service_id
), remembered AS (
    UPDATE notification_history h SET status = 'cancelled', completed_at = now(), updated_at = now()
    FROM changed c WHERE h.id = c.id AND h.id = :id
), moved AS (
    INSERT INTO notification_moves (notification_id, service_id, status) SELECT id, service_id, 'cancelled' FROM changed
)
SELECT id FROM changed
""")
_HORIZON = text("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)")
_MOVED = text("""
SELECT s.id FROM unnest(CAST(:services AS uuid[])) AS s (id)
WHERE EXISTS (
    SELECT FROM notification_moves m
    WHERE m.service_id = s.id AND m.changed_in >= CAST(:since AS xid8) AND m.changed_in < CAST(:horizon AS xid8)
)
""")
_MOVES = """
SELECT m.notification_id, m.status, m.reason, m.at, CAST(CAST(m.changed_in AS text) AS bigint) AS transaction,
       h.notification_type, coalesce(n.reference, '') AS reference
FROM (
    SELECT * FROM notification_moves m
    WHERE m.service_id = :service_id {one}
      AND m.changed_in >= CAST(:transaction AS xid8) AND m.changed_in < CAST(:horizon AS xid8)
      AND (m.changed_in, m.notification_id, m.at, m.status)
          > (CAST(:transaction AS xid8), CAST(:id AS uuid), CAST(:at AS timestamptz), CAST(:status AS text))
    ORDER BY m.changed_in, m.notification_id, m.at, m.status
    LIMIT :at_most
) m
JOIN notification_history h ON h.id = m.notification_id
LEFT JOIN notifications n ON n.id = m.notification_id
ORDER BY m.changed_in, m.notification_id, m.at, m.status
"""
_MOVES_OF_SERVICE = text(_MOVES.format(one=""))
_MOVES_OF_ONE = text(_MOVES.format(one="AND m.notification_id = :notification_id"))

_NO_ID = UUID(int=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream: after this move; or before all moves of a transaction."""

    transaction: int
    notification_id: UUID = _NO_ID
    at: datetime = _EPOCH
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One move, and where it stands in the stream."""

    position: Position
    type: NotificationType
    reference: str
    status: Status
    reason: str


BEGINNING = Position(0)


@measured
def cancel_notification(connection: Connection, service_id: UUID, notification_id: UUID) -> bool:
    """Withdraws a notification that no worker has taken; whether there was such a one."""
    return connection.execute(_CANCEL, {"id": notification_id, "service_id": service_id}).one_or_none() is not None


@measured
def horizon(engine: Engine) -> int:
    """The transaction below which everything has ended. Raises Unavailable if that can't be told."""
    with transaction(engine) as connection:
        return int(connection.execute(_HORIZON).scalar_one())


@measured
def moved_since(engine: Engine, services: Sequence[UUID], since: int) -> tuple[int, set[UUID]]:
    """The horizon now, and which of the services have moves between `since` and it. Raises Unavailable."""
    with transaction(engine) as connection:
        now = int(connection.execute(_HORIZON).scalar_one())
        values = {"services": [str(one) for one in services], "since": str(since), "horizon": str(now)}
        return now, {row.id for row in connection.execute(_MOVED, values)}


@measured
def moves_between(
    engine: Engine, service_id: UUID, notification_id: UUID | None, after: Position, before: int, at_most: int = 500
) -> list[Move]:
    """The moves of a service, or of one of its notifications, after a position and below a horizon. Raises Unavailable."""
    statement = _MOVES_OF_SERVICE if notification_id is None else _MOVES_OF_ONE
    values = {
        "service_id": service_id,
        "horizon": str(before),
        "transaction": str(after.transaction),
        "id": after.notification_id,
        "at": after.at,
        "status": after.status.value if after.status else "",
        "at_most": at_most,
    }
    if notification_id is not None:
        values["notification_id"] = notification_id
    with transaction(engine) as connection:
        rows = connection.execute(statement, values).all()
    return [
        Move(
            Position(row.transaction, row.notification_id, row.at, Status(row.status)),
            NotificationType(row.notification_type),
            row.reference,
            Status(row.status),
            row.reason,
        )
        for row in rows
    ]
