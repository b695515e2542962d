import pytest

from octavo.domain.errors import Invalid, Reason
from octavo.domain.sender import parse_sms_sender


@pytest.mark.parametrize(
    "text", ["Octavo", "A", "B & Co.", "A-1_b", "12345678901a"[1:], "123", "60006", "+447700900123"]
)
def test_takes_names_and_numbers(text):
    assert parse_sms_sender(f" {text} ", field="sender") == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MISSING_FIELD),
        ("  ", Reason.MISSING_FIELD),
        ("twelve chars", Reason.INVALID_SMS_SENDER),
        ("Müller", Reason.INVALID_SMS_SENDER),
        ("12", Reason.INVALID_SMS_SENDER),
        ("1234567890123456", Reason.INVALID_SMS_SENDER),
        ("&&&", Reason.INVALID_SMS_SENDER),
        ("\u0661\u0662\u0663\u0664", Reason.INVALID_SMS_SENDER),
        ("a\nb", Reason.HEADER_INJECTION),
        ("Octavo\x85", Reason.HEADER_INJECTION),
        ("a\0", Reason.INVALID_TEXT),
    ],
)
def test_refuses_what_networks_do_not_carry(text, reason):
    with pytest.raises(Invalid) as raised:
        parse_sms_sender(text, field="service.sms_senders[0]")
    assert (raised.value.reason, raised.value.field) == (reason, "service.sms_senders[0]")
