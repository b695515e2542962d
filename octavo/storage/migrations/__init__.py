"""The schema's history: one file a step, expand first and contract a release later."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from octavo.storage.schema import current, newest

# Any constant will do: it keeps two migrations from running at once.
LOCK = 817_423_001


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, on a connection."""
    configured = Config()
    configured.set_main_option("script_location", str(Path(__file__).parent))
    configured.attributes["connection"] = connection
    return configured


def upgrade(connection: Connection) -> None:
    """Brings the database to the newest schema. Two at once wait for each other. One of a later release stays as it is."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    # As after a release was taken back: its migrations left all that this code needs.
    if current(connection) > newest():
        return
    command.upgrade(config(connection), "head")
