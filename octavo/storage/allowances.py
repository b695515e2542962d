"""The daily allowance: blocks of it leased to processes, and reservations for CSV jobs. One statement changes one row.

`used` is what was charged or is leased out; it never exceeds the limit, so what is accepted doesn't either. Nothing is counted.
"""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.limits import SHARE
from octavo.domain.notification import NotificationType
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured

LEASE_TIME = timedelta(days=2)
"""After so long a lease is forgotten. Its day has ended, so nothing of it is worth giving back."""

_KEY = "service_id, notification_type, day"
_KEY_TYPES = {"service_id": "uuid", "type": "text", "day": "date"}
# octavo.domain.limits.block_size, in SQL: what is left is known only once the row is locked.
_BLOCK = "least({left}, greatest(:wanted, least(:largest, ({left}) / :share)))"
_LEASE = Prepared(
    "lease_allowance",
    f"""
WITH taken AS (
    INSERT INTO daily_allowances AS a ({_KEY}, used, latest_block)
    SELECT :service_id, :type, :day, block, block
    FROM (SELECT {_BLOCK.format(left=":limit")} AS block) sized
    WHERE :limit >= :least
    ON CONFLICT ({_KEY}) DO UPDATE
    SET used = a.used + {_BLOCK.format(left=":limit - a.used")},
        latest_block = {_BLOCK.format(left=":limit - a.used")}
    WHERE :limit - a.used >= :least
    RETURNING latest_block
), leased AS (
    INSERT INTO allowance_leases AS l (holder, {_KEY}, held, expires_at)
    SELECT :holder, :service_id, :type, :day, latest_block, now() + :lease_time
    FROM taken
    ON CONFLICT (holder, {_KEY}) DO UPDATE SET held = l.held + EXCLUDED.held, expires_at = EXCLUDED.expires_at
)
SELECT latest_block FROM taken
""",  # noqa: S608 - of constants
    _KEY_TYPES
    | {
        "holder": "uuid",
        "limit": "integer",
        "least": "integer",
        "wanted": "integer",
        "largest": "integer",
        "share": "integer",
        "lease_time": "interval",
    },
)
# Without the lease's row nothing is given back: a repetition after a lost answer finds none. What is held counts, not what
# the process believes to hold: a block whose grant was lost on its way goes back, too.
_RETURN = Prepared(
    "return_allowance",
    """
WITH ended AS (
    DELETE FROM allowance_leases
    WHERE holder = :holder AND service_id = :service_id AND notification_type = :type AND day = :day
    RETURNING held
)
UPDATE daily_allowances a SET used = a.used - greatest(0, e.held - :spent)
FROM ended e
WHERE a.service_id = :service_id AND a.notification_type = :type AND a.day = :day
RETURNING a.used
""",
    _KEY_TYPES | {"holder": "uuid", "spent": "integer"},
)
_RESERVE = text(f"""
INSERT INTO daily_allowances AS a ({_KEY}, used)
SELECT CAST(:service_id AS uuid), :type, CAST(:day AS date), CAST(:count AS integer) WHERE :limit >= :count
ON CONFLICT ({_KEY}) DO UPDATE SET used = a.used + EXCLUDED.used WHERE a.used + EXCLUDED.used <= :limit
RETURNING used
""")
_RELEASE = text(
    "UPDATE daily_allowances SET used = greatest(0, used - :count) "
    "WHERE service_id = :service_id AND notification_type = :type AND day = :day"
)
_FORGET = text("DELETE FROM allowance_leases WHERE expires_at < now() RETURNING held")
_FORGET_DAYS = text("DELETE FROM daily_allowances WHERE day < CAST(:before AS date)")


@measured
def lease_allowance(
    connection: Connection,
    holder: UUID,
    service_id: UUID,
    notification_type: NotificationType,
    day: date,
    *,
    limit: int,
    least: int,
    wanted: int,
    largest: int,
) -> int:
    """Leases a block of a day's allowance to a process: about `wanted` notifications, or up to `largest` while many are left.

    Never fewer than `least`: 0 if so many are not left.
    """
    values = _key(service_id, notification_type, day) | {
        "holder": holder,
        "limit": limit,
        "least": least,
        "wanted": wanted,
        "largest": largest,
        "share": SHARE,
        "lease_time": LEASE_TIME,
    }
    return int(_LEASE.execute(connection, values).scalar() or 0)


@measured
def return_allowance(
    connection: Connection, holder: UUID, service_id: UUID, notification_type: NotificationType, day: date, spent: int
) -> None:
    """Ends a process's lease, and gives back what it did not spend. Harmless to repeat."""
    _RETURN.execute(connection, _key(service_id, notification_type, day) | {"holder": holder, "spent": spent})


@measured
def reserve(
    connection: Connection, service_id: UUID, notification_type: NotificationType, day: date, *, limit: int, count: int
) -> bool:
    """Charges a whole CSV job at once: all of it, or nothing (False) if so many are not left."""
    values = _key(service_id, notification_type, day) | {"limit": limit, "count": count}
    return connection.execute(_RESERVE, values).scalar() is not None


@measured
def unreserve(
    connection: Connection, service_id: UUID, notification_type: NotificationType, day: date, count: int
) -> None:
    """Gives back what was reserved for rows that were not sent. Do it in the transaction that ends those rows."""
    connection.execute(_RELEASE, _key(service_id, notification_type, day) | {"count": count})


@measured
def forget_leases(connection: Connection, today: date) -> int:
    """Forgets the leases of processes that died, and the allowances of days long past; how much was forfeited.

    What a dead process had not spent is not known, so it stays charged: the limit is never exceeded (docs/adr/0012).
    """
    forfeited: int = sum(connection.execute(_FORGET).scalars())
    connection.execute(_FORGET_DAYS, {"before": today - timedelta(days=30)})
    return forfeited


def _key(service_id: UUID, notification_type: NotificationType, day: date) -> dict[str, object]:
    return {"service_id": service_id, "type": notification_type.value, "day": day}
