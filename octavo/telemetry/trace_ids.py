"""Ids of traces and spans: a notification's trace has its id, and W3C's `traceparent` names a hop in Kafka's headers."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

from octavo.telemetry.traces import Headers

HEADER = "traceparent"
_RANDOM_BYTES = 7
"""At the end of an id there are so many random bytes, whatever the ids are made of (as W3C's random trace ids have)."""
_LONGEST = 64
_PARTS = 4
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_LENGTH = 55


def place_of(notification_id: bytes) -> int:
    """Where an id stands among all: as often in one place as in another."""
    return int.from_bytes(notification_id[-_RANDOM_BYTES:])


def bound_of(share: float) -> int:
    """The place below which so large a share of all ids stands."""
    return int(share * (1 << 8 * _RANDOM_BYTES))


def root_of(notification_id: bytes) -> SpanContext:
    """The first span of a notification, known to whoever knows the id."""
    return SpanContext(
        trace_id=int.from_bytes(notification_id),
        span_id=int.from_bytes(notification_id[8:]),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def headers_of(span: Span | None) -> Headers:
    """What a message carries on from this span; nothing if there is none."""
    if span is None:
        return ()
    context = span.get_span_context()
    return ((HEADER, f"00-{context.trace_id:032x}-{context.span_id:016x}-01".encode()),)


def parent_of(notification_id: bytes, headers: Headers) -> Context:
    """The context of the hop that the headers name; of the first span, if they name none of this notification."""
    root = root_of(notification_id)
    span_id = next((_span_id(value, root.trace_id) for name, value in headers if name == HEADER), 0)
    named = SpanContext(root.trace_id, span_id, is_remote=True, trace_flags=root.trace_flags) if span_id else root
    return set_span_in_context(NonRecordingSpan(named))


def link_to(span: Span | None) -> list[Link]:
    """A link to a span, if there is one."""
    return [] if span is None else [Link(span.get_span_context())]


def caller_of(traceparent: str) -> list[Link]:
    """A link to the span that a client's `traceparent` names; none if it is not as W3C has it."""
    found = _TRACEPARENT.fullmatch(traceparent[:_LENGTH])
    rest = traceparent[_LENGTH:]
    # Only versions to come may go on behind the flags.
    if found is None or (rest and (traceparent.startswith("00") or rest[0] != "-")):
        return []
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return [Link(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED)))]


def _span_id(value: bytes, trace_id: int) -> int:
    """The span in a `traceparent` of this trace; 0 if it is none."""
    parts = value[:_LONGEST].split(b"-")
    try:
        same = len(parts) == _PARTS and int(parts[1], 16) == trace_id
        return int(parts[2], 16) & ((1 << 64) - 1) if same else 0
    except ValueError:
        return 0


class Ids(IdGenerator):
    """Random ids, but for a first span, whose ids are given. A span takes its ids in the thread that starts it."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._local = local()

    @contextmanager
    def next(self, context: SpanContext) -> Iterator[None]:
        """The span that starts in this block has these ids."""
        self._local.context = context
        try:
            yield
        finally:
            self._local.context = None

    def generate_span_id(self) -> int:
        """The id of a new span."""
        context = getattr(self._local, "context", None)
        return context.span_id if context else self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        """The id of a new trace."""
        context = getattr(self._local, "context", None)
        return context.trace_id if context else self._random.generate_trace_id()
