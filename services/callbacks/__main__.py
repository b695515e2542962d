"""The callbacks process: `python -m services.callbacks [--roles receiver,handler]`."""

import argparse
from collections.abc import Sequence

from octavo.config import OpsSettings
from octavo.loading import load
from octavo.messaging.security import ConsumerConnection
from octavo.process import Part, run
from octavo.surroundings import Surroundings
from services.callbacks.parts import ROLES


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the roles until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m services.callbacks", description=__doc__)
    parser.add_argument("--roles", default=",".join(ROLES), help="comma-separated; default: %(default)s")
    roles = [role.strip() for role in parser.parse_args(arguments).roles.split(",")]
    if unknown := set(roles) - set(ROLES):
        parser.error(f"no such role: {', '.join(sorted(unknown))}")
    around = Surroundings(
        [topic for role in roles for topic in ROLES[role].topics], database=any(ROLES[role].database for role in roles)
    )
    kinds = (ROLES[role].settings() for role in roles)
    ops, kafka, *settings = load(OpsSettings, ConsumerConnection, *kinds, beside=around.faults)

    def parts() -> list[Part]:
        return [
            *(
                part
                for role, setting in zip(roles, settings, strict=True)
                for part in ROLES[role].parts(kafka, setting)
            ),
            around,
        ]

    run(ops, "callbacks", parts)


if __name__ == "__main__":
    main()
