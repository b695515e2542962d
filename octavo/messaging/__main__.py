"""`python -m octavo.messaging create-topics`: creates the topics that are missing."""

import sys
from typing import Annotated

import typer

from octavo import topics
from octavo.domain.errors import Unavailable
from octavo.loading import load, refuse
from octavo.messaging.kafka.administration import create_topics, missing_topics
from octavo.messaging.security import KafkaConnection

commands = typer.Typer(no_args_is_help=True, add_completion=False, help="Kafka topics.")


@commands.command("create-topics")
def create(replication: int = 1, partitions: int = 0) -> None:
    """Creates every topic that is missing, its dead-letter topic too; `partitions` 0 means as the code says."""
    (settings,) = load(KafkaConnection)
    created = create_topics(
        settings.kafka_bootstrap, settings.security(), replication=replication, partitions=partitions
    )
    typer.echo(f"{len(created)} topics created: {', '.join(created) or 'all were there'}")


@commands.command("check-topics")
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Topics to look for; all if none is named.")] = None,
) -> None:
    """Names the topics that are missing; status 1 if there are any, 78 if one is no topic of Octavo's."""
    if unknown := sorted(set(names or ()) - set(topics.names())):
        refuse([f"{name}: no such topic" for name in unknown])
    (settings,) = load(KafkaConnection)
    missing = [
        name for name in missing_topics(settings.kafka_bootstrap, settings.security()) if not names or name in names
    ]
    typer.echo(", ".join(missing) or "all topics are there")
    raise typer.Exit(1 if missing else 0)


if __name__ == "__main__":
    try:
        commands()
    except Unavailable as error:
        sys.exit(str(error))
