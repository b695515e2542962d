"""What it costs the api to be seen: a share of its calls traced, and its metrics scraped while it works."""

import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from benchmarks.amount import amount
from benchmarks.api import SEND_SMS
from benchmarks.apis import Api, api
from benchmarks.figure import Figure, alternate, median
from benchmarks.load import offer, offered, warm
from benchmarks.processes import wait_until
from benchmarks.stacks import stack, texts

ROUNDS = amount(9, 1)
SECONDS = amount(3.0, 0.5)
SCRAPES = amount(30, 2)
RATE = 500
"""Calls a second while it is scraped: about half of what a process can do."""


def figures() -> Iterator[Figure]:
    """CPU of a call with 1 % of the notifications traced, beside none; the time of a scrape."""
    with stack({"kafka", "postgres"}) as (around, known), _collector() as (endpoint, spans):
        requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        key = known["OCTAVO_API_KEY"]
        # Each process has its own moods; the exporter's thread is there in both, with nothing to export in one.
        traced = {"OCTAVO_TRACES_ENDPOINT": endpoint, "OCTAVO_TRACES_SHARE": "0.01"}
        with api(around.environment) as off, api({**around.environment, **traced}) as on:

            def of(one: Api) -> Callable[[], float]:
                return lambda: offered(one.pid, one.address, SEND_SMS, requests, key=key, seconds=SECONDS)[1]

            for one in (off, on):
                warm(one.address, SEND_SMS, requests, key)
            taken = alternate(ROUNDS, off=of(off), on=of(on))
            # There is nothing to compare unless spans do go out.
            wait_until(lambda: _exported(on, requests, key, spans), 60)
            yield Figure("traces.send_sms.cpu", median(taken["on"]), "µs", median(taken["off"]), "<= 1.03")
            with ThreadPoolExecutor(1) as threads:
                seconds = 2 * SECONDS
                load = threads.submit(offer, off.address, SEND_SMS, requests, key=key, seconds=seconds, rate=RATE)
                pause = seconds / (SCRAPES + 1)
                scrapes = [_scrape(off.operations, pause) for _ in range(SCRAPES)]
                load.result()
            yield Figure("traces.scrape_under_load", median(scrapes), "ms", None, "<= 50")


def _exported(one: Api, requests: Sequence[bytes], key: str, spans: Sequence[int]) -> bool:
    """Has the process answer calls for a second; whether spans have gone out by then."""
    warm(one.address, SEND_SMS, requests, key)
    return bool(spans)


def _scrape(operations: str, pause: float) -> float:
    """Milliseconds of one scrape, after a pause."""
    time.sleep(pause)
    begun = time.perf_counter()
    with urllib.request.urlopen(f"{operations}/metrics", timeout=10) as answer:
        answer.read()
    return (time.perf_counter() - begun) * 1000


@contextmanager
def _collector() -> Iterator[tuple[str, list[int]]]:
    """A collector of spans: where it is, and the sizes of what came."""
    sizes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Takes spans."""
            sizes.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", sizes
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
