"""`python -m octavo.storage migrate`: brings the database to the newest schema and makes the partitions ahead.

`reseal` seals again what older keys sealed; `restored` keeps what a backup does not know of from being sent again.
"""

import sys
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from octavo.config import DatabaseSettings, SealingSettings
from octavo.crypto import Sealer
from octavo.domain.errors import Unavailable
from octavo.loading import load
from octavo.storage import migrations, partitions, schema
from octavo.storage.due import mark_restored
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.storage.reseal import FIRST, GUESTS, NOTIFICATIONS, reseal_all

commands = typer.Typer(no_args_is_help=True, add_completion=False, help="The database.")


@commands.command()
def migrate() -> None:
    """Brings the database to the newest schema; harmless to repeat."""
    (settings,) = load(DatabaseSettings)
    pool = engine(settings.database_url.get_secret_value(), pool=1)
    with transaction(pool) as connection:
        migrations.upgrade(connection)
        current = schema.current(connection)
    made = partitions.ensure(pool, datetime.now(UTC))
    typer.echo(f"schema {current}, {len(made)} partitions made")


@commands.command()
def check() -> None:
    """Compares the database's schema with the one that this code needs; status 1 if it is older.

    A newer one will do: a release's migrations leave all that the release before needs.
    """
    (settings,) = load(DatabaseSettings)
    with transaction(engine(settings.database_url.get_secret_value(), pool=1)) as connection:
        current = schema.current(connection)
    typer.echo(f"database {current or 'none'}, code {schema.newest()}")
    raise typer.Exit(0 if current >= schema.newest() else 1)


@commands.command()
def reseal(after: Annotated[str, typer.Option(help="Leave out notifications up to this id.")] = str(FIRST)) -> None:
    """Seals again, with the first of OCTAVO_SEALING_KEYS, what its other keys sealed.

    Run it once every process has the new key in front. It can be stopped and run again at any time: what is done stays done.
    Keep the old key in the list as long as Kafka keeps messages. Ends with status 1 if something is left that no key opens,
    75 if the database went away.
    """
    database, sealing = load(DatabaseSettings, SealingSettings)
    made = engine(database.database_url.get_secret_value(), pool=1)
    sealer = Sealer(sealing.keys(), sealing.sealed_form)
    unreadable: list[UUID] = []
    for sealed, start in ((GUESTS, FIRST), (NOTIFICATIONS, UUID(after))):
        read, resealed, last = 0, 0, start
        try:
            for batch in reseal_all(made, sealer, sealed, start):
                read, resealed, last = read + batch.read, resealed + batch.resealed, batch.last
                unreadable += batch.unreadable
                typer.echo(f"{sealed.name}: {read} read, {resealed} sealed again, up to {last}")
        except Unavailable as error:
            typer.echo(f"{error}; go on with: python -m octavo.storage reseal --after {last}", err=True)
            raise typer.Exit(75) from None
        typer.echo(f"{sealed.name}: done, {read} read, {resealed} sealed again")
    for one in unreadable:
        typer.echo(f"no key opens {one}", err=True)
    raise typer.Exit(1 if unreadable else 0)


@commands.command()
def restored() -> None:
    """Makes unconfirmed all that may have been sent after the backup that the database was restored from.

    Run it after persisters have handled again what Kafka has since the backup, and before any dispatcher starts: receipts then
    settle what was sent, and the services' policies the rest. Harmless to repeat as long as no dispatcher runs.
    """
    (settings,) = load(DatabaseSettings)
    made, count = engine(settings.database_url.get_secret_value(), pool=1), 0
    while True:
        with transaction(made) as connection:
            ids = mark_restored(connection)
        count += len(ids)
        if not ids:
            break
    typer.echo(f"{count} notifications are unconfirmed")


if __name__ == "__main__":
    try:
        commands()
    except Unavailable as error:
        sys.exit(str(error))
