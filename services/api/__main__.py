"""`python -m services.api`: the gRPC API."""

from octavo.config import load
from octavo.process import run
from services.api.parts import parts
from services.api.settings import ApiSettings


def main() -> None:
    """Runs the api until SIGTERM. Ends with status 78 if it is misconfigured."""
    (settings,) = load(ApiSettings)
    run(settings, "api", lambda: parts(settings))


if __name__ == "__main__":
    main()
