"""Data protection by time: sealed data is erased when its service's retention is over, and rows go at last. History stays.

What is still to be sent, or under way, keeps its data until it is settled. Each function can be repeated, by any number of
processes at once.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.ids import REQUEST_ID_MAX_AHEAD, first_id_at
from octavo.domain.notification import FINAL
from octavo.storage.partitions import partition_name, wait_briefly
from octavo.telemetry.measured import measured

ROWS_KEPT = timedelta(days=120)
"""How long rows without sealed data can be looked up: longer than the longest retention (90 days) and send_at (14 days)."""

_AT_ONCE = 1_000

# Most rows of old days are erased already, which the planner does not know: it would read them all for every batch. In the
# order of the index by recipient, which holds what is not erased yet and nothing else, it reads no others.
_THROUGH_INDEX = text(
    "SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) AS name"
)
_SERVICES = text("SELECT id, retention_days, now() AS now FROM services")
_ERASE = text("""
WITH picked AS MATERIALIZED (
    SELECT n.id FROM unnest(CAST(:services AS uuid[])) AS s (id) CROSS JOIN LATERAL (
        SELECT id FROM notifications
        WHERE service_id = s.id AND recipient_hash IS NOT NULL AND id < :before
          AND coalesce(send_at, created_at) < :past AND status = ANY(:final)
        ORDER BY recipient_hash, id LIMIT :at_most FOR UPDATE SKIP LOCKED
    ) n
    LIMIT :at_most
)
UPDATE notifications n SET sealed = NULL, recipient_hash = NULL, updated_at = now()
FROM picked p WHERE n.id = p.id AND n.id < :before
""")

_PARTITIONS = text("""
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:table AS regclass) AND c.relname ~ '_[0-9]{8}$' AND c.relname < :end ORDER BY c.relname
""")
_NEEDED = (
    "next_attempt_at IS NOT NULL OR claim_expires_at IS NOT NULL OR status IN ('sending', 'pending') "
    "OR recipient_hash IS NOT NULL"
)
# Partitions that were not there in time leave their rows in the default one.
_DELETE_NOTIFICATIONS = text(f"""
WITH picked AS MATERIALIZED (
    SELECT id FROM notifications_default WHERE id < :before AND NOT ({_NEEDED}) ORDER BY id LIMIT :at_most FOR UPDATE SKIP LOCKED
)
DELETE FROM notifications_default n USING picked p WHERE n.id = p.id
""")  # noqa: S608 - of constants
_DELETE_MOVES = text("""
WITH picked AS MATERIALIZED (
    SELECT m.ctid AS place FROM notification_moves_default m
    WHERE m.notification_id < :before AND NOT EXISTS (SELECT FROM notifications n WHERE n.id = m.notification_id)
    LIMIT :at_most FOR UPDATE SKIP LOCKED
)
DELETE FROM notification_moves_default m USING picked p WHERE m.ctid = p.place
""")


@measured
def erase_expired(connection: Connection, at_most: int = 500) -> int:
    """Erases what is sealed, and the hashes of recipients, of notifications whose service's retention is over; how many.

    The retention counts from acceptance, or from the time that was asked for if that is later.
    """
    services: defaultdict[int, list[str]] = defaultdict(list)
    now = datetime.now(UTC)
    for row in connection.execute(_SERVICES):
        services[row.retention_days].append(str(row.id))
        now = row.now
    erased = 0
    connection.execute(_THROUGH_INDEX)
    for days, ids in services.items():
        past = now - timedelta(days=days)
        values = {
            "services": ids,
            "past": past,
            # The time in an id can be a little ahead of its acceptance.
            "before": first_id_at(past + REQUEST_ID_MAX_AHEAD + timedelta(hours=1)),
            "final": [status.value for status in FINAL],
            "at_most": at_most - erased,
        }
        erased += connection.execute(_ERASE, values).rowcount
        if erased >= at_most:
            break
    return erased


@measured
def drop_old_rows(connection: Connection, today: date, keep: timedelta = ROWS_KEPT) -> int:
    """Drops the days of notifications and their moves that nobody needs any more; how many partitions and rows went.

    A day goes as a whole, once it is older than `keep` and all in it is settled and erased. One process works, the others get
    0. Raises an error of the database, to be tried again, if statements under way leave it no moment for that.
    """
    if not connection.execute(text("SELECT pg_try_advisory_xact_lock(817423004)")).scalar():
        return 0
    wait_briefly(connection)
    end = today - keep
    needed = [name for name in _partitions(connection, "notifications", end) if _is_needed(connection, name)]
    dropped = _drop(connection, [name for name in _partitions(connection, "notifications", end) if name not in needed])
    days = {name.rpartition("_")[2] for name in needed}
    moves = [name for name in _partitions(connection, "notification_moves", end) if name.rpartition("_")[2] not in days]
    dropped += _drop(connection, moves)
    values = {"before": _first_id(end), "at_most": _AT_ONCE}
    return dropped + sum(
        connection.execute(statement, values).rowcount for statement in (_DELETE_NOTIFICATIONS, _DELETE_MOVES)
    )


def _partitions(connection: Connection, table: str, end: date) -> Sequence[str]:
    """The partitions of the days before one."""
    return connection.execute(_PARTITIONS, {"table": table, "end": partition_name(table, end)}).scalars().all()


def _is_needed(connection: Connection, partition: str) -> bool:
    query = text(f"SELECT EXISTS (SELECT FROM {partition} WHERE {_NEEDED})")  # noqa: S608 - a name from the catalogue
    return bool(connection.execute(query).scalar())


def _drop(connection: Connection, partitions: Sequence[str]) -> int:
    for name in partitions:
        connection.exec_driver_sql(f"DROP TABLE {name}")
    return len(partitions)


def _first_id(day: date) -> UUID:
    return first_id_at(datetime(day.year, day.month, day.day, tzinfo=UTC))
