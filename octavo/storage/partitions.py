"""Partitions of the big tables, by the time in the ids: made ahead, and dropped when all in them is past its retention."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from octavo.domain.errors import Unavailable
from octavo.domain.ids import first_id_at, time_of
from octavo.storage.errors import transaction

DAILY = ("notifications", "notification_moves")
MONTHLY = ("notification_history",)
DAYS_AHEAD = 7

PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 1.0
_LOCK_WAIT = "1s"
_LAST_DAY = date(9999, 1, 1)
_LARGEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def ensure(engine: Engine, now: datetime, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """Makes the partitions from yesterday to so many days ahead, and names the new ones. Can be repeated by anybody.

    Each is made in a transaction of its own, and tried again while statements under way leave no moment for it: raises
    Unavailable if they leave none for long.
    """
    patient = Retrying(
        retry=retry_if_exception_type(Unavailable),
        wait=wait_fixed(_AGAIN_SECONDS),
        stop=stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )
    made: list[str] = []
    while one := patient(_one_made, engine, now, days_ahead):
        made += one
    return made


def make_next(connection: Connection, now: datetime, days_ahead: int = DAYS_AHEAD) -> list[str]:
    """Makes the first partition that is missing, and names it; nothing if all are there.

    What comes without a partition of its own goes to the default one, and is never lost. Raises an error of the database, to be
    tried again, if statements under way leave no moment for it.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(817423002)"))
    wait_briefly(connection)
    days = [now.date() + timedelta(days=offset) for offset in range(-1, days_ahead + 1)]
    wanted = {(table, day, day + timedelta(days=1)) for table in DAILY for day in days}
    wanted |= {(table, day.replace(day=1), _next_month(day)) for table in MONTHLY for day in days}
    there = set(connection.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars())
    for table, start, end in sorted(wanted):
        name = partition_name(table, start)
        if name in there or _default_holds(connection, table, start, end):
            continue
        connection.exec_driver_sql(
            f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{_id_at(start)}') TO ('{_id_at(end)}')"
        )
        return [name]
    return []


def wait_briefly(connection: Connection) -> None:
    """Has the rest of a transaction give up a lock that it does not get within a moment.

    Who wants to lock a whole table waits for statements under way, and all others wait behind it.
    """
    connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": _LOCK_WAIT})


def whole_partitions(table: str, ids: Collection[UUID]) -> tuple[str, str]:
    """From the beginning of the first to the end of the last partition that these ids can be in.

    A statement that joins by id names them, so that all other partitions are left out when it is planned. The lowest and the
    highest id would do, too; but of a range within a partition PostgreSQL believes, as long as the newest rows have not been
    analysed, that it holds one row, and then goes through all of it once for each id.
    """
    first, last = _day_of(min(ids)), _day_of(max(ids))
    start = first if table in DAILY else first.replace(day=1)
    if last == _LAST_DAY:
        return _id_at(start), _LARGEST
    end = last + timedelta(days=1) if table in DAILY else _next_month(last)
    return _id_at(start), _id_at(end)


BOUNDS = {"first": "uuid", "end": "uuid", "first_remembered": "uuid", "end_remembered": "uuid"}
"""The types of what `bounds` gives."""


def bounds(ids: Collection[UUID]) -> dict[str, str]:
    """The whole partitions of notifications and of their history, as statements name them."""
    first, end = whole_partitions("notifications", ids)
    first_remembered, end_remembered = whole_partitions("notification_history", ids)
    return {"first": first, "end": end, "first_remembered": first_remembered, "end_remembered": end_remembered}


def partition_name(table: str, start: date) -> str:
    """The partition that begins on a day."""
    return f"{table}_{start:%Y%m%d}"


def _one_made(engine: Engine, now: datetime, days_ahead: int) -> list[str]:
    with transaction(engine) as connection:
        return make_next(connection, now, days_ahead)


def _day_of(one: UUID) -> date:
    """The last of days for an id that names a later one."""
    try:
        return min(time_of(one).date(), _LAST_DAY)
    except OverflowError:
        return _LAST_DAY


def _default_holds(connection: Connection, table: str, start: date, end: date) -> bool:
    query = text(f"SELECT EXISTS (SELECT FROM {table}_default WHERE {_key(table)} >= :start AND {_key(table)} < :end)")  # noqa: S608
    return bool(connection.execute(query, {"start": _id_at(start), "end": _id_at(end)}).scalar())


def _key(table: str) -> str:
    return "notification_id" if table == "notification_moves" else "id"


@lru_cache(maxsize=64)
def _id_at(day: date) -> str:
    return str(first_id_at(datetime(day.year, day.month, day.day, tzinfo=UTC)))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
