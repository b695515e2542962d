"""Runs the simulator until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import sys

import uvloop
from aiohttp import web
from pydantic import ValidationError

from deploy.local.simulator.app import build
from deploy.local.simulator.settings import Settings

# Calls that hang on purpose would never end by themselves.
_SHUTDOWN_SECONDS = 2.0

_log = logging.getLogger("simulator")


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    # An access log would cost more than the calls, and its lines are in the ledger.
    runner = web.AppRunner(build(settings), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        _log.info("listening on port %d", runner.addresses[0][1])
        await stopped.wait()
        _log.info("stopping")
    finally:
        await runner.cleanup()


def main() -> int:
    """Reads the configuration and serves; returns 2 with all its faults when it is wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.model_validate({})
    except ValidationError as fault:
        for error in fault.errors(include_input=False, include_url=False):
            _log.error("%s: %s", ".".join(map(str, error["loc"])), error["msg"])
        return 2
    uvloop.run(_serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
