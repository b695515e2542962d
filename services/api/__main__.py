"""`python -m services.api`: the gRPC API."""

import argparse
from collections.abc import Sequence

from octavo.loading import load
from octavo.process import run
from octavo.surroundings import Surroundings
from services.api.parts import PUBLISHED, parts
from services.api.settings import ApiSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the api until SIGTERM. Ends with status 78 if it is misconfigured."""
    argparse.ArgumentParser(
        prog="python -m services.api",
        description="Serves the gRPC API. It is told what to do by its environment: docs/operations/configuration.md.",
    ).parse_args(arguments)
    around = Surroundings(PUBLISHED, database=True)
    (settings,) = load(ApiSettings, beside=around.faults)
    run(settings, "api", lambda: [*parts(settings), around])


if __name__ == "__main__":
    main()
