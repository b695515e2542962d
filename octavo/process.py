"""What every process has in common: parts that start, are ready, and drain; signals; and a port for operators.

`/livez` says that the process turns, and asks nothing of Kafka or PostgreSQL. `/readyz` says that it can do its work.
"""

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import structlog
import uvloop
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics

from octavo import faultpoint
from octavo.config import OpsSettings
from octavo.domain.errors import Malformed, Unavailable
from octavo.listening import listening
from octavo.loading import EXIT_MISCONFIGURED, Misconfigured, report, unread
from octavo.niceness import be_nice
from octavo.telemetry import logs, metrics, statsd, traces
from octavo.telemetry.exposition import exposition
from octavo.version import VERSION

log = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_SECONDS = 30.0
UNDECIDED_SECONDS = 5.0
"""How long a process that is to end, as a part has failed, waits for what may explain it."""
AWAY_SECONDS = 3.0
"""How long a repeated step leaves alone what is away."""


class Part(Protocol):
    """Something that a process runs."""

    name: str

    async def start(self) -> None:
        """Begins; returns once the part works by itself. Raises Misconfigured if it never will."""

    def unready(self) -> str | None:
        """Why it can't do its work now; None if it can."""

    async def drain(self) -> None:
        """Takes nothing new, finishes what it has, and ends."""


class ThreadPart:
    """A part that is a loop in a thread of its own, told to stop by an event. If it fails, the process ends."""

    def __init__(
        self, name: str, run: Callable[[threading.Event], None], unready: Callable[[], str | None] = lambda: None
    ) -> None:
        self.name = name
        self.failed: asyncio.Future[None] | None = None
        self._run = run
        self._unready = unready
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Starts the thread."""
        self._loop = asyncio.get_running_loop()
        self.failed = self._loop.create_future()
        self._thread.start()

    def unready(self) -> str | None:
        """Why it can't work now."""
        if not self._thread.is_alive() or (self.failed is not None and self.failed.done()):
            return "has ended"
        return self._unready()

    async def drain(self) -> None:
        """Tells the loop to stop, and waits for it."""
        self._stop.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, DRAIN_SECONDS)

    def _guarded(self) -> None:
        try:
            self._run(self._stop)
        except Misconfigured as error:
            self._fail(error)
        except Exception as error:  # whatever it is, the process must end and say so
            log.exception("a part failed", part=self.name, error=type(error).__name__)
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._loop and self.failed:
            with suppress(RuntimeError):
                # Only a loop that is closed refuses: then the process ends, and nobody waits any more.
                self._loop.call_soon_threadsafe(_fail, self.failed, error)


def repeat(name: str, step: Callable[[], bool], every_seconds: float, stop: threading.Event) -> None:
    """Does a step again and again until told to stop; at once, as long as it says that there is more.

    What is away is asked again after a pause.
    """
    pause = every_seconds
    while not stop.wait(pause):
        try:
            while step() and not stop.is_set():
                pass
            pause = every_seconds
        except (Unavailable, Malformed) as error:
            log.warning("waiting", what=name, error=str(error))
            pause = max(every_seconds, AWAY_SECONDS)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def run(settings: OpsSettings, service: str, parts: Callable[[], Sequence[Part]]) -> None:
    """Runs a process until SIGTERM or SIGINT, then drains it.

    Ends with status 1 if a part fails, and with 78 if one finds that the process is misconfigured.
    """
    logs.configure(service, settings.log_format, settings.log_level)
    _tell_of_the_unread()
    faultpoint.arm(settings.faultpoint)
    be_nice(settings.niceness)
    # When a series began doubles the scrape, and nobody asks for it.
    disable_created_metrics()  # type: ignore[no-untyped-call] # it has no annotations
    metrics.BUILD.labels(VERSION).set(1)
    statsd.start(settings.statsd_address)
    traces.start(service, settings.traces_endpoint, settings.traces_share)
    status = uvloop.run(_serve(settings, service, parts))
    statsd.stop()
    traces.stop()
    sys.exit(status)


def _tell_of_the_unread() -> None:
    for name, meant in unread.items():
        log.warning("nothing reads this variable", variable=name, read=meant)


async def _serve(settings: OpsSettings, service: str, make: Callable[[], Sequence[Part]]) -> int:
    with _told_to_stop() as stopping:
        parts = make()
        started: list[Part] = []
        try:
            operators = await _operators(settings, started, expected=len(parts), stopping=stopping)
        except Misconfigured as error:
            report(error.faults)
            return EXIT_MISCONFIGURED
        try:
            return await _begin_and_drain(service, parts, started, stopping)
        finally:
            await operators.cleanup()


async def _begin_and_drain(service: str, parts: Sequence[Part], started: list[Part], stopping: asyncio.Event) -> int:
    try:
        # What the others need starts first, as it is drained last.
        for part in reversed(parts):
            await part.start()
            started.append(part)
    except Misconfigured as error:
        report(error.faults)
        status = EXIT_MISCONFIGURED
    else:
        _spare_the_collector()
        log.info("started", service=service, version=VERSION, parts=[part.name for part in parts])
        status = await _until_stopped(stopping, parts)
    stopping.set()
    log.info("draining", service=service)
    # In order: what feeds the others stops first.
    for part in reversed(started):
        await part.drain()
    log.info("ended", service=service, status=status)
    return status


@contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """Is set by SIGTERM and SIGINT. Once left, they are ignored: whoever tells it once more, while it goes, changes nothing.

    The loop's own handlers can't be replaced in one step: to remove one brings back, for a moment, what ends the process at once.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in SIGNALS:
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stopping.set))
    try:
        yield stopping
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _spare_the_collector() -> None:
    """What a process has after its start stays for good: looking through all of it for garbage again and again costs a tenth.

    What came since then is looked through often, while it is in the processor's caches: each call of gRPC leaves six objects in a
    circle, and with 20,000 of them a call waited for 10 to 26 ms, every other second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 20, 50)


async def _until_stopped(stopping: asyncio.Event, parts: Sequence[Part]) -> int:
    failures = [failed for part in parts if (failed := getattr(part, "failed", None)) is not None]
    stop = asyncio.ensure_future(stopping.wait())
    done, _ = await asyncio.wait([stop, *failures], return_when=asyncio.FIRST_COMPLETED)
    if stop not in done and (undecided := [future for part in parts if (future := _undecided(part))]):
        # What was not ready yet may tell why the other failed.
        later, _ = await asyncio.wait(undecided, timeout=UNDECIDED_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        done |= later
    failed = [error for future in failures if future in done and (error := future.exception())]
    stop.cancel()
    for error in failed:
        if isinstance(error, Misconfigured):
            report(error.faults)
            return EXIT_MISCONFIGURED
    return 1 if failed else 0


def _undecided(part: Part) -> asyncio.Future[None] | None:
    """What tells how a part fails that is not ready yet."""
    failed: asyncio.Future[None] | None = getattr(part, "failed", None)
    return failed if failed is not None and not failed.done() and part.unready() else None


async def _operators(
    settings: OpsSettings, started: list[Part], *, expected: int, stopping: asyncio.Event
) -> web.AppRunner:
    async def metrics(_request: web.Request) -> web.Response:
        # Made beside the event loop, so that a scrape never delays the work.
        text = await asyncio.to_thread(exposition)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        reasons = [f"{part.name}: {why}" for part in started if (why := part.unready())]
        if stopping.is_set():
            reasons.append("draining")
        elif len(started) < expected:
            reasons.append("starting")
        return web.Response(text="\n".join(reasons or ["ok"]) + "\n", status=503 if reasons else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", livez), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with listening("OCTAVO_OPS_HOST, OCTAVO_OPS_PORT", settings.ops_host, settings.ops_port):
        await web.TCPSite(runner, settings.ops_host, settings.ops_port).start()
    return runner
