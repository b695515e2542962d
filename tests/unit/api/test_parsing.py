"""Whatever bytes come, they are a request or an error that names what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid, Reason
from octavo.v1 import notification_service_pb2 as pb
from services.api.parsing import parse

RIGHT = pb.SendSmsRequest(
    template_id="018f0000-0000-7000-8000-000000000000", phone_number="07700 900001", personalisation={"name": "Ada"}
).SerializeToString()


def outcome(kind, data):
    """The request, or the field that is named."""
    try:
        return parse(kind, data)
    except Invalid as error:
        return error.field


@given(st.binary(max_size=200))
def test_any_bytes(data):
    for kind in (pb.SendSmsRequest, pb.SendBatchRequest, pb.ListNotificationsRequest):
        assert isinstance(outcome(kind, data), kind | str)


@given(at=st.integers(0, len(RIGHT) - 1), byte=st.integers(0, 255))
def test_a_request_with_one_byte_changed(at, byte):
    data = RIGHT[:at] + bytes([byte]) + RIGHT[at + 1 :]
    assert outcome(pb.SendSmsRequest, data)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"\x12\x01\xff", "phone_number"),
        (b"\x1a\x03\x0a\x01\xff", "personalisation"),
        (b"\x22\x07\x0a\x01a\x12\x02\x0a\x00\x22\x06\x0a\x01b\x12\x01\xff", "request"),
    ],
)
def test_the_field_that_is_no_text_is_named(data, field):
    with pytest.raises(Invalid) as refused:
        parse(pb.SendSmsRequest, data)
    assert refused.value.field == field


def test_the_field_is_not_looked_for_without_an_end():
    data = b"\x1a\x00" * 100_000 + b"\x12\x01\xff"
    with pytest.raises(Invalid) as refused:
        parse(pb.SendSmsRequest, data)
    assert refused.value.field == "request"


def test_a_field_inside_an_item_is_named_with_its_path():
    bad = b"\x0a\x05\x0a\x03\x12\x01\xff"
    with pytest.raises(Invalid) as refused:
        parse(pb.SendBatchRequest, bad)
    assert (refused.value.field, refused.value.reason) == ("items.sms.phone_number", Reason.INVALID_TEXT)
