"""`python -m services.api`: the gRPC API."""

from octavo.loading import load
from octavo.process import run
from octavo.surroundings import Surroundings
from services.api.parts import PUBLISHED, parts
from services.api.settings import ApiSettings


def main() -> None:
    """Runs the api until SIGTERM. Ends with status 78 if it is misconfigured."""
    around = Surroundings(PUBLISHED, database=True)
    (settings,) = load(ApiSettings, beside=around.faults)
    run(settings, "api", lambda: [*parts(settings), around])


if __name__ == "__main__":
    main()
