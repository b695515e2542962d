"""What events of SES mean, and delivery status records of SNS."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid
from octavo.providers import ReceiptRequest
from octavo.providers.ses import SesReceipts, receipts_of_event
from octavo.providers.sns_sms import receipt_of_record
from octavo.v1 import notification_pb2 as pb

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ID = UUID("01890000-0000-7000-8000-000000000001")


def event(kind, tags=None, **details):
    mail = {
        "messageId": "0102-ses",
        "destination": ["ann@example.com"],
        "tags": {"notification_id": [str(ID)]} if tags is None else tags,
    }
    return {"eventType": kind, "mail": mail, kind.lower(): {"timestamp": "2026-03-01T11:59:00.000Z"} | details}


def only(given_event):
    (receipt,) = receipts_of_event(given_event, AT)
    return receipt


@pytest.mark.asked("C4")
@pytest.mark.parametrize(
    ("given_event", "means"),
    [
        (event("Delivery"), pb.NOTIFICATION_STATUS_DELIVERED),
        (event("Bounce", bounceType="Permanent"), pb.NOTIFICATION_STATUS_PERMANENT_FAILURE),
        (event("Bounce", bounceType="Transient"), pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
        (event("Bounce", bounceType="Undetermined"), pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
        (event("Bounce"), pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
        (event("Reject"), pb.NOTIFICATION_STATUS_TECHNICAL_FAILURE),
        (event("Surprise"), pb.NOTIFICATION_STATUS_TECHNICAL_FAILURE),
    ],
)
def test_events_of_ses_are_mapped(given_event, means):
    receipt = only(given_event)
    assert receipt.status == means
    assert receipt.notification_id == ID.bytes
    assert receipt.provider_reference == "0102-ses"
    assert not receipt.complaint


def test_a_complaint_moves_nothing():
    receipt = only(event("Complaint", complaintFeedbackType="abuse"))
    assert receipt.complaint
    assert receipt.status == pb.NOTIFICATION_STATUS_UNSPECIFIED
    assert receipt.reason == "complaint abuse"


@pytest.mark.parametrize(
    "timestamp", ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "yesterday", 7]
)
def test_a_time_that_cannot_be_right_is_none(timestamp):
    receipt = only(event("Delivery", timestamp=timestamp))
    assert (receipt.status, receipt.occurred_at_micros) == (pb.NOTIFICATION_STATUS_DELIVERED, 0)


def test_without_our_tag_the_message_id_names_the_send():
    receipt = only(event("Delivery", tags={}))
    assert (receipt.notification_id, receipt.provider_reference) == (b"", "0102-ses")


def test_a_bounce_keeps_codes_and_no_address():
    recipients = [{"emailAddress": "ann@example.com", "status": "5.1.1", "diagnosticCode": "no ann@example.com here"}]
    receipt = only(event("Bounce", bounceType="Permanent", bounceSubType="General", bouncedRecipients=recipients))
    assert receipt.reason == "bounce Permanent General 5.1.1"
    assert b"ann@" not in receipt.SerializeToString()


@pytest.mark.parametrize("kind", ["Send", "Open", "Click", "DeliveryDelay"])
def test_events_without_an_end_are_passed_over(kind):
    assert receipts_of_event(event(kind), AT) == []


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"eventType":"Delivery"}', '{"eventType":"Delivery","mail":{}}', "7"]
)
def test_what_is_no_event_is_refused(body):
    with pytest.raises(Invalid):
        SesReceipts().parse(ReceiptRequest({}, body.encode(), AT))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {
            "eventType": st.sampled_from(["Bounce", "Delivery", "Complaint", "x"]),
            "mail": json_values,
            "bounce": json_values,
        }
    )
)
def test_events_of_any_shape_raise_nothing_but_invalid(given_event):
    try:
        SesReceipts().parse(ReceiptRequest({}, json.dumps(given_event).encode(), AT))
    except Invalid:
        return


@pytest.mark.parametrize(
    ("status", "words", "means"),
    [
        ("SUCCESS", "Message has been accepted by phone carrier", pb.NOTIFICATION_STATUS_DELIVERED),
        ("FAILURE", "Phone is currently unreachable/unavailable", pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
        ("FAILURE", "Unknown error attempting to reach phone", pb.NOTIFICATION_STATUS_TEMPORARY_FAILURE),
        ("FAILURE", "Phone number is opted out", pb.NOTIFICATION_STATUS_PERMANENT_FAILURE),
        ("FAILURE", "Invalid phone number", pb.NOTIFICATION_STATUS_PERMANENT_FAILURE),
        ("FAILURE", "+447700900123 said no", pb.NOTIFICATION_STATUS_TECHNICAL_FAILURE),
    ],
)
def test_records_of_sns_are_mapped_by_their_words(status, words, means):
    record = {"notification": {"messageId": str(ID)}, "delivery": {"providerResponse": words}, "status": status}
    receipt = receipt_of_record(record, AT)
    assert receipt.status == means
    assert (receipt.notification_id, receipt.provider_reference) == (b"", str(ID))
    assert "447700900123" not in receipt.reason


def test_a_record_of_sns_without_an_id_is_refused():
    with pytest.raises(Invalid):
        receipt_of_record({"status": "SUCCESS"}, AT)


@pytest.mark.parametrize("reference", ["", "\0", "a\0b", "\ud800", "x" * 201])
def test_what_no_text_may_hold_is_no_reference(reference):
    with pytest.raises(Invalid):
        receipts_of_event({"eventType": "Delivery", "mail": {"messageId": reference}}, AT)
    with pytest.raises(Invalid):
        receipt_of_record({"notification": {"messageId": reference}, "status": "SUCCESS"}, AT)
    # Beside our own reference it does not matter.
    mail = {"messageId": reference, "tags": {"notification_id": [str(ID)]}}
    assert only({"eventType": "Delivery", "mail": mail}).notification_id == ID.bytes
