import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from octavo.domain.ids import uuid7
from octavo.telemetry.spans import Traces
from octavo.telemetry.trace_ids import HEADER, bound_of, place_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def new_id(place: float = 0.5) -> bytes:
    """An id that stands so far between 0 and 1."""
    return uuid7(NOW, os.urandom(3) + int(place * (1 << 56)).to_bytes(7)).bytes


@pytest.fixture
def exported():
    return InMemorySpanExporter()


@pytest.fixture
def traces(exported):
    made = Traces("api", 0.6, exported, at_once=True)
    yield made
    made.stop()


def by_name(exported):
    return {span.name: span for span in exported.get_finished_spans()}


def test_the_trace_of_a_notification_has_its_id_and_each_hop_follows_the_one_before(traces, exported):
    one = new_id()
    with traces.begun("accept", [one], NOW, {"octavo.service_id": "s"}) as [headers]:
        pass
    with traces.handled("persist db-sms", [(one, headers)], {}) as carried:
        pass
    traces.end(traces.hop("call mmg", one, carried[one], {}), "accepted", failed=False)
    spans = by_name(exported)
    assert {span.context.trace_id for span in spans.values()} == {int.from_bytes(one)}
    accept, persist, call = spans["accept"], spans["persist db-sms"], spans["call mmg"]
    assert accept.parent is None
    assert persist.parent.span_id == accept.context.span_id
    assert call.parent.span_id == persist.context.span_id
    assert (accept.kind, persist.kind, call.kind) == (SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.CLIENT)
    assert call.attributes["octavo.outcome"] == "accepted"


def test_headers_are_w3c_traceparents(traces):
    one = new_id()
    with traces.begun("accept", [one], NOW, {}) as [headers]:
        pass
    [(name, value)] = headers
    version, trace_id, span_id, flags = value.decode().split("-")
    assert (name, version, trace_id, flags) == (HEADER, "00", one.hex(), "01")
    assert len(span_id) == 16


def test_the_first_span_begins_when_the_call_came(traces, exported):
    with traces.begun("accept", [new_id()], NOW - timedelta(seconds=2), {}):
        pass
    [span] = exported.get_finished_spans()
    assert span.start_time == (NOW - timedelta(seconds=2)).timestamp() * 1e9


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((HEADER, b""),),
        ((HEADER, b"00-zz-zz-01"),),
        ((HEADER, b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"),),
        ((HEADER, b"-" * 1000),),
    ],
)
def test_a_hop_without_headers_of_its_notification_goes_behind_the_first_span(traces, exported, headers):
    one = new_id()
    with traces.begun("accept", [one], NOW, {}):
        pass
    with traces.handled("receive mmg", [(one, headers)], {}):
        pass
    spans = by_name(exported)
    assert spans["receive mmg"].parent.span_id == spans["accept"].context.span_id
    assert spans["receive mmg"].context.trace_id == spans["accept"].context.trace_id


def test_the_spans_of_a_batch_are_of_different_traces_and_link_to_the_batch(traces, exported):
    ids = [new_id(), new_id(0.9), new_id()]
    with traces.handled("persist db-sms", [(one, ()) for one in ids], {}) as headers:
        assert set(headers) == {ids[0], ids[2]}
    spans = exported.get_finished_spans()
    [batch] = [span for span in spans if span.name == "persist db-sms batch"]
    hops = [span for span in spans if span.name == "persist db-sms"]
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert {span.context.trace_id for span in hops} == {int.from_bytes(ids[0]), int.from_bytes(ids[2])}
    assert [[link.context.span_id for link in span.links] for span in hops] == [[batch.context.span_id]] * 2


CALLER = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@pytest.mark.parametrize("traceparent", [CALLER, CALLER[:-2] + "00", "7f" + CALLER[2:] + "-later"])
def test_the_first_span_links_to_the_caller_s_own_and_stays_the_first(traces, exported, traceparent):
    one = new_id()
    with traces.begun("accept", [one], NOW, {}, caller=traceparent):
        pass
    [span] = exported.get_finished_spans()
    assert span.parent is None
    assert span.context.trace_id == int.from_bytes(one)
    [link] = span.links
    assert (link.context.trace_id, link.context.span_id) == (int("ab" * 16, 16), int("cd" * 8, 16))
    assert link.context.trace_flags.sampled == (traceparent[53:55] == "01")


def test_messages_of_one_call_link_to_their_batch_and_to_the_caller(traces, exported):
    with traces.begun("accept", [new_id(), new_id()], NOW, {}, caller=CALLER):
        pass
    [batch] = [span for span in exported.get_finished_spans() if span.name == "accept batch"]
    roots = [span for span in exported.get_finished_spans() if span.name == "accept"]
    expected = [batch.context.span_id, int("cd" * 8, 16)]
    assert [[link.context.span_id for link in span.links] for span in roots] == [expected, expected]


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        CALLER.upper(),
        CALLER + "-later",
        "7f" + CALLER[2:] + "later",
        "ff" + CALLER[2:],
        CALLER.replace("ab", "00"),
        CALLER.replace("cd", "00"),
        CALLER.replace("ab", "xy"),
        CALLER.replace("a", "\N{ARABIC-INDIC DIGIT ONE}"),
        CALLER + "\n",
        "-" * 100_000,
    ],
)
def test_a_malformed_traceparent_of_a_caller_is_ignored(traces, exported, traceparent):
    with traces.begun("accept", [new_id()], NOW, {}, caller=traceparent):
        pass
    [span] = exported.get_finished_spans()
    assert span.links == ()


def test_what_is_told_late_begins_when_it_did(traces, exported):
    with traces.handled("apply held receipts", [(new_id(), ())], {}, since=NOW):
        pass
    [span] = exported.get_finished_spans()
    assert span.start_time == NOW.timestamp() * 1e9


def test_the_share_decides_by_the_id_alone_and_evenly(traces):
    ids = [uuid7(NOW, os.urandom(10)).bytes for _ in range(4_000)]
    assert 0.55 < sum(map(traces.traced, ids)) / len(ids) < 0.65
    assert all(traces.traced(one) == (place_of(one) < bound_of(0.6)) for one in ids)


@pytest.mark.parametrize("notification_id", [b"", b"short", b"x" * 17])
def test_what_has_no_id_is_not_traced(traces, exported, notification_id):
    with traces.handled("apply receipts", [(notification_id, ())], {}) as headers:
        assert headers == {}
    assert exported.get_finished_spans() == ()


def test_a_failure_is_told_by_its_kind_alone(traces, exported):
    one = new_id()
    with pytest.raises(ValueError, match="7700900471"), traces.handled("persist db-sms", [(one, ())], {}):
        raise ValueError("+447700900471")
    [span] = exported.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "7700900471" not in span.to_json()
    assert span.status.description == "ValueError"


def test_off_nothing_of_opentelemetry_is_loaded():
    program = (
        "import sys, services.api.parts, services.persister.parts, services.dispatcher.parts, services.callbacks.parts;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
