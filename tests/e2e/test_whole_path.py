"""One notification's way through all processes: gRPC, Kafka, PostgreSQL, a provider, its receipt."""

import json
import os
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import grpc
import psycopg2
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kafka import KafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.demo.account import UNSETTLED, Account, bearer
from octavo import topics
from octavo.domain.ids import uuid7
from octavo.v1 import notification_pb2 as pb
from octavo.v1.notification_service_pb2 import (
    GetNotificationRequest,
    ListNotificationsRequest,
    SendEmailRequest,
    SendSmsRequest,
)
from octavo.v1.registry_service_pb2 import ListServicesRequest
from octavo.v1.registry_service_pb2_grpc import RegistryServiceStub

Eventually = Callable[..., Any]


def send_sms(account: Account, number: str = "07700900111", **more: Any) -> Any:
    request = SendSmsRequest(
        template_id=account.sms_template_id,
        phone_number=number,
        personalisation={"name": "Ann", "code": "12345"},
        **more,
    )
    return account.stub.SendSms(request, metadata=account.metadata, timeout=10)


def send_email(account: Account, address: str = "ann@example.com", **more: Any) -> Any:
    request = SendEmailRequest(
        template_id=account.email_template_id, email_address=address, personalisation={"name": "Ann"}, **more
    )
    return account.stub.SendEmail(request, metadata=account.metadata, timeout=10)


def get(account: Account, notification_id: str) -> pb.Notification:
    request = GetNotificationRequest(id=notification_id)
    answer = account.stub.GetNotification(request, metadata=account.metadata, timeout=10)
    notification: pb.Notification = answer.notification
    return notification


def settled(account: Account, notification_id: str, eventually: Eventually) -> pb.Notification:
    def found() -> pb.Notification | None:
        notification = get(account, notification_id)
        return None if notification.status in UNSETTLED else notification

    notification: pb.Notification = eventually(found)
    return notification


def ids_on(bootstrap: str, topic: topics.Topic[Any]) -> set[bytes]:
    """The keys of all records on a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic.name, number) for number in consumer.partitions_for_topic(topic.name) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    keys: set[bytes] = set()
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=1000).values():
            keys |= {record.key for record in records}
    consumer.close()
    return keys


def ledger(known: dict[str, str]) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{known['SIMULATOR_URL']}/ledger?since=0", timeout=10) as lines:
        return [json.loads(line) for line in lines if line.strip()]


@pytest.mark.asked("S1", "C1", "C2", "C3", "C4", "C5")
@pytest.mark.parametrize(
    ("send", "kind", "persist", "sent"),
    [
        (send_sms, "sms", topics.DB_SMS, topics.SEND_SMS),
        (send_email, "email", topics.DB_EMAIL, topics.SEND_EMAIL),
    ],
)
def test_a_call_goes_through_its_lane_to_a_settled_receipt(account, known, eventually, send, kind, persist, sent):
    answer = send(account)
    notification = settled(account, answer.id, eventually)

    assert notification.status == pb.NOTIFICATION_STATUS_DELIVERED
    assert [move.status for move in notification.history] == [
        pb.NOTIFICATION_STATUS_CREATED,
        pb.NOTIFICATION_STATUS_SENDING,
        pb.NOTIFICATION_STATUS_DELIVERED,
    ]
    assert [entry["reference"] for entry in ledger(known)].count(answer.id) == 1
    key = bytes.fromhex(answer.id.replace("-", ""))
    there = {topic.name for topic in topics.ALL if key in ids_on(known["KAFKA_BOOTSTRAP"], topic)}
    assert there == {persist.name, sent.name, "receipts"}
    with psycopg2.connect(known["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        for table in ("notifications", "notification_history"):
            cursor.execute(f"SELECT notification_type, status FROM {table} WHERE id = %s", (answer.id,))
            assert cursor.fetchall() == [(kind, "delivered")]


@pytest.mark.parametrize(
    ("send", "recipient", "status"),
    [
        (send_sms, "07700900002", pb.NOTIFICATION_STATUS_PERMANENT_FAILURE),
        (send_sms, "07700900003", pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
        (send_email, "perm-fail@simulator.example", pb.NOTIFICATION_STATUS_PERMANENT_FAILURE),
        (send_email, "temp-fail@simulator.example", pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
    ],
)
def test_receipts_tell_failures_apart(account, eventually, send, recipient, status):
    assert settled(account, send(account, recipient).id, eventually).status == status


@pytest.mark.asked("S14")
@pytest.mark.parametrize("send", [send_sms, send_email])
def test_a_retrieved_notification_has_the_body_that_was_answered(account, eventually, send):
    answer = send(account, reference=f"body-{send.__name__}")
    assert "Ann" in answer.body
    assert settled(account, answer.id, eventually).body == answer.body
    request = ListNotificationsRequest(reference=f"body-{send.__name__}")
    page = account.stub.ListNotifications(request, metadata=account.metadata, timeout=10)
    assert [(n.id, n.body) for n in page.notifications] == [(answer.id, answer.body)]


def test_a_repeated_request_id_is_one_notification(account, known, eventually):
    request_id = str(_uuid7())
    first, second = (send_sms(account, request_id=request_id) for _ in range(2))
    assert first.id == second.id
    settled(account, first.id, eventually)
    assert [entry["reference"] for entry in ledger(known)].count(first.id) == 1


@pytest.mark.asked("C7")
@pytest.mark.parametrize("service", ["api", "persister", "dispatcher", "callbacks"])
def test_every_process_is_scraped(account, known, eventually, service):
    settled(account, send_sms(account).id, eventually)
    expected = {
        "api": 'notifications_accepted_total{type="sms"}',
        "persister": 'notifications_persisted_total{topic="db-sms"}',
        "dispatcher": 'notifications_claims_total{result="claimed",topic="send-sms"}',
        "callbacks": "notifications_receipts_total{provider=",
    }[service]
    with urllib.request.urlopen(known[f"{service.upper()}_METRICS_URL"], timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    assert sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(expected)) > 0


@pytest.mark.asked("S10")
def test_requests_are_counted_by_caller_method_module_function_and_status(account, known, channel):
    send_sms(account)
    with pytest.raises(grpc.RpcError):
        get(account, str(_uuid7()))
    admin = bearer(known["OCTAVO_ADMIN_KEY"])
    RegistryServiceStub(channel).ListServices(ListServicesRequest(), metadata=admin, timeout=10)
    counted = samples(known["API_METRICS_URL"], "notifications_requests_total")
    seen = {
        (one["caller"], one["method"].rpartition("/")[2], one["function"].rpartition(".")[2], one["status"])
        for one, value in counted
        if value and one["module"].startswith("services.api.")
    }
    assert ("API", "SendSms", "SendSms", "OK") in seen
    assert ("API", "GetNotification", "GetNotification", "NOT_FOUND") in seen
    assert ("ADMIN", "ListServices", "ListServices", "OK") in seen


@pytest.mark.asked("S11")
def test_receipts_are_counted_by_provider_and_mapped_status(account, known, eventually):
    ended = settled(account, send_sms(account, "07700900002").id, eventually)
    counted = samples(known["CALLBACKS_METRICS_URL"], "notifications_receipts_total")
    assert any(one == {"provider": ended.provider, "status": "permanent-failure"} and value for one, value in counted)


def test_a_stock_client_finds_the_api_by_reflection(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
    (answer,) = stub.ServerReflectionInfo(iter(asked), timeout=10)
    names = {service.name for service in answer.list_services_response.service}
    assert "octavo.v1.NotificationService" in names


def test_nobody_calls_without_a_key(account):
    with pytest.raises(grpc.RpcError) as refused:
        account.stub.SendSms(SendSmsRequest(template_id=account.sms_template_id), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def samples(url: str, name: str) -> list[tuple[dict[str, str], float]]:
    """The samples of a metric: labels and value."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return [(one.labels, one.value) for family in families for one in family.samples if one.name == name]


def _uuid7() -> UUID:
    return uuid7(datetime.now(UTC), os.urandom(10))
