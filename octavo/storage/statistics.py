"""Statistics: counted from the notification history. Closed days are counted once and kept; nothing else ever writes a count.

A day is closed when it is long enough past for every receipt to have come, and nothing that was accepted on it is still on its
way. What is counted is the day of acceptance, so no day changes once it is closed.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.ids import REQUEST_ID_MAX_AGE, REQUEST_ID_MAX_AHEAD, first_id_at, time_of
from octavo.domain.notification import NotificationType, Status
from octavo.telemetry.measured import measured

CLOSED_AFTER = timedelta(days=4)
"""How long after its end a day can close: receipts are waited for 72 h after the last attempt."""

_LONG = timedelta(minutes=10)
"""Counting a day may take longer than other statements."""
_LATE_ROWS = timedelta(days=1)
"""How long the rows of a CSV job may be on their way to the history after the job was read."""

_IS_COUNTED = "h.key_type <> 'test' AND h.created_at >= {day} AND h.created_at < {day} + interval '1 day'"
_DAY = "CAST(CAST(:day AS date) AS timestamp) AT TIME ZONE 'UTC'"
_EACH_DAY = "CAST(d.day AS timestamp) AT TIME ZONE 'UTC'"

# The services are found by one step in the index for each, whatever the number of their rows.
_ROLL_UP = text(f"""
WITH RECURSIVE owners (id) AS (
    (SELECT service_id FROM notification_history ORDER BY service_id LIMIT 1)
    UNION ALL
    SELECT (SELECT h.service_id FROM notification_history h WHERE h.service_id > o.id ORDER BY h.service_id LIMIT 1)
    FROM owners o WHERE o.id IS NOT NULL
)
INSERT INTO daily_statistics (day, service_id, template_id, notification_type, status, count)
SELECT CAST(:day AS date), o.id, counted.*
FROM owners o CROSS JOIN LATERAL (
    SELECT h.template_id, h.notification_type, h.status, count(*)
    FROM notification_history h
    WHERE h.service_id = o.id AND {_IS_COUNTED.format(day=_DAY)} AND h.id >= :first AND h.id < :end
    GROUP BY h.template_id, h.notification_type, h.status
) counted
WHERE o.id IS NOT NULL
""")  # noqa: S608 - of constants
_CLEAR = text("DELETE FROM daily_statistics WHERE day = :day")
_CLOSE = text("INSERT INTO closed_days (day) VALUES (:day) ON CONFLICT (day) DO NOTHING")
_OPEN_DAYS = text("""
SELECT CAST(d AS date) AS day FROM generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') d
WHERE NOT EXISTS (SELECT FROM closed_days c WHERE c.day = CAST(d AS date)) ORDER BY d
""")
_FIRST = text("SELECT id FROM notification_history ORDER BY id LIMIT 1")
# Each condition has a partial index of its own, and together they hold nothing but what is under way.
_UNDER_WAY = text(f"""
SELECT EXISTS (
    SELECT FROM notifications h
    WHERE (h.next_attempt_at IS NOT NULL OR h.claim_expires_at IS NOT NULL OR h.status IN ('sending', 'pending'))
      AND {_IS_COUNTED.format(day=_DAY)} AND h.id >= :first AND h.id < :end
) OR EXISTS (
    SELECT FROM jobs j
    WHERE j.id >= :first AND j.id < :end
      AND (j.finished_at IS NULL OR j.finished_at > now() - CAST(:late AS interval))
)
""")  # noqa: S608 - of constants

_FILTERS = (
    "(CAST(:type AS text) IS NULL OR {row}.notification_type = :type) "
    "AND (CAST(:template_id AS uuid) IS NULL OR {row}.template_id = :template_id)"
)
_CLOSED = text(f"""
SELECT s.day, s.template_id, s.notification_type, s.status, s.count AS number
FROM daily_statistics s JOIN closed_days c ON c.day = s.day
WHERE s.service_id = :service_id AND s.day BETWEEN :from_day AND :to_day AND NOT s.day = ANY(CAST(:open AS date[]))
  AND {_FILTERS.format(row="s")}
""")  # noqa: S608 - of constants
_COUNTED = text(f"""
SELECT d.day, counted.*
FROM unnest(CAST(:open AS date[])) AS d (day) CROSS JOIN LATERAL (
    SELECT h.template_id, h.notification_type, h.status, count(*) AS number
    FROM notification_history h
    WHERE h.service_id = :service_id AND {_IS_COUNTED.format(day=_EACH_DAY)} AND h.id >= :first AND h.id < :end
      AND {_FILTERS.format(row="h")}
    GROUP BY h.template_id, h.notification_type, h.status
) counted
""")  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose counts, and of which days, both included. All that is given must hold."""

    service_id: UUID
    from_day: date
    to_day: date
    template_id: UUID | None = None
    type: NotificationType | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """How many notifications of a day, template and type stand at a status."""

    day: date
    template_id: UUID
    type: NotificationType
    status: Status
    count: int


_ORDER = attrgetter("day", "template_id", "type", "status")


@measured
def read_statistics(connection: Connection, wanted: Wanted, today: date) -> list[Line]:
    """The counts, in the order of day, template, type and status: of closed days as they were kept, of others counted now."""
    values: dict[str, Any] = {
        "service_id": wanted.service_id,
        "from_day": wanted.from_day,
        "to_day": wanted.to_day,
        "type": wanted.type.value if wanted.type else None,
        "template_id": wanted.template_id,
    }
    last = min(wanted.to_day, today)
    days = list(connection.execute(_OPEN_DAYS, {"first": wanted.from_day, "last": last}).scalars())
    # A day that closes between these statements is still counted from its history, and once.
    rows = list(connection.execute(_CLOSED, values | {"open": days}))
    if days:
        rows += connection.execute(_COUNTED, values | {"open": days} | _ids(days[0], days[-1]))
    lines = [
        Line(row.day, row.template_id, NotificationType(row.notification_type), Status(row.status), row.number)
        for row in rows
    ]
    # Not by comparing lines, of which a year of a large service has thousands.
    return sorted(lines, key=_ORDER)


@measured
def roll_up_closed_days(connection: Connection, today: date) -> int:
    """Counts the oldest day that can be closed and closes it; how many days it closed: 1, or 0 if there is none.

    Safe for many processes at once: one of them works, the others get 0. A day whose row in `closed_days` is deleted is
    counted anew.
    """
    if not connection.execute(text("SELECT pg_try_advisory_xact_lock(817423003)")).scalar():
        return 0
    first = connection.execute(_FIRST).scalar()
    if first is None:
        return 0
    last = today - CLOSED_AFTER - timedelta(days=1)
    for day in connection.execute(_OPEN_DAYS, {"first": time_of(first).date(), "last": last}).scalars():
        values = {"day": day} | _ids(day, day)
        if connection.execute(_UNDER_WAY, values | {"late": _LATE_ROWS}).scalar():
            continue
        milliseconds = _LONG // timedelta(milliseconds=1)
        connection.execute(text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": str(milliseconds)})
        connection.execute(_CLEAR, {"day": day})
        connection.execute(_ROLL_UP, values)
        connection.execute(_CLOSE, {"day": day})
        return 1
    return 0


def _ids(first: date, last: date) -> dict[str, UUID]:
    """The ids that notifications of these days can have: one made of a request_id may be older or newer than its acceptance."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return {
        # A little more than is allowed, since the clocks of two machines are never quite the same.
        "first": first_id_at(max(epoch, start - REQUEST_ID_MAX_AGE - timedelta(hours=1))),
        "end": first_id_at(end + REQUEST_ID_MAX_AHEAD + timedelta(hours=1)),
    }
