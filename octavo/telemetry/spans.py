"""The spans of traced notifications, made with OpenTelemetry. Loaded by traces.py alone, once traces are on.

Attributes hold ids, names of ours and numbers, never what a client or a provider has written.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import time_ns

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from octavo.domain.ids import text_of
from octavo.telemetry.trace_ids import Ids, bound_of, caller_of, headers_of, link_to, parent_of, place_of, root_of
from octavo.telemetry.traces import Headers

ID_BYTES = 16
KINDS = {"accept": SpanKind.SERVER, "receive": SpanKind.SERVER, "call": SpanKind.CLIENT, "due": SpanKind.PRODUCER}
"""By the first word of a span's name; all others consume."""

Attributes = Mapping[str, str | int]
Item = tuple[bytes, Headers]
"""A notification's id, and the headers that it came with."""


class Traces:
    """Makes spans of the notifications that are traced."""

    def __init__(self, service: str, share: float, exporter: SpanExporter, *, at_once: bool = False) -> None:
        """With `at_once` each span is exported as it ends; else beside the work."""
        self._below = bound_of(share)
        self._ids = Ids()
        resource = Resource.create({"service.namespace": "octavo", "service.name": f"octavo-{service}"})
        # Which are traced is decided here, before a span costs anything.
        self._provider = TracerProvider(
            resource=resource, id_generator=self._ids, sampler=ALWAYS_ON, shutdown_on_exit=False
        )
        self._provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("octavo")

    def traced(self, notification_id: bytes) -> bool:
        """Whether this notification is traced."""
        return place_of(notification_id) < self._below and len(notification_id) == ID_BYTES

    @contextmanager
    def begun(
        self, name: str, ids: Sequence[bytes], since: datetime, attributes: Attributes, *, caller: str = ""
    ) -> Iterator[list[Headers]]:
        """The first span of each of these that is traced, and what their messages carry on; ended with the block.

        Several at once have a span of the batch beside, which each of them links to. Each links to the caller's own span, too,
        if `caller` is a `traceparent`.
        """
        if not any(map(self.traced, ids)):
            # By far the most: they cost next to nothing.
            yield [()] * len(ids)
            return
        started = _nanoseconds(since)
        with self._batch(name, len(ids), attributes, started) as batch:
            links = [*link_to(batch), *caller_of(caller)]
            spans = [self._root(name, one, started, links, attributes) if self.traced(one) else None for one in ids]
            with _ended(spans):
                yield [headers_of(span) for span in spans]

    @contextmanager
    def handled(
        self, name: str, items: Sequence[Item], attributes: Attributes, *, since: datetime | None = None
    ) -> Iterator[dict[bytes, Headers]]:
        """A span of each of these that is traced, behind the hop that its headers name; ended with the block.

        Gives what their messages carry on, by id. Begun now, unless `since` says when.
        """
        traced = [(one, headers) for one, headers in items if self.traced(one)]
        if not traced:
            yield {}
            return
        counted = {**attributes, "messaging.batch.message_count": len(items)}
        started = None if since is None else _nanoseconds(since)
        with self._batch(name, len(items), counted, started) as batch:
            spans = {
                one: self.hop(name, one, headers, counted, batch=batch, started=started) for one, headers in traced
            }
            with _ended(list(spans.values())):
                yield {one: headers_of(span) for one, span in spans.items()}

    def hop(
        self,
        name: str,
        notification_id: bytes,
        headers: Headers,
        attributes: Attributes,
        *,
        batch: Span | None = None,
        started: int | None = None,
    ) -> Span | None:
        """A span behind the hop that the headers name; None if the notification is not traced. The caller ends it."""
        if not self.traced(notification_id):
            return None
        return self._tracer.start_span(
            name,
            context=parent_of(notification_id, headers),
            kind=_kind(name),
            attributes={"octavo.notification_id": text_of(notification_id), **attributes},
            links=link_to(batch),
            start_time=started,
        )

    @staticmethod
    def end(span: Span | None, outcome: str, *, failed: bool) -> None:
        """Ends a hop; `outcome` is a word of ours."""
        if span is not None:
            span.set_attribute("octavo.outcome", outcome)
            if failed:
                fail(span, outcome)
            span.end()

    def stop(self) -> None:
        """Exports what is left."""
        self._provider.shutdown()

    def _root(
        self, name: str, notification_id: bytes, started: int, links: Sequence[Link], attributes: Attributes
    ) -> Span:
        with self._ids.next(root_of(notification_id)):
            return self._tracer.start_span(
                name,
                kind=_kind(name),
                attributes={"octavo.notification_id": text_of(notification_id), **attributes},
                links=links,
                start_time=started,
            )

    @contextmanager
    def _batch(
        self, name: str, number: int, attributes: Attributes, started: int | None = None
    ) -> Iterator[Span | None]:
        """The span of a whole batch, in a trace of its own; None if it holds but one."""
        if number == 1:
            yield None
            return
        span = self._tracer.start_span(f"{name} batch", attributes=dict(attributes), start_time=started or time_ns())
        with _ended([span]):
            yield span


@contextmanager
def _ended(spans: Sequence[Span | None]) -> Iterator[None]:
    """Ends the spans with the block, as failed if it raises. What it raises is told by its kind alone."""
    try:
        yield
    except BaseException as error:
        for span in spans:
            fail(span, type(error).__name__)
        raise
    finally:
        for span in spans:
            if span is not None:
                span.end()


def fail(span: Span | None, why: str) -> None:
    """Marks a span as failed; `why` is a word of ours."""
    if span is not None:
        span.set_status(Status(StatusCode.ERROR, why))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e9)


def _kind(name: str) -> SpanKind:
    return KINDS.get(name.partition(" ")[0], SpanKind.CONSUMER)
