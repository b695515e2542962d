"""Hostile calls to the api, over the wire: each gets the answer that is named for it, and the process stays up and small."""

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from deploy.local.stack import Stack
from octavo.domain.ids import uuid7
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1 import template_service_pb2
from octavo.v1.template_service_pb2_grpc import TemplateServiceStub
from tests.integration.api.wire import Refusal, Tenant, refused, until

MIB = 1024 * 1024
MOST_GROWTH = 100 * MIB
"""What the process may have grown by after all of this: buffers of the largest messages, and what allocators keep."""
PROTOS = ["api_key_service", "job_service", "notification_service", "registry_service", "template_service"]
SERVICES = [
    service
    for name in PROTOS
    for service in import_module(f"octavo.v1.{name}_pb2").DESCRIPTOR.services_by_name.values()
]
METHODS = [
    pytest.param(f"/{service.full_name}/{method.name}", method.server_streaming, id=method.full_name.split(".", 2)[2])
    for service in SERVICES
    for method in service.methods
]
SEND_SMS = "/octavo.v1.NotificationService/SendSms"
NOWHERE = "018f0000-0000-7000-8000-000000000000"


def memory(stack: Stack) -> int:
    """Resident bytes of the api."""
    status = Path(f"/proc/{stack.pid('api')}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture(scope="module", autouse=True)
def alive_and_small(stack: Stack, tenant: Tenant) -> Iterator[None]:
    """All of it happens to one process, which at the end is the same, serves, and has neither grown nor complained."""
    tenant.send()
    pid, before = stack.pid("api"), memory(stack)
    yield
    assert stack.pid("api") == pid
    sent = tenant.send()
    assert tenant.get(sent.id).body == sent.body
    operations = stack.addresses["API_METRICS_URL"].removesuffix("/metrics")
    for path in ("/livez", "/readyz"):
        assert urlopen(operations + path, timeout=5).status == 200
    until(lambda: memory(stack) - before < MOST_GROWTH)
    complaints = (stack.instance.logs / "api.log").read_text()
    assert "Traceback" not in complaints
    assert "internal error" not in complaints


class Wire:
    """Calls that no generated client makes."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address, [("grpc.max_metadata_size", MIB)])

    def call(
        self,
        method: str,
        data: bytes = b"",
        metadata: Any = (),
        *,
        streaming: bool = False,
        seconds: float = 20,
        **options: Any,
    ) -> bytes:
        """Bytes out, bytes in; of a stream the first message."""
        if streaming:
            stream: Any = self.channel.unary_stream(method)
            return bytes(next(iter(stream(data, timeout=seconds, metadata=metadata))))
        unary: Any = self.channel.unary_unary(method)
        return bytes(unary(data, timeout=seconds, metadata=metadata, **options))


@pytest.fixture(scope="module")
def wire(stack: Stack) -> Iterator[Wire]:
    made = Wire(stack.addresses["OCTAVO_ADDRESS"])
    yield made
    made.channel.close()


def code(call: Callable[[], object]) -> str:
    """How a call ended, whatever details it gives."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def notifications(database: Any, tenant: Tenant) -> int:
    return int(database.one("SELECT count(*) AS n FROM notifications WHERE service_id = :id", id=tenant.service_id).n)


class TestKeys:
    """Whatever is wrong with a key, the answer is the same."""

    @pytest.mark.parametrize(("method", "streaming"), METHODS)
    def test_no_method_is_open(self, wire, tenant, method, streaming):
        refusals = [
            refused(partial(wire.call, method, metadata=metadata, streaming=streaming))
            for metadata in (
                (),
                [("authorization", "Bearer nonsense")],
                [("authorization", tenant.key)],
                [("authorization", f"Basic {tenant.key}")],
                [("authorization", f"Bearer {tenant.key[:-1]}x")],
                [("authorization", f"Bearer octavo_{uuid4().hex}_{tenant.key.rpartition('_')[2]}")],
                [("authorization", f"Bearer {'x' * 100_000}")],
                [("authorization", f"Bearer {tenant.key}")] * 2,
                [("authorization", f"Bearer {tenant.key}"), ("authorization", "Bearer other")],
            )
        ]
        assert refusals == [Refusal("UNAUTHENTICATED", "a valid API key is needed", "UNAUTHENTICATED")] * len(refusals)

    def test_a_revoked_key(self, new_tenant, database):
        tenant = new_tenant()
        database.rows("UPDATE api_keys SET revoked_at = now() WHERE service_id = :id", id=tenant.service_id)
        assert refused(tenant.send).code == "UNAUTHENTICATED"

    def test_a_key_that_is_not_text(self, wire):
        assert code(lambda: wire.call(SEND_SMS, metadata=[("authorization-bin", b"\xff\x00")])) == "UNAUTHENTICATED"

    def test_metadata_without_end(self, wire, tenant):
        flood = [(f"x-{index}", "y" * 1_000) for index in range(900)]
        assert code(lambda: wire.call(SEND_SMS, metadata=[*tenant.metadata, *flood])) == "RESOURCE_EXHAUSTED"

    def test_the_platform_teams_methods_are_closed_to_services(self, wire, tenant):
        for service in SERVICES:
            if service.name not in {"RegistryService", "ApiKeyService"}:
                continue
            for method in service.methods:
                path = f"/{service.full_name}/{method.name}"
                assert refused(partial(wire.call, path, metadata=tenant.metadata)).code == "PERMISSION_DENIED"


def test_what_is_anothers_does_not_exist(tenant, new_tenant):
    owner = new_tenant()
    theirs = owner.send().id
    owner.get(theirs)
    for method, request in (
        ("GetNotification", pb.GetNotificationRequest),
        ("CancelNotification", pb.CancelNotificationRequest),
    ):
        foreign, missing = (refused(partial(tenant.call, method, request(id=one))) for one in (theirs, NOWHERE))
        assert foreign == missing
        assert foreign.code == "NOT_FOUND"
    foreign, missing = (refused(partial(tenant.send, template_id=one)) for one in (owner.sms_template_id, NOWHERE))
    assert foreign == missing
    assert foreign.code == "NOT_FOUND"
    assert tenant.list(template_id=owner.sms_template_id).notifications == []


class TestMessages:
    """What comes instead of a request."""

    def test_one_of_more_than_4_mib(self, wire, tenant):
        for _ in range(10):
            assert code(lambda: wire.call(SEND_SMS, b"x" * (5 * MIB), tenant.metadata)) == "RESOURCE_EXHAUSTED"

    def test_one_that_unpacks_to_more(self, wire, tenant):
        bomb = b"\x1a" + b"\0" * (64 * MIB)
        assert len(gzip.compress(bomb)) < MIB
        call = partial(wire.call, SEND_SMS, bomb, tenant.metadata, compression=grpc.Compression.Gzip, seconds=60)
        assert code(call) == "RESOURCE_EXHAUSTED"

    @pytest.mark.parametrize("length", [1, 2, 30, 60])
    def test_a_truncated_one(self, wire, tenant, length):
        data = tenant.sms().SerializeToString()[:-length]
        refusal = refused(lambda: wire.call(SEND_SMS, data, tenant.metadata))
        assert refusal.code == "INVALID_ARGUMENT"
        assert refusal.fields

    @pytest.mark.parametrize(
        "data",
        [
            b"\x0b" * 100_000,
            b"\x1b" * 50_000 + b"\x1c" * 50_000,
            b"\xff" * 100_000,
            b"\x80" * 100_000,
            b"\x0a\xff\xff\xff\xff\x0f",
            b"\0",
        ],
        ids=["groups", "closed groups", "ones", "a number without end", "a length beyond its end", "field 0"],
    )
    def test_nonsense(self, wire, tenant, data):
        assert refused(lambda: wire.call(SEND_SMS, data, tenant.metadata)).code == "INVALID_ARGUMENT"

    def test_messages_nested_deeply(self, wire, tenant):
        data = b""
        for _ in range(2_000):
            data = b"\x22" + _varint(len(data)) + data
        assert refused(lambda: wire.call(SEND_SMS, data, tenant.metadata)).code == "INVALID_ARGUMENT"

    @pytest.mark.parametrize("method", ["/octavo.v1.NotificationService/Drop", "/nowhere.Service/Do", "/", "/a/b/c"])
    def test_a_method_that_is_not_there(self, wire, tenant, method):
        assert code(lambda: wire.call(method, metadata=tenant.metadata)) == "UNIMPLEMENTED"

    def test_bytes_that_are_no_http(self, wire):
        host, _, port = wire.address.partition(":")
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0" * 100_000,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 50_000,
        ):
            with closing(socket.create_connection((host, int(port)), timeout=10)) as raw, suppress(OSError):
                raw.sendall(data)
                raw.settimeout(10)
                while raw.recv(4_096):
                    pass

    def test_many_large_ones_at_once(self, wire, tenant):
        data = pb.SendSmsRequest(
            template_id=tenant.sms_template_id,
            phone_number="07700 900001",
            personalisation={"name": "x" * (3 * MIB), "code": "1"},
        ).SerializeToString()
        with ThreadPoolExecutor(16) as threads:
            codes = set(threads.map(lambda _: code(lambda: wire.call(SEND_SMS, data, tenant.metadata)), range(48)))
        assert codes == {"INVALID_ARGUMENT"}


def test_a_deadline_of_a_millisecond_leaves_nothing_half_done(new_tenant, database):
    tenant = new_tenant()
    results = [code(partial(tenant.call, "SendSms", tenant.sms(reference=str(index)), 0.001)) for index in range(100)]
    assert set(results) <= {"DEADLINE_EXCEEDED", "OK"}
    last = tenant.send()
    tenant.get(last.id)
    # Whole or not at all: what got through has its history and its first move.
    until(lambda: notifications(database, tenant) == len(_listed(tenant)))
    for one in _listed(tenant):
        got = tenant.get(one.id)
        assert (got.body, len(got.history)) == (last.body, 1)


class TestPages:
    """Pages nobody asked for in earnest."""

    def test_sizes(self, tenant):
        assert refused(lambda: tenant.list(page_size=-5)).fields == {"page_size": "INVALID_PAGE_SIZE"}
        assert len(tenant.list(page_size=2**31 - 1).notifications) <= 250

    def test_tokens(self, tenant, new_tenant):
        other = new_tenant()
        for _ in range(2):
            other.get(other.send().id)
        token = other.list(page_size=1).next_page_token
        for strange in ("x", "x" * 1_000_000, token, token[:-4], "=" * 44, "\u2028", token + "A"):
            assert refused(partial(tenant.list, page_token=strange)).fields == {"page_token": "INVALID_PAGE_TOKEN"}


class TestRequestIds:
    """A request_id that is abused."""

    def test_used_again_with_another_content(self, tenant):
        chosen = str(uuid7(datetime.now(UTC), uuid4().bytes))
        tenant.send(request_id=chosen)
        refusal = refused(lambda: tenant.send(request_id=chosen, reference="other"))
        assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")

    def test_the_same_one_fifty_times_at_once(self, new_tenant, database):
        tenant = new_tenant()
        request = tenant.sms(request_id=str(uuid7(datetime.now(UTC), uuid4().bytes)))
        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(lambda _: tenant.call("SendSms", request), range(50)))
        assert len({answer.id for answer in answers}) == 1
        tenant.get(answers[0].id)
        assert notifications(database, tenant) == 1

    def test_fifty_contents_at_once(self, new_tenant, database):
        tenant = new_tenant()
        chosen = str(uuid7(datetime.now(UTC), uuid4().bytes))
        with ThreadPoolExecutor(50) as threads:
            codes = list(
                threads.map(lambda n: code(lambda: tenant.send(request_id=chosen, reference=f"content {n}")), range(50))
            )
        assert sorted(set(codes)) == ["ALREADY_EXISTS", "OK"]
        assert codes.count("OK") == 1
        until(lambda: notifications(database, tenant) == 1)

    @pytest.mark.parametrize("strange", ["", "{%s}", "urn:uuid:%s", "%s ", "\0%s"])
    def test_spelt_strangely(self, tenant, strange):
        chosen = str(uuid7(datetime.now(UTC), uuid4().bytes))
        if strange:
            refusal = refused(lambda: tenant.send(request_id=strange % chosen))
            assert refusal.fields == {"request_id": "REQUEST_ID_NOT_UUID7"}

    @pytest.mark.parametrize("age", [timedelta(days=2), timedelta(days=-1)])
    def test_of_another_day(self, tenant, age):
        chosen = str(uuid7(datetime.now(UTC) - age, uuid4().bytes))
        assert refused(lambda: tenant.send(request_id=chosen)).fields == {"request_id": "REQUEST_ID_OUT_OF_RANGE"}


class TestText:
    """Text that is none."""

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"personalisation": {"name": "a\0b", "code": "1"}}, "personalisation[name]"),
            ({"personalisation": {"na\0me": "a", "code": "1"}}, "personalisation"),
            ({"reference": "\0"}, "reference"),
        ],
    )
    def test_nul(self, tenant, fields, field):
        refusal = refused(lambda: tenant.send(**fields))
        assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {field: "INVALID_TEXT"})

    @pytest.mark.parametrize("bad", [b"\xed\xa0\x80", b"\xff", b"\xc0\x80"], ids=["a lone surrogate", "ff", "overlong"])
    def test_what_is_not_utf_8(self, wire, tenant, bad):
        marked = tenant.sms(reference="@@@", personalisation={"name": "!!!", "code": "1"}).SerializeToString()
        for mark, field in ((b"@@@", "reference"), (b"!!!", "personalisation")):
            data = marked.replace(mark, bad.ljust(3, b"x"))
            refusal = refused(partial(wire.call, SEND_SMS, data, tenant.metadata))
            assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {field: "INVALID_TEXT"})

    @pytest.mark.parametrize("stamp", [(253_402_300_800, 0), (-1, 0), (2**62, 0), (1, -1), (1, 1_000_000_000)])
    def test_times_of_no_calendar(self, tenant, stamp):
        at = Timestamp(seconds=stamp[0], nanos=stamp[1])
        for call, field in (
            (partial(tenant.send, send_at=at), "send_at"),
            (partial(tenant.list, created_from=at), "created_from"),
            (partial(tenant.list, created_before=at), "created_before"),
        ):
            assert refused(call).fields == {field: "INVALID_TIMESTAMP"}

    def test_numbers_of_no_enum(self, tenant):
        assert refused(lambda: tenant.list(type=99)).fields == {"type": "INVALID_ENUM"}
        assert refused(lambda: tenant.list(type=-1)).fields == {"type": "INVALID_ENUM"}
        assert refused(lambda: tenant.list(statuses=[99])).fields == {"statuses[0]": "INVALID_ENUM"}


LINE_BREAKS = ["\r\n", "\r", "\n", "\x1c", "\x85", "\u2028", "\u2029", "\x0b", "\x0c"]


class TestHeaders:
    """Line breaks, of any kind, where a header is made of it."""

    @pytest.mark.parametrize("break_", LINE_BREAKS, ids=ascii)
    def test_in_an_address(self, tenant, break_):
        for address in (
            f"ada@example.com{break_}Bcc: eve@example.com",
            f"ada{break_}@example.com",
            f"{break_}ada@example.com",
        ):
            refusal = refused(partial(tenant.call, "SendEmail", tenant.email(email_address=address)))
            assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"email_address": "HEADER_INJECTION"})

    @pytest.mark.parametrize("break_", LINE_BREAKS, ids=ascii)
    def test_in_a_subject(self, tenant, break_):
        personalisation = {"name": f"Ada{break_}Bcc: eve@example.com"}
        refusal = refused(lambda: tenant.call("SendEmail", tenant.email(personalisation=personalisation)))
        assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"personalisation[name]": "HEADER_INJECTION"})

    def test_in_what_is_chosen(self, tenant):
        assert refused(lambda: tenant.send(sms_sender="Octavo\r\nx")).fields == {"sms_sender": "UNKNOWN_SMS_SENDER"}
        email = tenant.email(reply_to="replies@octavo.example\nBcc: eve@example.com")
        assert refused(lambda: tenant.call("SendEmail", email)).fields == {"reply_to": "UNKNOWN_REPLY_TO"}


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("+44 909 879 0000", "RECIPIENT_PREMIUM_RATE"),
        ("+881 6 1234 5678", "RECIPIENT_SATELLITE"),
        ("+870 773 123 456", "RECIPIENT_SATELLITE"),
        ("07700 900001 123456789", "RECIPIENT_TOO_LONG"),
        ("0" * 1_000_000, "RECIPIENT_TOO_LONG"),
        ("0800-CALL-NOW", "RECIPIENT_LETTERS"),
        ("+800 1234 5678", "RECIPIENT_NO_TEXTS"),
        ("+999 123 456 789", "RECIPIENT_UNKNOWN_COUNTRY"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_numbers_that_cost_or_can_not_be_reached(tenant, number, reason):
    refusal = refused(lambda: tenant.send(phone_number=number))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"phone_number": reason})


class TestTemplates:
    """Templates and values that would like to be code."""

    def test_attributes_are_names_like_any_other(self, tenant, new_template):
        template = new_template(tenant, "((name.__class__)) ((name[0])) ((7*7)) {name} %(name)s")
        refusal = refused(lambda: tenant.send(template_id=template, personalisation={"name": "Ada"}))
        assert refusal.reason == "MISSING_PERSONALISATION"
        assert len(refusal.fields) == 3
        given = {"name.__class__": "a", "name[0]": "b", "7*7": "c"}
        assert tenant.send(template_id=template, personalisation=given).body.endswith("a b c {name} %(name)s")

    def test_values_are_never_read_again(self, tenant):
        sent = tenant.send(personalisation={"name": "((code))", "code": "((name))"})
        assert sent.body.endswith("Hello ((code)), your code is ((name)).")
        assert tenant.get(sent.id).body == sent.body

    def test_markup_and_links_in_values_are_text(self, stack, tenant, new_template):
        template = new_template(tenant, "Dear ((name))", "Hello")
        evil = "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=y>"
        sent = tenant.call("SendEmail", tenant.email(template_id=template, personalisation={"name": evil}))
        assert tenant.get(sent.id).body == sent.body
        with grpc.insecure_channel(stack.addresses["OCTAVO_ADDRESS"]) as channel:
            preview = TemplateServiceStub(channel).PreviewTemplate(
                template_service_pb2.PreviewTemplateRequest(id=template, personalisation={"name": evil}),
                timeout=20,
                metadata=tenant.metadata,
            )
        html = preview.html.lower()
        for danger in ("<script", "<img", 'href="javascript:', "onerror=y>"):
            assert danger not in html

    @pytest.mark.parametrize("text", ["(", "((", "((a", "))", "((a??", "[(", "*_"])
    def test_a_megabyte_of_brackets_takes_linear_time(self, tenant, new_template, text):
        template = new_template(tenant, "((name))", "Hello")
        value = text * (MIB // len(text))
        began = time.monotonic()
        sent = tenant.call("SendEmail", tenant.email(template_id=template, personalisation={"name": value}))
        assert value in sent.body
        of_brackets = new_template(tenant, value, "Hello")
        code(lambda: tenant.call("SendEmail", tenant.email(template_id=of_brackets)))
        assert time.monotonic() - began < 10

    def test_personalisation_without_end(self, tenant):
        many = {f"name {index}": "x" * 100 for index in range(20_000)}
        assert tenant.send(personalisation={"name": "Ada", "code": "1", **many}).id
        much = {"name": "Ada", "code": "1", "rest": "x" * 2_600_000}
        assert refused(lambda: tenant.send(personalisation=much)).fields == {"personalisation": "CONTENT_TOO_LONG"}

    def test_a_thousand_missing_names_fit_into_an_answer(self, tenant, new_template):
        template = new_template(tenant, " ".join(f"((placeholder number {index}))" for index in range(20_000)), "Hello")
        refusal = refused(lambda: tenant.call("SendEmail", tenant.email(template_id=template)))
        assert refusal.code == "INVALID_ARGUMENT"
        assert len(refusal.fields) > 10


class TestStreams:
    """Streams that are opened and left."""

    def test_hundreds_that_nobody_reads(self, new_tenant):
        tenant = new_tenant()
        calls = [
            tenant.stub.WatchNotifications(pb.WatchNotificationsRequest(), timeout=30, metadata=tenant.metadata)
            for _ in range(200)
        ]
        assert tenant.send().id
        for call in calls:
            call.cancel()
        with closing(_Reading(tenant)) as reading:
            until(reading.began, 10)

    def test_tokens_of_nobody(self, tenant):
        for token in ("x", "A" * 100_000, "\x7f"):
            request = pb.WatchNotificationsRequest(resume_token=token)
            stream = tenant.stub.WatchNotifications(request, timeout=20, metadata=tenant.metadata)
            assert refused(partial(next, stream)).fields == {"resume_token": "INVALID_RESUME_TOKEN"}


class TestBatches:
    """Batches that are no batches."""

    def test_too_many(self, wire, tenant):
        data = pb.SendBatchRequest(items=[pb.BatchItem()] * 100_000).SerializeToString()
        path = "/octavo.v1.NotificationService/SendBatch"
        refusal = refused(lambda: wire.call(path, data, tenant.metadata))
        assert refusal.fields == {"items": "TOO_MANY_ITEMS"}

    def test_of_nothing_but_bad_items(self, tenant):
        bad = [
            pb.BatchItem(),
            pb.BatchItem(sms=pb.SendSmsRequest()),
            pb.BatchItem(email=tenant.email(email_address="a\nb")),
            pb.BatchItem(sms=tenant.sms(send_at=Timestamp(seconds=-1))),
        ]
        results = tenant.call("SendBatch", pb.SendBatchRequest(items=bad * 125)).results
        assert {result.WhichOneof("result") for result in results} == {"error"}
        assert {result.error.code for result in results} == {grpc.StatusCode.INVALID_ARGUMENT.value[0]}


class _Reading:
    """A stream that may be refused while those before it are still ending."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._call: Any = None

    def began(self) -> bool:
        self._call = self._tenant.stub.WatchNotifications(
            pb.WatchNotificationsRequest(), timeout=20, metadata=self._tenant.metadata
        )
        return "octavo-resume-token" in dict(self._call.initial_metadata())

    def close(self) -> None:
        self._call.cancel()


def _listed(tenant: Tenant) -> list[Any]:
    return list(tenant.list(page_size=250).notifications)


def _varint(number: int) -> bytes:
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])
