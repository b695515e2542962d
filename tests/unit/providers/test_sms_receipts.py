"""What receipts of MMG and Firetext mean."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from octavo.domain.errors import Invalid, Unauthenticated
from octavo.domain.notification import Standing, Status, settle
from octavo.providers import ReceiptRequest
from octavo.providers.firetext import FiretextReceipts
from octavo.providers.mmg import MmgReceipts
from octavo.storage.columns import STATUS_OF
from octavo.v1 import notification_pb2 as pb

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = UUID("01890000-0000-7000-8000-000000000001")
DELIVERED = pb.NOTIFICATION_STATUS_DELIVERED
PENDING = pb.NOTIFICATION_STATUS_PENDING
TEMPORARY = pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE
PERMANENT = pb.NOTIFICATION_STATUS_PERMANENT_FAILURE
TECHNICAL = pb.NOTIFICATION_STATUS_TECHNICAL_FAILURE


def mmg(**fields):
    body = json.dumps({"CID": str(ID), "MSISDN": "447700900123", "substatus": ""} | fields)
    (receipt,) = MmgReceipts("token").parse(ReceiptRequest({}, body.encode(), AT))
    return receipt


def firetext(**fields):
    body = urlencode({"reference": str(ID), "mobile": "447700900123"} | fields)
    (receipt,) = FiretextReceipts("token").parse(ReceiptRequest({}, body.encode(), AT))
    return receipt


@pytest.mark.asked("C4")
@pytest.mark.parametrize(
    ("status", "means"), [("2", PERMANENT), ("3", DELIVERED), ("4", TEMPORARY), ("5", PERMANENT), (3, DELIVERED)]
)
def test_the_top_status_of_mmg_alone_decides(status, means):
    receipt = mmg(status=status, substatus="27")
    assert receipt.status == means
    assert receipt.notification_id == ID.bytes
    assert receipt.received_at_micros == int(AT.timestamp() * 1_000_000)


def test_the_substatus_of_mmg_is_the_reason():
    assert mmg(status="4", substatus="27").reason == "mmg status 4/27"


@pytest.mark.asked("C4")
@pytest.mark.parametrize(
    ("status", "code", "means"),
    [("0", "000", DELIVERED), ("0", "101", DELIVERED), ("2", "", PENDING), ("2", "101", PENDING)]
    + [("1", code, TEMPORARY) for code in ("000", "102", "103", "104", "302", "900")]
    + [("1", code, PERMANENT) for code in ("101", "201", "301", "401")]
    + [("1", "", PERMANENT), ("1", "777", PERMANENT)],
)
def test_the_code_of_firetext_overrides_a_failure(status, code, means):
    assert firetext(status=status, code=code).status == means


@pytest.mark.parametrize("code", ["", "777"])
@pytest.mark.parametrize("order", [("2", "1"), ("1", "2")])
def test_a_failure_of_firetext_without_a_known_code_is_temporary_before_and_after_pending(order, code):
    receipts = [firetext(status=status, code=code) for status in order]
    reported = [Standing.of(STATUS_OF[one.status], one.reason) for one in receipts]
    assert settle(Standing(Status.SENDING), reported).status is Status.TEMPORARY_FAILURE


@pytest.mark.parametrize("parse", [mmg, firetext])
def test_an_unknown_status_is_a_technical_failure_and_an_alert(parse):
    name = parse.__name__
    before = REGISTRY.get_sample_value("notifications_receipts_unknown_total", {"provider": name}) or 0
    with capture_logs() as logs:
        receipt = parse(status="9")
    assert receipt.status == TECHNICAL
    assert [entry["log_level"] for entry in logs] == ["error"]
    assert REGISTRY.get_sample_value("notifications_receipts_unknown_total", {"provider": name}) == before + 1


def test_a_reference_that_is_no_uuid_is_the_providers():
    receipt = firetext(status="0", reference="abc")
    assert (receipt.notification_id, receipt.provider_reference) == (b"", "abc")
    assert mmg(status="3", CID="abc").provider_reference == "abc"


def test_the_time_of_firetext_is_kept():
    assert firetext(status="0", time="2026-03-01 11:59:00").occurred_at_micros == int((AT.timestamp() - 60) * 1_000_000)


@pytest.mark.parametrize("time", ["", "yesterday", "1969-12-31 23:59:59", "0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_a_time_of_firetext_that_cannot_be_right_is_none(time):
    receipt = firetext(status="0", time=time)
    assert (receipt.status, receipt.occurred_at_micros) == (DELIVERED, 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"status":"3"}', b'{"CID":7,"status":"3"}', b'{"CID":"","status":"3"}', b"\xff", b"[" * 9999],
)
def test_mmg_refuses_what_it_cannot_read(body):
    with pytest.raises(Invalid):
        MmgReceipts("token").parse(ReceiptRequest({}, body, AT))


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"status=0", b"&" * 200 + b"a=b", b"reference=%00&status=0"])
def test_firetext_refuses_what_it_cannot_read(body):
    with pytest.raises(Invalid):
        FiretextReceipts("token").parse(ReceiptRequest({}, body, AT))


@given(st.binary(max_size=300))
def test_parsers_raise_nothing_but_invalid(body):
    for parser in (MmgReceipts("token"), FiretextReceipts("token")):
        try:
            receipts = parser.parse(ReceiptRequest({}, body, AT))
        except Invalid:
            continue
        assert len(receipts) == 1


def test_no_receipt_names_a_person():
    for receipt in (mmg(status="4"), mmg(status="447700900123", substatus="447700900123 is off"), firetext(status="1")):
        assert "447700900123" not in receipt.reason.replace("mmg status 447700900123", "")


@pytest.mark.parametrize(
    "value", [None, "", "Bearer", "Bearer wrong", "Basic dG9rZW4=", "token", "Bearer tökën", "Bearer token x"]
)
def test_mmg_lets_in_the_right_token_only(value):
    parser = MmgReceipts("token")
    with pytest.raises(Unauthenticated):
        parser.authenticate(ReceiptRequest({"authorization": value} if value is not None else {}, b"", AT))
    parser.authenticate(ReceiptRequest({"authorization": "Bearer token"}, b"", AT))


@pytest.mark.parametrize(
    "value", [None, "", "Basic", "Basic ???", "Bearer token", "Basic " + b64encode(b"token").decode()]
)
def test_firetext_lets_in_the_right_password_only(value):
    parser = FiretextReceipts("token")
    with pytest.raises(Unauthenticated):
        parser.authenticate(ReceiptRequest({"authorization": value} if value is not None else {}, b"", AT))
    parser.authenticate(ReceiptRequest({"authorization": "Basic " + b64encode(b"any:token").decode()}, b"", AT))


@pytest.mark.parametrize("reference", ["", "\0", "a\0b", "\ud800", "x" * 201])
def test_what_no_text_may_hold_is_no_reference(reference):
    with pytest.raises(Invalid):
        mmg(CID=reference, status="3")
