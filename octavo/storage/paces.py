"""How fast the receipts of each provider come: counted by minute, so that dispatchers can turn away from who is slow."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from octavo.telemetry.measured import measured

KEPT = timedelta(hours=1)
"""Longer than anybody looks back."""

_ADD = text("""
WITH gone AS (DELETE FROM receipt_paces WHERE minute < now() - CAST(:kept AS interval))
INSERT INTO receipt_paces AS p (provider, minute, receipts, slow)
SELECT * FROM unnest(
    CAST(:provider AS text[]), CAST(:minute AS timestamptz[]), CAST(:receipts AS bigint[]), CAST(:slow AS bigint[])
) AS given (provider, minute, receipts, slow) ORDER BY provider, minute
ON CONFLICT (provider, minute) DO UPDATE SET receipts = p.receipts + excluded.receipts, slow = p.slow + excluded.slow
""")
_READ = text("""
SELECT provider, sum(slow)::float / sum(receipts) AS share FROM receipt_paces
WHERE minute > now() - CAST(:within AS interval) AND receipts > 0 GROUP BY provider
""")


@measured
def add_paces(connection: Connection, paces: Mapping[tuple[str, datetime], tuple[int, int]]) -> None:
    """Adds receipts, and how many of them were slow, to what is counted of a provider in a minute."""
    ordered = sorted(paces.items())
    connection.execute(
        _ADD,
        {
            "provider": [provider for (provider, _), _ in ordered],
            "minute": [minute for (_, minute), _ in ordered],
            "receipts": [receipts for _, (receipts, _) in ordered],
            "slow": [slow for _, (_, slow) in ordered],
            "kept": KEPT,
        },
    )


@measured
def slow_shares(connection: Connection, within: timedelta) -> dict[str, float]:
    """The share of slow receipts of each provider that had any within this time."""
    return {row.provider: row.share for row in connection.execute(_READ, {"within": within})}
