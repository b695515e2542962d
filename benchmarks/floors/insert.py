"""A bare batched insert of the same rows into both tables: a statement over arrays for each, psycopg2 and nothing else."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2.extras import register_uuid

COLUMNS = (
    ("id", "uuid"), ("service_id", "uuid"), ("notification_type", "text"), ("status", "text"), ("key_type", "text"),
    ("template_id", "uuid"), ("template_version", "int"), ("created_at", "timestamptz"),
)  # fmt: skip
MORE = (("sealed", "bytea"), ("recipient_hash", "bytea"), ("content_hash", "bytea"))


def rate(url: str, rows: Sequence[dict[str, Any]], batch: int = 500) -> float:
    """Rows a second."""
    register_uuid()  # type: ignore[no-untyped-call]
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        begun = perf_counter()
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            for table, columns in (("notifications", COLUMNS + MORE), ("notification_history", COLUMNS)):
                names = ", ".join(name for name, _ in columns)
                arrays = ", ".join(f"%s::{kind}[]" for _, kind in columns)
                cursor.execute(
                    f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays})",
                    [[row[name] for row in part] for name, _ in columns],
                )
            connection.commit()
        return len(rows) / (perf_counter() - begun)
