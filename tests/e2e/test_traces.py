"""Traces and StatsD over the real stack: what a collector and a server of theirs receive from all processes."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e import paths
from tests.e2e.callers import Api, Service
from tests.e2e.canaries import all_canaries, secret_of, sightings
from tests.e2e.places import records

SERVICES = ("api", "persister", "dispatcher", "callbacks")
pytestmark = pytest.mark.timeout(400)


class Collector:
    """Receives OTLP over HTTP and lines of StatsD over UDP, and keeps both."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.lines: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.raw.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=work) for work in (self._http.serve_forever, self._listen)]
        for thread in self._threads:
            thread.start()

    @property
    def variables(self) -> dict[str, str]:
        """What has a process send its traces and events here."""
        return {
            "OCTAVO_TRACES_ENDPOINT": f"http://127.0.0.1:{self._http.server_port}/v1/traces",
            "OCTAVO_TRACES_SHARE": "1",
            "OCTAVO_STATSD_ADDRESS": "127.0.0.1:{1}".format(*self._udp.getsockname()),
            # The exporter's own name for how long spans gather, in milliseconds.
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    def spans(self, notification_id: str | None = None) -> list[tuple[str, Any]]:
        """Each span with the process that sent it; of one notification, if one is named."""
        found = []
        for data in self.raw:
            for resource in ExportTraceServiceRequest.FromString(data).resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                found += [
                    (names["service.name"], span)
                    for scope in resource.scope_spans
                    for span in scope.spans
                    if notification_id is None or span.trace_id.hex() == notification_id.replace("-", "")
                ]
        return found

    def close(self) -> None:
        self._http.shutdown()
        self._udp.sendto(b"", self._udp.getsockname())
        for thread in self._threads:
            thread.join()
        self._http.server_close()
        self._udp.close()

    def _listen(self) -> None:
        while data := self._udp.recv(65_536):
            self.lines |= set(data.decode().splitlines())


@pytest.fixture(scope="module")
def collector(stack) -> Iterator[Collector]:
    """All processes send here, every notification."""
    made = Collector()
    restart(stack, made.variables)
    yield made
    restart(stack, {})
    made.close()


def restart(stack, variables) -> None:
    for name in SERVICES:
        stack.stop_program(name)
    for name in SERVICES:
        stack.start_program(name, more=variables, ready=False)
    for name in SERVICES:
        stack.wait_ready(name, 120)


@pytest.fixture(scope="module")
def service(channel, known, collector, eventually) -> Service:
    def made() -> Service | None:
        try:
            return Api(channel, known["OCTAVO_ADMIN_KEY"]).service()
        except Exception:  # noqa: BLE001 - the channel finds its way back to the api in its own time
            return None

    service: Service = eventually(made, 60)
    return service


HOPS = {
    "sms": ["accept", "persist db-sms", "claim send-sms", "call", "receive", "apply receipts"],
    "email": ["accept", "persist db-email", "claim send-email", "call ses", "receive ses", "apply receipts"],
}
PROCESSES = [
    "octavo-api",
    "octavo-persister",
    "octavo-dispatcher",
    "octavo-dispatcher",
    "octavo-callbacks",
    "octavo-callbacks",
]


def trace_of(collector, notification_id, eventually, count=6):
    def complete():
        spans = collector.spans(notification_id)
        return sorted(spans, key=lambda pair: pair[1].start_time_unix_nano) if len(spans) >= count else None

    return eventually(complete, 60)


@pytest.mark.parametrize("kind", ["sms", "email"])
def test_a_notification_is_one_trace_through_all_processes(collector, service, eventually, kind):
    notification_id = service.send(service.sms() if kind == "sms" else service.email())
    paths.settled(service, [notification_id], eventually)
    spans = trace_of(collector, notification_id, eventually)
    names = [span.name for _, span in spans]
    assert all(map(str.startswith, names, HOPS[kind])), names
    assert [process for process, _ in spans] == PROCESSES
    accept, persist, claim, call, receive, apply = (span for _, span in spans)
    assert accept.parent_span_id == b""
    assert persist.parent_span_id == accept.span_id
    assert claim.parent_span_id == persist.span_id
    assert call.parent_span_id == claim.span_id
    assert receive.parent_span_id == accept.span_id
    assert apply.parent_span_id == receive.span_id
    assert accept.end_time_unix_nano >= accept.start_time_unix_nano


@pytest.mark.parametrize(
    ("given", "linked"),
    [
        (["00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"], ["ab" * 16]),
        (["00-" + "ab" * 16], []),
        # gRPC hands over the last of two.
        (["00-" + "ab" * 16 + "-" + "cd" * 8 + "-01", "00-" + "ef" * 16 + "-" + "cd" * 8 + "-01"], ["ef" * 16]),
    ],
    ids=["one", "malformed", "two"],
)
def test_a_trace_links_to_the_one_of_its_caller(collector, service, eventually, given, linked):
    metadata = (*service.metadata, *(("traceparent", one) for one in given))
    notification_id = service.api.call(service.api.notifications, "SendSms", service.sms(), metadata).id
    paths.settled(service, [notification_id], eventually)
    [(_, accept), *_] = trace_of(collector, notification_id, eventually)
    assert [link.trace_id.hex() for link in accept.links] == linked


def test_kafka_carries_the_parent_in_w3c_form(collector, service, known, eventually):
    notification_id = service.send(service.sms())
    paths.settled(service, [notification_id], eventually)
    key = bytes.fromhex(notification_id.replace("-", ""))
    for topic in ("db-sms", "send-sms", "receipts"):
        [record] = [one for one in records(known["KAFKA_BOOTSTRAP"], [topic]) if one.key == key]
        [(name, value)] = record.headers
        assert name == "traceparent"
        assert value.startswith(b"00-" + key.hex().encode() + b"-")


def test_a_retry_and_a_row_of_a_file_are_in_their_notification_s_trace(collector, service, stack, known, eventually):
    with paths.behaving(known, fail_share=1, fail_status=500, retry_after=1):
        notification_id = service.send(service.email())
        eventually(lambda: any(span.name == "call ses" for _, span in collector.spans(notification_id)))
    # The first retry comes after ten seconds.
    paths.settled(service, [notification_id], eventually)
    spans = trace_of(collector, notification_id, eventually, 9)
    names = [span.name for _, span in spans]
    assert names.count("call ses") == 2
    assert names.count("due") == 1
    failed, accepted = (span for _, span in spans if span.name == "call ses")
    assert (failed.status.code, accepted.status.code) == (2, 0)


def test_the_rows_of_a_file_are_traces_that_link_to_their_batch(collector, service, eventually):
    job = service.job(paths.ROWS.replace("0740O900471", "07400900472").encode())
    eventually(lambda: any(attribute(span, "octavo.job_id") == job.id for _, span in collector.spans()), 60)
    rows = [span for _, span in collector.spans() if attribute(span, "octavo.job_id") == job.id]
    [batch] = [span for span in rows if span.name == "accept batch"]
    roots = [span for span in rows if span.name == "accept"]
    assert len(roots) == 2
    assert {link.span_id for span in roots for link in span.links} == {batch.span_id}


def attribute(span, name):
    return next((one.value.string_value for one in span.attributes if one.key == name), None)


def test_traces_hold_no_personal_data(collector, service, stack, known, eventually):
    paths.settled(service, list(paths.successes(service, service)), eventually)
    secrets = {name: value for name, value in stack.instance.secrets.items() if name.endswith(("key", "keys", "token"))}
    canaries = all_canaries(secrets | {"a service's key": secret_of(service.key)})
    assert collector.raw
    assert [found for data in collector.raw for found in sightings(canaries, "a trace", data)] == []
    lines = "\n".join(collector.lines).encode()
    assert sightings(canaries, "statsd", lines) == []


@pytest.mark.asked("S8", "S10", "S11")
def test_a_statsd_server_gets_the_same_events(collector, service, eventually):
    paths.settled(service, [service.send(service.sms()), service.send(service.email())], eventually)
    for line in (
        "notifications.api.POST.notifications.SendSms.200:1|c",
        "notifications.admin.POST.registry.CreateService.200:1|c",
        "notifications.persist.Persister.persist:1|c",
        "notifications.insert.insert_notifications:1|c",
        "notifications.claims.Claims.claim:1|c",
        "notifications.callbacks.ses.delivered:1|c",
        "notifications.retry.send_email_to_provider:1|c",
    ):
        eventually(lambda line=line: line in collector.lines)
