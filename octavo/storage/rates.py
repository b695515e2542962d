"""The token buckets of services, shared by all processes: one statement takes small blocks of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from octavo.domain.notification import KeyType
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured

LONGEST_WAIT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Up to `block` tokens of a service and kind of key, or none if there are fewer than `wanted`."""

    service_id: UUID
    key_type: KeyType
    per_minute: int
    wanted: int
    block: int


_KEYS = {"service_ids": "uuid[]", "key_types": "text[]", "capacities": "double precision[]"}
_SAME = "b.service_id = ANY(:service_ids) AND b.service_id = {0}.service_id AND b.key_type = {0}.key_type"
_FIRST = Prepared(
    "begin_buckets",
    """
INSERT INTO rate_buckets (service_id, key_type, tokens, updated_at)
SELECT service_id, key_type, capacity, clock_timestamp()
FROM unnest(:service_ids, :key_types, :capacities) AS i (service_id, key_type, capacity) ORDER BY service_id, key_type
ON CONFLICT DO NOTHING
""",
    _KEYS,
)
# The bucket's own clock is the database's: processes need not agree on the time. It is read once the row is locked.
_TAKE = Prepared(
    "take_tokens",
    f"""
WITH locked AS (
    SELECT i.*, b.tokens, b.updated_at
    FROM unnest(:service_ids, :key_types, :capacities, :wanteds, :blocks)
        AS i (service_id, key_type, capacity, wanted, block), rate_buckets b
    WHERE {_SAME.format("i")}
    ORDER BY b.service_id, b.key_type
    FOR UPDATE OF b
), timed AS (
    SELECT *, clock_timestamp() AS at FROM locked
), refilled AS (
    SELECT *, least(capacity, tokens + greatest(0, extract(epoch FROM at - updated_at)) * capacity / 60) AS filled FROM timed
), granted AS (
    SELECT service_id, key_type, at, filled,
        CASE WHEN floor(filled) >= wanted THEN least(block, floor(filled)) ELSE 0 END AS tokens
    FROM refilled
), taken AS (
    UPDATE rate_buckets b SET tokens = g.filled - g.tokens, latest_block = g.tokens, updated_at = g.at
    FROM granted g WHERE {_SAME.format("g")}
)
SELECT service_id, key_type, CAST(tokens AS integer) AS granted, filled - tokens AS rest FROM granted
""",  # noqa: S608 - of constants
    _KEYS | {"wanteds": "integer[]", "blocks": "integer[]"},
)


@measured
def take_tokens(connection: Connection, asked: Sequence[Tokens]) -> list[tuple[int, timedelta]]:
    """Takes tokens, no two times of the same bucket: for each how many, and how long until there are as many as wanted."""
    rows = {(row.service_id, row.key_type): row for row in _run(connection, asked)}
    if first := [one for one in asked if (one.service_id, one.key_type.value) not in rows]:
        _FIRST.execute(connection, _keys(first))
        rows |= {(row.service_id, row.key_type): row for row in _run(connection, first)}
    return [_answer(one, rows[one.service_id, one.key_type.value]) for one in asked]


def _run(connection: Connection, asked: Sequence[Tokens]) -> Sequence[Row[Any]]:
    values = _keys(asked) | {
        "wanteds": [one.wanted for one in asked],
        "blocks": [max(one.block, one.wanted) for one in asked],
    }
    return _TAKE.execute(connection, values).all()


def _keys(of: Sequence[Tokens]) -> dict[str, Any]:
    return {
        "service_ids": [str(one.service_id) for one in of],
        "key_types": [one.key_type.value for one in of],
        "capacities": [float(one.per_minute) for one in of],
    }


def _answer(asked: Tokens, row: Row[Any]) -> tuple[int, timedelta]:
    if row.granted or not asked.per_minute:
        return row.granted, LONGEST_WAIT
    seconds = (min(asked.wanted, asked.per_minute) - row.rest) * 60 / asked.per_minute
    return 0, min(LONGEST_WAIT, timedelta(seconds=max(0.001, seconds)))
