"""Counting gRPC calls, with the labels of a method bound once."""

from octavo.telemetry import metrics, statsd

CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


class Requests:
    """The metrics of one method for one kind of caller; all there from the start, at zero.

    `kind` is unary, client_stream or server_stream.
    """

    def __init__(
        self, service: str, method: str, caller: str, *, module: str, function: str, kind: str = "unary"
    ) -> None:
        labels = (kind, service, method)
        self._started = metrics.GRPC_STARTED.labels(*labels, caller)
        self._seconds = metrics.GRPC_SECONDS.labels(*labels, caller)
        self._handled = {code: metrics.GRPC_HANDLED.labels(*labels, code, caller) for code in CODES}
        self._requests = {
            code: metrics.REQUESTS.labels(caller, f"{service}/{method}", module, function, code) for code in CODES
        }
        self._names = {code: statsd.request_name(caller, module, function, code) for code in CODES}

    def started(self) -> None:
        """Counts a call that begins: once it is known who calls."""
        self._started.inc()

    def handled(self, code: str, seconds: float) -> None:
        """Counts a call that has ended so."""
        self._handled[code].inc()
        self._requests[code].inc()
        self._seconds.observe(seconds)
        if statsd.exporter is not None:
            statsd.exporter.timed(self._names[code], seconds)
