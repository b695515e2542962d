"""Sending over the wire: what is answered is what can be looked up, and what is refused says why."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text

from octavo.domain.ids import uuid7
from octavo.sealedforms import AesGcmForm
from octavo.storage.errors import transaction
from octavo.v1 import notification_pb2
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.notification_pb2 import TextList
from services.api.fields import LATE
from tests.integration.api.wire import refused
from tests.waiting import until


def request_id(age: float = 0.0) -> str:
    return str(uuid7(datetime.now(UTC) - timedelta(seconds=age), uuid4().bytes))


def rows_of(database, tenant):
    return database.one("SELECT count(*) AS n FROM notifications WHERE service_id = :id", id=tenant.service_id).n


@pytest.mark.asked("S13", "S14")
def test_a_text_message_is_answered_as_it_is_looked_up_and_listed(tenant):
    sent = tenant.send(reference="order-17")
    assert sent.body.endswith("Hello Ada, your code is 1234.")
    assert (sent.template_id, sent.template_version, sent.reference) == (tenant.sms_template_id, 1, "order-17")
    assert (sent.parts, sent.encoding) == (1, notification_pb2.SMS_ENCODING_GSM7)
    # At once after the answer, though it is persisted later: it is waited for.
    got = tenant.get(sent.id)
    assert got.body == sent.body
    assert got.type == notification_pb2.NOTIFICATION_TYPE_SMS
    assert got.recipient == "+447700900001"
    assert (got.parts, got.encoding, got.reference) == (sent.parts, sent.encoding, "order-17")
    assert [move.status for move in got.history] == [notification_pb2.NOTIFICATION_STATUS_CREATED]
    [listed] = tenant.list(reference="order-17").notifications
    assert (listed.id, listed.body, listed.type) == (sent.id, sent.body, got.type)


@pytest.mark.parametrize("age", [10, 3600])
def test_what_was_just_accepted_is_found_though_its_request_id_is_older(tenant, age):
    for _ in range(10):
        sent = tenant.send(request_id=request_id(age))
        assert tenant.get(sent.id).body == sent.body


@pytest.mark.asked("S13", "S14")
def test_an_email_is_answered_as_it_is_looked_up_and_listed(tenant, database):
    sent = tenant.call("SendEmail", tenant.email(reference="welcome-3"))
    assert sent.subject == "Welcome, Ada"
    assert "Hello Ada," in sent.body
    got = tenant.get(sent.id)
    assert (got.body, got.subject, got.type) == (sent.body, sent.subject, notification_pb2.NOTIFICATION_TYPE_EMAIL)
    [listed] = tenant.list(reference="welcome-3").notifications
    assert (listed.body, listed.subject, listed.type) == (sent.body, sent.subject, got.type)
    for table in ("notifications", "notification_history"):
        row = database.one(f"SELECT notification_type FROM {table} WHERE id = :id", id=sent.id)
        assert row.notification_type == "email"


def test_personal_data_is_sealed_where_it_is_stored(tenant, database):
    sent = tenant.send(personalisation={"name": "Grace Hopper", "code": "77-secret"})
    tenant.get(sent.id)
    row = database.one("SELECT * FROM notifications WHERE id = :id", id=sent.id)
    stored = repr(tuple(row)).encode() + bytes(row.sealed)
    for secret in (b"Grace", b"77-secret", b"7700900001"):
        assert secret not in stored
    assert bytes(row.sealed)[:1] == AesGcmForm.mark


def test_lists_and_conditions_of_a_template(tenant, new_template):
    template = new_template(tenant, "((urgent??Now: ))Bring ((things)).")
    sent = tenant.send(
        template_id=template,
        personalisation={"urgent": "yes"},
        personalisation_lists={"things": TextList(values=["pen", "ink", "paper"])},
    )
    assert sent.body.endswith("Now: Bring pen, ink and paper.")
    assert tenant.get(sent.id).body == sent.body


def test_a_message_for_later_is_scheduled(tenant):
    later = Timestamp(seconds=int(time.time()) + 3_600)
    sent = tenant.send(send_at=later)
    assert sent.send_at == later
    got = tenant.get(sent.id)
    assert (got.status, got.send_at) == (notification_pb2.NOTIFICATION_STATUS_SCHEDULED, later)


def test_a_name_with_nothing_behind_it_is_no_message(new_tenant, new_template):
    tenant = new_tenant(sms_prefix=True)
    template = new_template(tenant, "((code))")
    refusal = refused(lambda: tenant.send(template_id=template, personalisation={"code": " "}))
    assert refusal.fields == {"body": "EMPTY_CONTENT"}


def test_choices_among_the_services_own(new_tenant):
    tenant = new_tenant(sms_senders=["Octavo", "Octavo2"], reply_to_addresses=["a@octavo.example", "b@octavo.example"])
    assert tenant.send(sms_sender="Octavo2").id
    assert tenant.call("SendEmail", tenant.email(reply_to="b@octavo.example")).id
    assert refused(lambda: tenant.send(sms_sender="Bank")).fields == {"sms_sender": "UNKNOWN_SMS_SENDER"}
    email = tenant.email(reply_to="c@octavo.example")
    assert refused(lambda: tenant.call("SendEmail", email)).fields == {"reply_to": "UNKNOWN_REPLY_TO"}


NOWHERE = "018f0000-0000-7000-8000-000000000000"
BAD_SMS: list[tuple[dict[str, Any], str, str]] = [
    ({"template_id": ""}, "template_id", "MISSING_FIELD"),
    ({"template_id": "seventeen"}, "template_id", "INVALID_ID"),
    ({"phone_number": ""}, "phone_number", "MISSING_FIELD"),
    ({"phone_number": "call me"}, "phone_number", "RECIPIENT_LETTERS"),
    ({"phone_number": "07700 9000011234"}, "phone_number", "RECIPIENT_TOO_LONG"),
    ({"phone_number": "0770"}, "phone_number", "RECIPIENT_TOO_SHORT"),
    ({"phone_number": "+44 909 8790000"}, "phone_number", "RECIPIENT_PREMIUM_RATE"),
    ({"phone_number": "+881 6 1234 5678"}, "phone_number", "RECIPIENT_SATELLITE"),
    ({"reference": "x" * 1_001}, "reference", "REFERENCE_TOO_LONG"),
    ({"reference": "\u6f22" * 801}, "reference", "REFERENCE_TOO_LONG"),
    ({"request_id": "one"}, "request_id", "REQUEST_ID_NOT_UUID7"),
    ({"request_id": str(uuid4())}, "request_id", "REQUEST_ID_NOT_UUID7"),
    ({"request_id": request_id(age=25 * 3_600)}, "request_id", "REQUEST_ID_OUT_OF_RANGE"),
    ({"request_id": request_id(age=-900)}, "request_id", "REQUEST_ID_OUT_OF_RANGE"),
    ({"send_at": Timestamp(seconds=int(time.time()) + 15 * 86_400)}, "send_at", "SEND_AT_OUT_OF_RANGE"),
    ({"send_at": Timestamp(seconds=int(time.time()) - 86_400)}, "send_at", "SEND_AT_OUT_OF_RANGE"),
    ({"personalisation": {"name": "a\0b", "code": "1"}}, "personalisation[name]", "INVALID_TEXT"),
    ({"personalisation": {"name": "x" * 1_000, "code": "1"}}, "body", "CONTENT_TOO_LONG"),
]


@pytest.mark.parametrize(("fields", "field", "reason"), BAD_SMS)
def test_a_bad_field_is_named_with_its_reason(tenant, fields, field, reason):
    refusal = refused(lambda: tenant.send(**fields))
    assert refusal.code == "INVALID_ARGUMENT"
    assert refusal.fields == {field: reason}
    assert refusal.reason == reason
    assert refusal.metadata["field"] == field


def test_several_bad_fields_are_named_at_once(tenant):
    refusal = refused(
        lambda: tenant.send(phone_number="0770", reference="x" * 1_001, request_id="one", sms_sender="Bank")
    )
    assert refusal.fields == {
        "phone_number": "RECIPIENT_TOO_SHORT",
        "reference": "REFERENCE_TOO_LONG",
        "request_id": "REQUEST_ID_NOT_UUID7",
        "sms_sender": "UNKNOWN_SMS_SENDER",
    }
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "RECIPIENT_TOO_SHORT")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "MISSING_FIELD"),
        ("nobody", "INVALID_RECIPIENT"),
        ("a@b@c.example", "INVALID_RECIPIENT"),
        ("a@example.com\r\nBcc: b@example.com", "HEADER_INJECTION"),
    ],
)
def test_a_bad_address_is_refused(tenant, address, reason):
    refusal = refused(lambda: tenant.call("SendEmail", tenant.email(email_address=address)))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"email_address": reason})


def test_all_that_is_missing_is_named(tenant):
    refusal = refused(lambda: tenant.send(personalisation={}))
    assert refusal.code == "INVALID_ARGUMENT"
    assert refusal.fields == {
        "personalisation[name]": "MISSING_PERSONALISATION",
        "personalisation[code]": "MISSING_PERSONALISATION",
    }


def test_templates_that_can_not_be_used(tenant, new_tenant, new_template):
    foreign = new_tenant().sms_template_id
    for template in (NOWHERE, foreign):
        refusal = refused(partial(tenant.send, template_id=template))
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", "UNKNOWN_TEMPLATE")
        assert refusal.metadata == {"field": "template_id"}
    refusal = refused(lambda: tenant.send(template_id=tenant.email_template_id))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"template_id": "WRONG_TEMPLATE_TYPE"})
    archived = new_template(tenant, "text", archived=True)
    refusal = refused(lambda: tenant.send(template_id=archived))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "ARCHIVED_TEMPLATE")


def test_nothing_that_is_refused_is_published(new_tenant, database):
    tenant = new_tenant()
    for fields, _, _ in BAD_SMS:
        refused(partial(tenant.send, **fields))
    last = tenant.send()
    tenant.get(last.id)
    assert rows_of(database, tenant) == 1


def test_who_may_not_send(new_tenant):
    suspended = new_tenant(suspended=True)
    refusal = refused(suspended.send)
    assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "SERVICE_SUSPENDED")
    assert suspended.list().notifications == []
    for restricted in (new_tenant(trial=True), new_tenant("team")):
        refusal = refused(restricted.send)
        assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "RECIPIENT_NOT_ALLOWED")


class TestRepeating:
    """request_id makes a call repeatable."""

    def test_the_same_call_gives_the_same_notification(self, new_tenant, database):
        tenant = new_tenant()
        request = tenant.sms(request_id=request_id())
        first, again = tenant.call("SendSms", request), tenant.call("SendSms", request)
        assert first == again
        tenant.get(first.id)
        assert rows_of(database, tenant) == 1

    def test_fifty_at_once_are_one_notification_and_one_charge(self, new_tenant, database):
        tenant = new_tenant(sms_daily_limit=1)
        request = tenant.sms(request_id=request_id())
        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(lambda _: tenant.call("SendSms", request), range(50)))
        assert len({answer.id for answer in answers}) == 1
        assert all(answer == answers[0] for answer in answers)
        tenant.get(answers[0].id)
        assert rows_of(database, tenant) == 1

    def test_a_late_repetition_is_answered_from_the_row_and_not_charged(self, new_tenant, more_processes, database):
        tenant = new_tenant(sms_daily_limit=1)
        request = tenant.sms(request_id=request_id(age=5))
        first = tenant.call("SendSms", request)
        until(lambda: rows_of(database, tenant) == 1)
        # A process that remembers nothing of the first call.
        tenant.stub = more_processes(1)[0].stub
        assert tenant.call("SendSms", request) == first

    def test_a_repetition_is_answered_as_the_first_call_was_whatever_changed_since(
        self, new_tenant, more_processes, database
    ):
        tenant = new_tenant(sms_senders=["Octavo"])
        request = tenant.sms(request_id=request_id(age=5), sms_sender="Octavo")
        first = tenant.call("SendSms", request)
        until(lambda: rows_of(database, tenant) == 1)
        with transaction(database.engine) as connection:
            connection.execute(
                text("UPDATE services SET sms_senders = '{}', name = 'Renamed ' || name WHERE id = :id"),
                {"id": tenant.service_id},
            )
        tenant.stub = more_processes(1)[0].stub
        assert refused(lambda: tenant.send(sms_sender="Octavo")).fields == {"sms_sender": "UNKNOWN_SMS_SENDER"}
        assert tenant.call("SendSms", request) == first
        # What is sent and shown is what was accepted.
        assert tenant.get(first.id).body == first.body

    def test_a_repetition_is_answered_though_it_would_be_too_long_by_now(self, new_tenant, more_processes, database):
        tenant = new_tenant()
        request = tenant.sms(request_id=request_id(age=5), personalisation={"name": "a" * 800, "code": "1"})
        first = tenant.call("SendSms", request)
        until(lambda: rows_of(database, tenant) == 1)
        with transaction(database.engine) as connection:
            connection.execute(
                text("UPDATE services SET name = repeat('x', 200) || id WHERE id = :id"), {"id": tenant.service_id}
            )
        tenant.stub = more_processes(1)[0].stub
        assert tenant.call("SendSms", request) == first

    def test_a_clock_that_goes_ahead_hides_no_other_content(self, new_tenant, more_processes, database):
        tenant = new_tenant(sms_daily_limit=1)
        request = tenant.sms(request_id=request_id(age=-120))
        first = tenant.call("SendSms", request)
        until(lambda: rows_of(database, tenant) == 1)
        tenant.stub = more_processes(1)[0].stub
        assert tenant.call("SendSms", request) == first
        refusal = refused(lambda: tenant.send(request_id=request.request_id, reference="other"))
        assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")

    def test_a_repetition_may_come_when_its_time_to_send_is_past(self, tenant):
        late = Timestamp()
        late.FromDatetime(datetime.now(UTC) - LATE + timedelta(seconds=2))
        request = tenant.sms(request_id=request_id(age=5), send_at=late)
        first = tenant.call("SendSms", request)
        tenant.get(first.id)
        until(lambda: late.ToDatetime(tzinfo=UTC) + LATE < datetime.now(UTC))
        assert tenant.call("SendSms", request) == first
        assert refused(lambda: tenant.send(send_at=late)).fields == {"send_at": "SEND_AT_OUT_OF_RANGE"}

    def test_what_a_test_key_sent_is_not_what_a_live_key_repeats(self, new_tenant, database):
        name = f"Two keys {uuid4().hex}"
        test, live = new_tenant("test", of=name), new_tenant(of=name)
        chosen = request_id(age=5)
        test.send(request_id=chosen)
        for _ in range(2):
            refusal = refused(lambda: live.send(request_id=chosen))
            assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
            until(lambda: rows_of(database, test) == 1)

    def test_another_content_is_refused_at_once_and_later(self, new_tenant, more_processes, database):
        tenant = new_tenant()
        chosen = request_id(age=5)
        first = tenant.send(request_id=chosen)
        for stub in (tenant.stub, more_processes(1)[0].stub):
            until(lambda: rows_of(database, tenant) == 1)
            tenant.stub = stub
            for other in ({"reference": "other"}, {"phone_number": "07700 900002"}):
                refusal = refused(partial(tenant.send, request_id=chosen, **other))
                assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
                assert refusal.metadata == {"field": "request_id"}
        assert tenant.get(first.id).reference == ""

    def test_services_do_not_share_request_ids(self, new_tenant):
        chosen = request_id()
        assert new_tenant().send(request_id=chosen).id != new_tenant().send(request_id=chosen).id

    def test_an_id_keeps_the_time_of_its_request(self, tenant):
        chosen = request_id(age=1)
        assert tenant.send(request_id=chosen).id[:13] == chosen[:13]


def test_what_belongs_to_another_service_does_not_exist(tenant, new_tenant):
    sent = tenant.send()
    tenant.get(sent.id)
    other = new_tenant()
    foreign = refused(lambda: other.get(sent.id))
    missing = refused(lambda: other.get(NOWHERE))
    assert foreign == missing
    assert (foreign.code, foreign.reason, foreign.metadata) == ("NOT_FOUND", "NOT_FOUND", {"field": "id"})
    assert refused(lambda: other.get("")).fields == {"id": "MISSING_FIELD"}
    assert refused(lambda: other.get("17")).fields == {"id": "INVALID_ID"}
    assert other.list().notifications == []
    cancel = pb.CancelNotificationRequest(id=sent.id)
    assert refused(lambda: other.call("CancelNotification", cancel)).code == "NOT_FOUND"
