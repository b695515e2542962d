"""What is not settled, counted through indexes that hold only such rows, and no further than makes a difference."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from octavo.telemetry.measured import measured

STATES = ("waiting", "claimed", "sending", "pending", "unconfirmed", "held receipts")
MOST = 200_000
"""Rows that are counted at most, the oldest: where a provider sends no receipts, hundred millions may be open for three days."""

# Waiting rows are as old as their time is past: one that is scheduled for tomorrow is not late.
_COUNT = text("""
WITH waiting AS (
    SELECT next_attempt_at FROM notifications WHERE next_attempt_at IS NOT NULL ORDER BY next_attempt_at LIMIT :most
), claimed AS (
    SELECT updated_at FROM notifications WHERE claim_expires_at IS NOT NULL ORDER BY claim_expires_at LIMIT :most
), sent AS (
    SELECT status, sent_at FROM notifications WHERE status IN ('sending', 'pending') ORDER BY sent_at LIMIT :most
), unconfirmed AS (
    SELECT unconfirmed_at FROM notifications WHERE unconfirmed_at IS NOT NULL ORDER BY unconfirmed_at LIMIT :most
)
SELECT 'waiting' AS state, count(*) AS rows, extract(epoch FROM now() - min(next_attempt_at)) AS age FROM waiting
UNION ALL
SELECT 'claimed', count(*), extract(epoch FROM now() - min(updated_at)) FROM claimed
UNION ALL
SELECT status, count(*), extract(epoch FROM now() - min(sent_at)) FROM sent GROUP BY status
UNION ALL
SELECT 'unconfirmed', count(*), extract(epoch FROM now() - min(unconfirmed_at)) FROM unconfirmed
UNION ALL
SELECT 'held receipts', count(*), extract(epoch FROM now() - min(received_at)) FROM held_receipts
""")


@dataclass(frozen=True, slots=True)
class OpenRows:
    """How many rows are in a state, and for how many seconds the oldest has been."""

    state: str
    rows: int
    age_seconds: float


@measured
def count_open_rows(connection: Connection, most: int = MOST) -> Sequence[OpenRows]:
    """One for each state, in the order of STATES."""
    found = {row.state: row for row in connection.execute(_COUNT, {"most": most})}
    return [
        OpenRows(state, found[state].rows, max(0.0, float(found[state].age or 0)))
        if state in found
        else OpenRows(state, 0, 0.0)
        for state in STATES
    ]
