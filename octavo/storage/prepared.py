"""Statements of the hot paths, prepared once for each connection: their planning costs more than to run them for a small batch.

One round trip runs one. Their plans are kept whatever the tables become, so they have to be right for an empty partition as for
one of millions of rows: such a statement finds rows by their ids alone, and its connections (`engine(..., by_key=True)`) offer
PostgreSQL no other way. ADR 0025.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, CursorResult, text

_PREPARED = "octavo_prepared"


class Prepared:
    """A statement with named values, and their types in PostgreSQL's terms."""

    def __init__(self, name: str, statement: str, types: Mapping[str, str]) -> None:
        self._name = name
        places = {value: f"${number}" for number, value in enumerate(types, 1)}
        numbered = re.sub(r":([a-z_]+)", lambda found: places[found[1]], statement)
        self._prepare = f"PREPARE {name} ({', '.join(types.values())}) AS {numbered}"
        given = ", ".join(f"CAST(:{value} AS {kind})" for value, kind in types.items())
        self._execute = text(f"EXECUTE {name} ({given})")

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Runs it. A connection that does not know it yet prepares it first."""
        # Emptied by SQLAlchemy with each new connection to the database; what is rolled back stays prepared.
        known = connection.info.setdefault(_PREPARED, set())
        if self._name not in known:
            connection.exec_driver_sql(self._prepare)
            known.add(self._name)
        return connection.execute(self._execute, values)
