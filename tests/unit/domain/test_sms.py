"""Parts are exact in every script, checked against a slow and obvious reference."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid, Reason
from octavo.domain.sms import Encoding, SmsSize, fit, measure

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
DOUBLE = "^{}\\[~]|€"


def reference(text):
    """Fills parts one character at a time."""
    gsm = all(character in BASIC + DOUBLE for character in text)
    sizes = [2 if (c in DOUBLE if gsm else ord(c) > 0xFFFF) else 1 for c in text]
    single, several = (160, 153) if gsm else (70, 67)
    parts, room = 1, several
    for size in sizes:
        if size > room:
            parts, room = parts + 1, several
        room -= size
    return SmsSize(Encoding.GSM7 if gsm else Encoding.UCS2, sum(sizes), 1 if sum(sizes) <= single else parts)


@given(st.text(alphabet=BASIC + DOUBLE, max_size=700))
def test_gsm_texts_measure_as_the_reference(text):
    assert measure(text) == reference(text)


@given(st.lists(st.sampled_from(["a" * 50, "a", "€", "€€€", "𝄞", "ж" * 30, "ж", "🎼🎼"]), max_size=40).map("".join))
def test_mixed_texts_measure_as_the_reference(text):
    assert measure(text) == reference(text)


@given(st.text(max_size=400))
def test_any_text_measures_as_the_reference(text):
    assert measure(text) == reference(text)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("", Encoding.GSM7, 0, 1),
        ("a" * 160, Encoding.GSM7, 160, 1),
        ("a" * 161, Encoding.GSM7, 161, 2),
        ("a" * 306, Encoding.GSM7, 306, 2),
        ("a" * 307, Encoding.GSM7, 307, 3),
        ("€" * 80, Encoding.GSM7, 160, 1),
        ("€" * 81, Encoding.GSM7, 162, 2),
        ("a" * 152 + "€" + "a" * 152, Encoding.GSM7, 306, 3),
        ("ж" * 70, Encoding.UCS2, 70, 1),
        ("ж" * 71, Encoding.UCS2, 71, 2),
        ("ж" * 134, Encoding.UCS2, 134, 2),
        ("ж" * 66 + "🎼" + "ж" * 66, Encoding.UCS2, 134, 3),
        ("🎼" * 35, Encoding.UCS2, 70, 1),
        ("\u2019", Encoding.UCS2, 1, 1),
        ("ç", Encoding.UCS2, 1, 1),
        ("Ç", Encoding.GSM7, 1, 1),
        ("\f", Encoding.UCS2, 1, 1),
    ],
)
def test_known_sizes(text, encoding, units, parts):
    assert measure(text) == SmsSize(encoding, units, parts)


@pytest.mark.parametrize("text", ["a" * 918, "ж" * 402])
def test_six_parts_can_be_sent(text):
    assert fit(text).parts == 6


@pytest.mark.parametrize("text", ["a" * 919, "ж" * 403, "a" * 152 + "€" + "a" * 764])
def test_more_than_six_parts_is_refused(text):
    with pytest.raises(Invalid) as caught:
        fit(text)
    assert (caught.value.reason, caught.value.field) == (Reason.CONTENT_TOO_LONG, "body")


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(Invalid) as caught:
        fit(text)
    assert caught.value.reason is Reason.EMPTY_CONTENT


@pytest.mark.parametrize("said", ["", " ", "\n"])
def test_a_name_with_nothing_behind_it_is_an_empty_text(said):
    with pytest.raises(Invalid) as caught:
        fit(f"Parking: {said}", "Parking")
    assert caught.value.reason is Reason.EMPTY_CONTENT
    assert fit("Parking: x", "Parking").units == 10


@pytest.mark.parametrize("character", ["a", "€", "ж", "🎼"])
def test_a_megabyte_is_measured_in_linear_time(character):
    started = time.process_time()
    measure(character * 1_000_000)
    assert time.process_time() - started < 2
