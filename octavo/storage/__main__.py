"""`python -m octavo.storage migrate`: brings the database to the newest schema and makes the partitions ahead."""

from datetime import UTC, datetime

import typer

from octavo.config import DatabaseSettings, load
from octavo.storage import migrations, partitions
from octavo.storage.engine import engine
from octavo.storage.errors import transaction

commands = typer.Typer(no_args_is_help=True, add_completion=False, help="The database.")


@commands.command()
def migrate() -> None:
    """Brings the database to the newest schema; harmless to repeat."""
    (settings,) = load(DatabaseSettings)
    with transaction(engine(settings.database_url.get_secret_value(), pool=1)) as connection:
        migrations.upgrade(connection)
        made = partitions.ensure(connection, datetime.now(UTC))
        typer.echo(f"schema {migrations.current(connection)}, {len(made)} partitions made")


@commands.command()
def check() -> None:
    """Compares the database's schema with the one that this code needs; status 1 if it is older.

    A newer one will do: a release's migrations leave all that the release before needs.
    """
    (settings,) = load(DatabaseSettings)
    with transaction(engine(settings.database_url.get_secret_value(), pool=1)) as connection:
        current = migrations.current(connection)
    typer.echo(f"database {current or 'none'}, code {migrations.newest()}")
    raise typer.Exit(0 if current >= migrations.newest() else 1)


if __name__ == "__main__":
    commands()
