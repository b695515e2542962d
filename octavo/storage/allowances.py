"""The daily allowance: blocks of it leased to processes, and reservations for CSV jobs. Nothing is counted.

`used` is what was charged or is leased out; it never exceeds the limit, so what is accepted doesn't either. One statement takes
or gives back the blocks of many services, and locks their rows in the order of their keys, as every other does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.limits import SHARE
from octavo.domain.notification import NotificationType
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured

LEASE_TIME = timedelta(days=2)
"""After so long a lease is forgotten. Its day has ended, so nothing of it is worth giving back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A block that a process would like: about `wanted` of a day's allowance, or up to `largest` while many are left.

    Never fewer than `least`.
    """

    service_id: UUID
    type: NotificationType
    day: date
    limit: int
    least: int
    wanted: int
    largest: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A lease that ends, and what of it was spent."""

    service_id: UUID
    type: NotificationType
    day: date
    spent: int


_KEY = "service_id, notification_type, day"
_KEYS = {"service_ids": "uuid[]", "types": "text[]", "days": "date[]"}


def _ours(table: str, other: str) -> str:
    # The table is looked into by its ids, beside the join: so its plan reads these rows alone, however many there are.
    same = " AND ".join(f"{table}.{column} = {other}.{column}" for column in _KEY.split(", "))
    return f"{table}.service_id = ANY(:service_ids) AND {table}.day = ANY(:days) AND {same}"


_FIRST = Prepared(
    "begin_allowances",
    f"""
INSERT INTO daily_allowances ({_KEY})
SELECT * FROM unnest(:service_ids, :types, :days) AS i ({_KEY}) ORDER BY {_KEY}
ON CONFLICT DO NOTHING
""",  # noqa: S608 - of constants, as are the others
    _KEYS,
)
# Blocks shrink as the limit nears. What is left is known only once the row is locked.
_LEASE = Prepared(
    "lease_allowances",
    f"""
WITH locked AS (
    SELECT i.*, i.most - a.used AS rest
    FROM unnest(:service_ids, :types, :days, :limits, :leasts, :wanteds, :largests)
        AS i ({_KEY}, most, least, wanted, largest), daily_allowances a
    WHERE {_ours("a", "i")}
    ORDER BY a.service_id, a.notification_type, a.day
    FOR UPDATE OF a
), sized AS (
    SELECT {_KEY}, CASE WHEN rest >= least THEN least(rest, greatest(wanted, least(largest, rest / :share))) ELSE 0 END AS block
    FROM locked
), taken AS (
    UPDATE daily_allowances a SET used = a.used + s.block, latest_block = s.block
    FROM sized s WHERE s.block > 0 AND {_ours("a", "s")}
), leased AS (
    INSERT INTO allowance_leases AS l (holder, {_KEY}, held, expires_at)
    SELECT :holder, {_KEY}, block, now() + :lease_time FROM sized WHERE block > 0
    ON CONFLICT (holder, {_KEY}) DO UPDATE SET held = l.held + EXCLUDED.held, expires_at = EXCLUDED.expires_at
)
SELECT {_KEY}, block FROM sized
""",  # noqa: S608
    _KEYS
    | {
        "limits": "integer[]",
        "leasts": "integer[]",
        "wanteds": "integer[]",
        "largests": "integer[]",
        "share": "integer",
        "holder": "uuid",
        "lease_time": "interval",
    },
)
# Without the lease's row nothing is given back: a repetition after a lost answer finds none. What is held counts, not what
# the process believes to hold: a block whose grant was lost on its way goes back, too.
_RETURN = Prepared(
    "return_allowances",
    f"""
WITH ended AS (
    DELETE FROM allowance_leases l
    USING unnest(:service_ids, :types, :days, :spents) AS i ({_KEY}, spent)
    WHERE l.holder = :holder AND {_ours("l", "i")}
    RETURNING l.service_id, l.notification_type, l.day, greatest(0, l.held - i.spent) AS rest
), locked AS (
    SELECT e.* FROM ended e, daily_allowances a WHERE {_ours("a", "e")}
    ORDER BY a.service_id, a.notification_type, a.day
    FOR UPDATE OF a
)
UPDATE daily_allowances a SET used = a.used - r.rest FROM locked r WHERE {_ours("a", "r")}
""",  # noqa: S608
    _KEYS | {"spents": "integer[]", "holder": "uuid"},
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
def lease_allowances(connection: Connection, holder: UUID, asked: Sequence[Wanted]) -> list[int]:
    """Leases to a process what it asks for, no two of it of the same allowance: for each how many, 0 if not enough are left."""
    blocks = _lease(connection, holder, asked)
    if first := [one for one in asked if _row_of(one) not in blocks]:
        # Of their day.
        _FIRST.execute(connection, _keys(first))
        blocks |= _lease(connection, holder, first)
    return [blocks[_row_of(one)] for one in asked]


def _lease(connection: Connection, holder: UUID, asked: Sequence[Wanted]) -> dict[tuple[Any, ...], int]:
    values = _keys(asked) | {
        "limits": [one.limit for one in asked],
        "leasts": [one.least for one in asked],
        "wanteds": [one.wanted for one in asked],
        "largests": [one.largest for one in asked],
        "share": SHARE,
        "holder": holder,
        "lease_time": LEASE_TIME,
    }
    return {tuple(row[:3]): int(row.block) for row in _LEASE.execute(connection, values)}


@measured
def return_allowances(connection: Connection, holder: UUID, ended: Sequence[Ended]) -> None:
    """Ends leases of a process, and gives back what it did not spend. Harmless to repeat."""
    _RETURN.execute(connection, _keys(ended) | {"spents": [one.spent for one in ended], "holder": holder})


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


def _row_of(one: Wanted) -> tuple[Any, ...]:
    return one.service_id, one.type.value, one.day


def _keys(of: Sequence[Wanted] | Sequence[Ended]) -> dict[str, Any]:
    return {
        "service_ids": [str(one.service_id) for one in of],
        "types": [one.type.value for one in of],
        "days": [one.day for one in of],
    }
