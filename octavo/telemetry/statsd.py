"""The main events once more, for a StatsD server, in the names of the system before: docs/operations/statsd.md.

Without a server each event costs one look-up. With one it goes into a buffer that a thread of its own sends: nothing waits for
the server, and what can't be sent is dropped.
"""

from typing import Any

PREFIX = "notifications"
FLUSH_SECONDS = 0.3
CLOSE_SECONDS = 1.0
MOST_PACKETS = 1_000
"""Packets that wait to be sent; what comes beyond is dropped."""

# How gateways translate gRPC codes, so that patterns over HTTP statuses go on meaning what they meant.
HTTP_STATUS = {
    "OK": 200, "CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400, "ABORTED": 409,
    "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500, "UNAVAILABLE": 503, "DATA_LOSS": 500, "UNAUTHENTICATED": 401,
}  # fmt: skip


class Exporter:
    """Sends events to one server."""

    def __init__(self, address: str) -> None:
        """`address` is host:port. The host is looked up when the first packet is sent, and again if that fails."""
        # Only who exports pays for the client's memory.
        from datadog.dogstatsd.base import DogStatsd

        host, _, port = address.rpartition(":")
        self._client: Any = DogStatsd(
            host=host.strip("[]"),
            port=int(port),
            namespace=PREFIX,
            flush_interval=FLUSH_SECONDS,
            disable_buffering=False,
            disable_background_sender=False,
            sender_queue_size=MOST_PACKETS,
            use_ms=True,
            # Plain StatsD knows neither tags, nor where a packet comes from, nor the client's own metrics.
            disable_telemetry=True,
            origin_detection_enabled=False,
        )

    def count(self, name: str, number: int = 1) -> None:
        """Counts so many events."""
        self._client.increment(name, number)

    def timed(self, name: str, seconds: float) -> None:
        """Counts an event that took so long."""
        self._client.increment(name)
        self._client.timing(name, seconds * 1000)

    def close(self) -> None:
        """Sends what is left."""
        self._client.stop(timeout=CLOSE_SECONDS)


exporter: Exporter | None = None
"""Where events go; None without a server."""


def start(address: str) -> None:
    """Exports from now on, if there is an address."""
    global exporter  # noqa: PLW0603 - a process has one, as it has one registry of metrics
    if address and exporter is None:
        exporter = Exporter(address)


def stop() -> None:
    """Sends what is left, and exports no more."""
    global exporter
    ended, exporter = exporter, None
    if ended is not None:
        ended.close()


def count(*parts: str, number: int = 1) -> None:
    """Counts events under a name of these parts, behind the prefix."""
    if exporter is not None:
        exporter.count(".".join(parts), number)


def request_name(caller: str, module: str, function: str, code: str) -> str:
    """The name of a call: who called, the method of HTTP/2 that gRPC uses, who handled it, and the status."""
    handled_by = f"{module.rpartition('.')[2]}.{function.rpartition('.')[2]}"
    return f"{caller.lower()}.POST.{handled_by}.{HTTP_STATUS[code]}"
