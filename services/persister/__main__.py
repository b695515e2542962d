"""The persister process: `python -m services.persister [--topics db-sms,db-email] [--roles due,sweeps]`."""

import argparse
from collections.abc import Sequence

from octavo.config import OpsSettings, load, split
from octavo.process import run
from services.persister.parts import ROLES, TOPICS, parts
from services.persister.settings import PersisterSettings


def chosen(arguments: Sequence[str] | None) -> list[str]:
    """The topics and roles to run: those that are named, or all if none is."""
    parser = argparse.ArgumentParser(
        prog="python -m services.persister",
        description="Writes notifications. Without options it consumes all topics and has all roles.",
    )
    parser.add_argument("--topics", default="", help=f"comma-separated, of {', '.join(TOPICS)}")
    parser.add_argument("--roles", default="", help=f"comma-separated, of {', '.join(ROLES)}")
    given = parser.parse_args(arguments)
    topics, roles = split(given.topics), split(given.roles)
    if unknown := {*topics} - {*TOPICS} | {*roles} - {*ROLES}:
        parser.error(f"no such topic or role: {', '.join(sorted(unknown))}")
    return topics + roles or [*TOPICS, *ROLES]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is chosen until told to stop."""
    names = chosen(arguments)
    ops, settings = load(OpsSettings, PersisterSettings)
    run(ops, "persister", lambda: parts(settings, names))


if __name__ == "__main__":
    main()
