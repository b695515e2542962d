"""Which schema a database has and which one the code needs, told without the tool that migrates: every process asks at start."""

from pathlib import Path

from sqlalchemy import Connection, text

_VERSIONS = Path(__file__).parent / "migrations/versions"


def newest() -> str:
    """The schema that this code needs: the number of the last file of the history."""
    return max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py"))


def current(connection: Connection) -> str:
    """The schema that the database has; empty for none."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
