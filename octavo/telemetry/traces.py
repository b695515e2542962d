"""Traces: one for a notification, from the call that brought it to its last receipt (docs/operations/traces.md).

The id of the trace is the notification's own, and which notifications are traced follows from the id, too. So every process
comes to the same answer without asking, and a hop that has lost its headers (a row that was due again, a receipt from
outside) still finds its trace. Kafka's headers say which hop came before.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from octavo.telemetry.spans import Traces

Headers = tuple[tuple[str, bytes], ...]
"""As Kafka's records carry them."""

EXPORT_SECONDS = 5

active: "Traces | None" = None
"""What makes spans; None unless traces are on. Whoever handles something looks here once."""


def start(service: str, endpoint: str, share: float) -> None:
    """Traces this share of the notifications from now on, if there is an endpoint (OTLP over HTTP)."""
    global active  # noqa: PLW0603 - a process has one, as it has one registry of metrics
    if endpoint and share and active is None:
        # Only who traces pays for its memory.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from octavo.telemetry.spans import Traces

        active = Traces(service, share, OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS))


def stop() -> None:
    """Exports what is left, and traces no more."""
    global active
    ended, active = active, None
    if ended is not None:
        ended.stop()
