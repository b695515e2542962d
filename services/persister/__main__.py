"""The persister process: `python -m services.persister [--topics db-sms,db-email] [--roles due,sweeps,jobs]`."""

import argparse
from collections.abc import Sequence

from octavo.config import OpsSettings, split
from octavo.loading import load
from octavo.process import Part, run
from octavo.surroundings import Surroundings
from services.persister.jobparts import JobReaderSettings, job_parts
from services.persister.parts import JOBS, ROLES, TOPICS, USED, parts
from services.persister.settings import PersisterSettings


def chosen(arguments: Sequence[str] | None) -> list[str]:
    """The topics and roles to run: those that are named, or all if none is."""
    parser = argparse.ArgumentParser(
        prog="python -m services.persister",
        description="Writes notifications. Without options it consumes all topics and has all roles.",
    )
    parser.add_argument("--topics", default="", help=f"comma-separated, of {', '.join(TOPICS)}")
    parser.add_argument("--roles", default="", help=f"comma-separated, of {', '.join([*ROLES, JOBS])}")
    given = parser.parse_args(arguments)
    topics, roles = split(given.topics), split(given.roles)
    if unknown := {*topics} - {*TOPICS} | {*roles} - {*ROLES, JOBS}:
        parser.error(f"no such topic or role: {', '.join(sorted(unknown))}")
    return topics + roles or [*TOPICS, *ROLES, JOBS]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is chosen until told to stop."""
    names = chosen(arguments)
    # Only who reads jobs needs the keys that seal, and the store.
    kinds = [JobReaderSettings] if JOBS in names else []
    around = Surroundings([topic for name in names for topic in USED[name]], database=True)
    ops, settings, *of_jobs = load(OpsSettings, PersisterSettings, *kinds, beside=around.faults)

    def made() -> list[Part]:
        return [
            *parts(settings, [name for name in names if name != JOBS]),
            *(part for one in of_jobs for part in job_parts(one)),
            around,
        ]

    run(ops, "persister", made)


if __name__ == "__main__":
    main()
