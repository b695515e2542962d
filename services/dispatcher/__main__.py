"""The dispatcher process: `python -m services.dispatcher [--topics send-sms,send-email]`."""

import argparse
from collections.abc import Collection, Sequence

from octavo.config import OpsSettings, split
from octavo.domain.notification import NotificationType
from octavo.loading import load, loaded_if_right
from octavo.process import run
from octavo.providers.registry import PROVIDERS
from octavo.surroundings import Surroundings
from services.dispatcher.parts import TOPICS, USED, parts
from services.dispatcher.settings import DispatcherSettings, ProviderWeights


def main(arguments: Sequence[str] | None = None) -> None:
    """Sends what is on the topics until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m services.dispatcher", description="Calls providers.")
    parser.add_argument("--topics", default=",".join(TOPICS), help="comma-separated; default: %(default)s")
    topics = split(parser.parse_args(arguments).topics)
    if unknown := {*topics} - {*TOPICS}:
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    names = _called({TOPICS[topic].type for topic in topics})
    around = Surroundings([used for topic in topics for used in USED[topic]], database=True)
    kinds = (PROVIDERS[name].settings for name in names)
    ops, settings, *of_providers = load(OpsSettings, DispatcherSettings, *kinds, beside=around.faults)
    run(ops, "dispatcher", lambda: [*parts(settings, dict(zip(names, of_providers, strict=True)), topics), around])


def _called(types: Collection[NotificationType]) -> list[str]:
    """The providers of these types that are called: of others nothing needs to be known."""
    weights = loaded_if_right(ProviderWeights)
    if weights is None:
        # Nobody knows which; what is wrong is told with all other faults.
        return []
    return [
        name for name, entry in PROVIDERS.items() if entry.sends in types and weights.weights(entry.sends).get(name)
    ]


if __name__ == "__main__":
    main()
