"""Counting gRPC calls, with the labels of a method bound once."""

from collections.abc import Sequence

from prometheus_client import Counter

from octavo.telemetry import metrics, statsd

CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip


class Requests:
    """The metrics of one method for one kind of caller; those of the codes to be expected are there from the start, at zero.

    `kind` is unary, client_stream or server_stream.
    """

    def __init__(
        self,
        service: str,
        method: str,
        caller: str,
        *,
        module: str,
        function: str,
        kind: str = "unary",
        codes: Sequence[str] = CODES,
    ) -> None:
        labels = (kind, service, method)
        self._started = metrics.GRPC_STARTED.labels(*labels, caller)
        # Calls that are refused at once have nothing to be timed, unless there are some.
        self._seconds = metrics.GRPC_SECONDS.labels(*labels, caller) if "OK" in codes else None
        self._labels = (*labels, caller, module, function)
        self._ended = {code: self._end(code) for code in codes}

    def started(self) -> None:
        """Counts a call that begins: once it is known who calls."""
        self._started.inc()

    def handled(self, code: str, seconds: float) -> None:
        """Counts a call that has ended so."""
        ended = self._ended.get(code)
        if ended is None:
            ended = self._ended[code] = self._end(code)
        handled, requests, name = ended
        handled.inc()
        requests.inc()
        if self._seconds is None:
            self._seconds = metrics.GRPC_SECONDS.labels(*self._labels[:4])
        self._seconds.observe(seconds)
        if statsd.exporter is not None:
            statsd.exporter.timed(name, seconds)

    def _end(self, code: str) -> tuple[Counter, Counter, str]:
        kind, service, method, caller, module, function = self._labels
        return (
            metrics.GRPC_HANDLED.labels(kind, service, method, code, caller),
            metrics.REQUESTS.labels(caller, f"{service}/{method}", module, function, code),
            statsd.request_name(caller, module, function, code),
        )
