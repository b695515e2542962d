"""Hostile calls to the api, over the wire: each gets the answer that is named for it, and the process stays up and small."""

import gzip
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from octavo.v1 import notification_service_pb2 as pb
from tests.hostile.attack import MIB, NOWHERE, SEND_SMS, code, notifications
from tests.integration.api.wire import Refusal, Tenant, refused
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("alive_and_small")
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

    def test_names_of_values_count_as_the_values_do(self, wire, tenant):
        data = pb.SendSmsRequest(
            template_id=tenant.sms_template_id,
            phone_number="07700 900001",
            personalisation={"name": "Ann", "code": "1", "n" * (3 * MIB): ""},
        ).SerializeToString()
        assert code(lambda: wire.call(SEND_SMS, data, tenant.metadata)) == "INVALID_ARGUMENT"
        # Refused by the field, before anything is charged.
        request = tenant.sms(personalisation={"name": "Ann", "code": "1", "n" * (3 * MIB): ""})
        assert refused(lambda: tenant.call("SendSms", request)).fields == {"personalisation": "CONTENT_TOO_LONG"}

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
