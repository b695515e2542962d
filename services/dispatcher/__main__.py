"""The dispatcher process: `python -m services.dispatcher [--topics send-sms,send-email]`."""

import argparse
from collections.abc import Sequence

from octavo.config import OpsSettings, split
from octavo.loading import load
from octavo.process import run
from octavo.providers.registry import PROVIDERS
from octavo.surroundings import Surroundings
from services.dispatcher.parts import TOPICS, USED, parts
from services.dispatcher.settings import DispatcherSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Sends what is on the topics until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m services.dispatcher", description="Calls providers.")
    parser.add_argument("--topics", default=",".join(TOPICS), help="comma-separated; default: %(default)s")
    topics = split(parser.parse_args(arguments).topics)
    if unknown := {*topics} - {*TOPICS}:
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    names = [name for name, entry in PROVIDERS.items() if entry.sends in {TOPICS[topic].type for topic in topics}]
    around = Surroundings([used for topic in topics for used in USED[topic]], database=True)
    kinds = (PROVIDERS[name].settings for name in names)
    ops, settings, *of_providers = load(OpsSettings, DispatcherSettings, *kinds, beside=around.faults)
    run(ops, "dispatcher", lambda: [*parts(settings, dict(zip(names, of_providers, strict=True)), topics), around])


if __name__ == "__main__":
    main()
