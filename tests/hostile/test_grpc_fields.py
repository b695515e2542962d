"""Hostile values in the fields of calls to the api, over the wire: each is refused by its name, or is plain text."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from octavo.domain.ids import uuid7
from octavo.v1 import template_service_pb2
from octavo.v1.template_service_pb2_grpc import TemplateServiceStub
from tests.hostile.attack import MIB, SEND_SMS, code, notifications
from tests.integration.api.wire import refused
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("alive_and_small")


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
        some = {f"name {index}": "x" * 1_000 for index in range(998)}
        assert tenant.send(personalisation={"name": "Ada", "code": "1", **some}).id
        many = {f"{index:x}": "" for index in range(100_000)}
        assert refused(lambda: tenant.send(personalisation=many)).fields == {"personalisation": "TOO_MANY_ITEMS"}
        much = {"name": "Ada", "code": "1", "rest": "x" * 2_600_000}
        assert refused(lambda: tenant.send(personalisation=much)).fields == {"personalisation": "CONTENT_TOO_LONG"}

    def test_a_thousand_missing_names_fit_into_an_answer(self, tenant, new_template):
        template = new_template(tenant, " ".join(f"((placeholder number {index}))" for index in range(1_000)), "Hello")
        refusal = refused(lambda: tenant.call("SendEmail", tenant.email(template_id=template)))
        assert refusal.code == "INVALID_ARGUMENT"
        assert len(refusal.fields) > 10
