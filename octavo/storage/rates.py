"""The token buckets of services, shared by all processes: tokens are taken in small blocks, one statement for a block."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from octavo.domain.notification import KeyType
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured

# The bucket's own clock is the database's: processes need not agree on the time.
_FULL = "least(:capacity, b.tokens + greatest(0, {seconds}) * :capacity / 60)"
_SECONDS = "extract(epoch FROM clock_timestamp() - b.updated_at)"
_TOKENS = _FULL.format(seconds=_SECONDS)
_GRANT = f"CASE WHEN floor({_TOKENS}) >= :wanted THEN least(:block, floor({_TOKENS})) ELSE 0 END"
_TAKE = Prepared(
    "take_tokens",
    f"""
INSERT INTO rate_buckets AS b (service_id, key_type, tokens, latest_block, updated_at)
SELECT :service_id, :key_type, :capacity - granted, granted, clock_timestamp()
FROM (SELECT CASE WHEN :capacity >= :wanted THEN least(:block, :capacity) ELSE 0 END AS granted) first
ON CONFLICT (service_id, key_type) DO UPDATE
SET tokens = {_TOKENS} - {_GRANT}, latest_block = {_GRANT}, updated_at = clock_timestamp()
RETURNING latest_block, tokens
""",  # noqa: S608 - of constants
    {"service_id": "uuid", "key_type": "text", "capacity": "double precision", "wanted": "integer", "block": "integer"},
)
LONGEST_WAIT = timedelta(minutes=1)


@measured
def take_tokens(
    connection: Connection, service_id: UUID, key_type: KeyType, *, per_minute: int, wanted: int, block: int
) -> tuple[int, timedelta]:
    """Takes up to `block` tokens, or none if there are fewer than `wanted`; and how long until there are."""
    values = {
        "service_id": service_id,
        "key_type": key_type.value,
        "capacity": per_minute,
        "wanted": wanted,
        "block": max(block, wanted),
    }
    row = _TAKE.execute(connection, values).one()
    if row.latest_block or not per_minute:
        return row.latest_block, LONGEST_WAIT
    seconds = (min(wanted, per_minute) - row.tokens) * 60 / per_minute
    return 0, min(LONGEST_WAIT, timedelta(seconds=max(0.001, seconds)))
