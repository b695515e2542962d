"""Ledger D: what the database knows of the notifications of a run."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import contextmanager
from operator import itemgetter
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2.extras import register_uuid

from tests.faults.evidence import Offset, Place, Row

_ROWS = """
SELECT n.id, n.service_id, n.status, n.status_reason, n.unconfirmed_at IS NOT NULL AS unconfirmed, n.job_id, n.job_row,
       h.status IS NOT DISTINCT FROM n.status AS in_history,
       ARRAY(SELECT m.status FROM notification_moves m WHERE m.notification_id = n.id ORDER BY m.at) AS moves,
       ARRAY(SELECT m.reason FROM notification_moves m WHERE m.notification_id = n.id AND m.reason <> '' ORDER BY m.at) AS reasons
FROM notifications n LEFT JOIN notification_history h ON h.id = n.id
WHERE n.id = ANY(%(ids)s::uuid[])
"""
_UNSETTLED = """
SELECT count(*) FROM unnest(%(ids)s::uuid[]) AS asked (id) LEFT JOIN notifications n ON n.id = asked.id
WHERE n.id IS NULL OR (n.status IN ('scheduled', 'created', 'sending', 'pending') AND n.unconfirmed_at IS NULL)
"""
_UNCONFIRMED = """
SELECT notification_id FROM notification_moves
WHERE notification_id = ANY(%(ids)s::uuid[]) AND reason LIKE 'unconfirmed%%'
UNION SELECT id FROM notifications WHERE id = ANY(%(ids)s::uuid[]) AND unconfirmed_at IS NOT NULL
"""
_LAST_MOVE = """
SELECT coalesce(extract(epoch FROM max(at)), 0) AS at FROM notification_moves WHERE notification_id = ANY(%(ids)s::uuid[])
"""
_STRANGERS = "SELECT id FROM notifications EXCEPT SELECT unnest(%(ids)s::uuid[])"
# What is committed of each topic must not be at this stage any more.
_UNFINISHED = {
    "persister": "SELECT asked.id FROM unnest(%(ids)s::uuid[]) AS asked (id) "
    "WHERE NOT EXISTS (SELECT FROM notifications n WHERE n.id = asked.id)",
    # One that was given back, or waits for a retry, comes again by the due loop.
    "dispatcher": "SELECT id FROM notifications WHERE id = ANY(%(ids)s::uuid[]) AND status = 'created' AND due "
    "AND claim_token IS NULL AND attempts = 0",
    "callbacks": "SELECT id FROM notifications n WHERE id = ANY(%(ids)s::uuid[]) AND status IN ('created', 'sending') "
    "AND NOT EXISTS (SELECT FROM held_receipts r WHERE r.notification_id = n.id)",
}


class Database:
    """Looks at the tables, with a connection for each look: the server may have been away meanwhile."""

    def __init__(self, url: str) -> None:
        self._url = url
        # All below these was found to be finished, and stays so.
        self._finished: dict[Place, int] = defaultdict(int)

    def rows(self, ids: Collection[str]) -> list[Row]:
        """The rows of these notifications, with their moves."""
        return [
            Row(
                id=str(row["id"]),
                service_id=str(row["service_id"]),
                status=row["status"],
                reason=row["status_reason"],
                unconfirmed=row["unconfirmed"],
                moves=tuple(row["moves"]),
                reasons=tuple(row["reasons"]),
                job_id=str(row["job_id"]) if row["job_id"] else None,
                job_row=row["job_row"],
                in_history=row["in_history"],
            )
            for row in self.ask(_ROWS, ids=_uuids(ids))
        ]

    def unsettled(self, ids: Collection[str]) -> int:
        """How many of these are neither final nor listed as unconfirmed."""
        return int(self.ask(_UNSETTLED, ids=_uuids(ids))[0]["count"])

    def unconfirmed(self, ids: Collection[str]) -> frozenset[str]:
        """Those that are, or ever were, listed as unconfirmed."""
        return frozenset(str(row["notification_id"]) for row in self.ask(_UNCONFIRMED, ids=_uuids(ids)))

    def last_move(self, ids: Collection[str]) -> float:
        """When the last of these moved, in seconds since 1970; 0 if none did."""
        return float(self.ask(_LAST_MOVE, ids=_uuids(ids))[0]["at"])

    def strangers(self, known: Collection[str]) -> list[Row]:
        """Rows that are none of these."""
        return self.rows([str(row["id"]) for row in self.ask(_STRANGERS, ids=_uuids(known))])

    def offsets(
        self, committed: dict[Place, int], records: dict[tuple[str, int], list[tuple[int, UUID | None]]]
    ) -> list[Offset]:
        """What was committed, beside the lowest record that is unfinished now: later is in favour of who committed."""
        found = []
        for place, end in sorted(committed.items()):
            there = records.get((place.topic, place.partition), [])
            new = there[bisect_left(there, self._finished[place], key=itemgetter(0)) :]
            below = {named: offset for offset, named in new if named is not None and offset < end}
            unfinished = self.ask(_UNFINISHED[place.group.partition(".")[0]], ids=list(below)) if below else []
            lowest = min((below[row["id"]] for row in unfinished), default=None)
            found.append(Offset(place, end, lowest))
            if lowest is None:
                self._finished[place] = max(self._finished[place], end)
        return found

    def ask(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of an answer, by the names of their columns."""
        with _connected(self._url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def _connected(url: str) -> Any:
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    register_uuid(conn_or_curs=connection)
    try:
        yield connection
    finally:
        connection.close()


def _uuids(ids: Iterable[str]) -> list[UUID]:
    return [UUID(one) for one in ids]
