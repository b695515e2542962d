"""`make faults`: every fault under load, and what the judge says: `python -m tests.faults [--seed 1] [--fault broker]`."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Sequence

from deploy.local.instance import CACHE
from tests.faults.runner import FAULTS, NAMED, Report, run
from tests.faults.system import System


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the faults whose names contain what is given; all that break something if nothing is. 1 if anything was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", default="", help="what decides all luck; a new one is shown if none is given")
    parser.add_argument("--fault", default="", help=f"a part of a name of: {', '.join(FAULTS | NAMED)}")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of the system for a look")
    given = parser.parse_args(arguments)
    seed = given.seed or str(secrets.randbelow(10**6))
    known = FAULTS | NAMED if given.fault else FAULTS
    chosen = {name: fault for name, fault in known.items() if given.fault in name}
    if not chosen:
        parser.error(f"no fault is named like {given.fault}")
    report = Report(seed, sys.stdout)
    began = time.monotonic()
    directory = CACHE / f"faults-{os.getpid()}"
    with System(directory) as system:
        system.keep = given.keep
        run(system, chosen, seed, report.add)
    report.close(time.monotonic() - began, system.kills)
    if given.keep:
        sys.stderr.write(f"logs and data are in {directory}\n")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
