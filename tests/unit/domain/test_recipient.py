"""Recipients are parsed with the precise reason for a refusal, and never quoted in it."""

import random
import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid, Reason
from octavo.domain.notification import Status
from octavo.domain.recipient import (
    EmailAddress,
    PhoneNumber,
    _mobile_at_home,
    normalised,
    parse_email,
    parse_phone,
    sends_receipts,
)
from octavo.domain.recipient import test_outcome as outcome_of_test


@pytest.mark.parametrize(
    ("text", "e164", "country", "international"),
    [
        ("07700900003", "+447700900003", "GB", False),
        ("07700 900999", "+447700900999", "GB", False),
        ("+44 (0)7700 900 123", "+447700900123", "GB", False),
        ("0044 7700-900.123", "+447700900123", "GB", False),
        ("447700900123", "+447700900123", "GB", False),
        ("\u202a+44\u00a07700\u2011900123\u202c", "+447700900123", "GB", False),
        (" 07400 123456 ", "+447400123456", "GB", False),
        ("020 7946 0123", "+442079460123", "GB", False),
        ("\uff0b44 7700 900123", "+447700900123", "GB", False),
        ("+1 212 555 0100", "+12125550100", "US", True),
        ("+49 171 1234567", "+491711234567", "DE", True),
        ("+33 6 12 34 56 78", "+33612345678", "FR", True),
    ],
)
def test_numbers_are_read_as_people_write_them(text, e164, country, international):
    assert parse_phone(text) == PhoneNumber(e164, country, international)


def test_the_default_region_is_the_callers():
    assert parse_phone("0171 1234567", "DE") == PhoneNumber("+491711234567", "DE", international=False)
    assert parse_phone("+447700900123", "DE").international


@pytest.mark.parametrize("tail", range(0, 1000, 37))
def test_numbers_for_drama_are_accepted(tail):
    assert parse_phone(f"07700900{tail:03}").digits == f"447700900{tail:03}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MISSING_FIELD),
        (" - ", Reason.MISSING_FIELD),
        ("07ABC900003", Reason.RECIPIENT_LETTERS),
        ("07700900003x4", Reason.RECIPIENT_LETTERS),
        ("tel:+447700900123", Reason.RECIPIENT_LETTERS),
        ("+1-800-FLOWERS", Reason.RECIPIENT_LETTERS),
        ("07700\u0410900003", Reason.RECIPIENT_LETTERS),
        ("#31#ABC", Reason.RECIPIENT_LETTERS),
        ("\uff0b44x", Reason.RECIPIENT_LETTERS),
        ("07700900", Reason.RECIPIENT_TOO_SHORT),
        ("0740012345", Reason.RECIPIENT_TOO_SHORT),
        ("999", Reason.RECIPIENT_TOO_SHORT),
        ("074001234567", Reason.RECIPIENT_TOO_LONG),
        ("077009000031234567", Reason.RECIPIENT_TOO_LONG),
        ("7" * 1_000_000, Reason.RECIPIENT_TOO_LONG),
        ("0909 8790000", Reason.RECIPIENT_PREMIUM_RATE),
        ("+33 899 123456", Reason.RECIPIENT_PREMIUM_RATE),
        ("+1 900 555 1234", Reason.RECIPIENT_PREMIUM_RATE),
        ("070 1234 5678", Reason.RECIPIENT_PREMIUM_RATE),
        ("+979 123456789", Reason.RECIPIENT_PREMIUM_RATE),
        ("+881612345678", Reason.RECIPIENT_SATELLITE),
        ("+882 99 1234567", Reason.RECIPIENT_SATELLITE),
        ("+8835100012345", Reason.RECIPIENT_SATELLITE),
        ("+870773111111", Reason.RECIPIENT_SATELLITE),
        ("0800 1111", Reason.RECIPIENT_NO_TEXTS),
        ("+800 1234 5678", Reason.RECIPIENT_NO_TEXTS),
        ("+999 123456", Reason.RECIPIENT_UNKNOWN_COUNTRY),
        ("+15550100200", Reason.RECIPIENT_NOT_A_NUMBER),
        ("++447700900123", Reason.RECIPIENT_NOT_A_NUMBER),
        ("#31#07400123456", Reason.RECIPIENT_NOT_A_NUMBER),
        ("07400123456; 07400123457", Reason.RECIPIENT_NOT_A_NUMBER),
        ("\uff0b", Reason.RECIPIENT_NOT_A_NUMBER),
        ("\u0660\u0667\u0667\u0660\u0660\u0669\u0660\u0660\u0661\u0662\u0663", Reason.RECIPIENT_NOT_A_NUMBER),
        ("07400\uff11\uff12\uff13456", Reason.RECIPIENT_NOT_A_NUMBER),
    ],
)
def test_numbers_that_take_no_message_are_refused_with_the_reason(text, reason):
    with pytest.raises(Invalid) as caught:
        parse_phone(text)
    assert (caught.value.reason, caught.value.field) == (reason, "phone_number")
    assert not text.strip(" -") or text not in caught.value.message


@given(st.one_of(st.text(max_size=70), st.text(alphabet="+0123456789 ()-", max_size=25)))
def test_any_text_is_a_number_in_e164_or_refused(text):
    try:
        number = parse_phone(text)
    except Invalid:
        return
    assert number.e164.startswith("+")
    assert number.digits.isascii()
    assert number.digits.isdigit()
    assert parse_phone(number.e164) == number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("someone@example.com", "someone@example.com"),
        (" A.b+c@Example.COM ", "A.b+c@example.com"),
        ("perm-fail@simulator.amazonses.com", "perm-fail@simulator.amazonses.com"),
        ("temp-fail@simulator.example", "temp-fail@simulator.example"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
    ],
)
def test_addresses_are_read(text, address):
    assert parse_email(text) == EmailAddress(address)


@pytest.mark.parametrize("mark", list("\r\n\t\x0b\x0c\x1c\x1d\x1e\x1f\x7f\x85\u2028\u2029"))
@pytest.mark.parametrize("place", ["{}a@example.com", "a{}@example.com", "a@example.com{}", "a@exa{}mple.com"])
def test_line_breaks_of_any_kind_are_refused_wherever_they_stand(mark, place):
    with pytest.raises(Invalid) as caught:
        parse_email(place.format(mark))
    assert (caught.value.reason, caught.value.field) == (Reason.HEADER_INJECTION, "email_address")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.MISSING_FIELD),
        ("  ", Reason.MISSING_FIELD),
        ("a" * 300 + "@example.com", Reason.RECIPIENT_TOO_LONG),
        ("a\x00@example.com", Reason.INVALID_TEXT),
        ("ü@example.com", Reason.RECIPIENT_NOT_ASCII),
        ("jürgen@münchen.de", Reason.RECIPIENT_NOT_ASCII),
        *[
            (text, Reason.INVALID_RECIPIENT)
            for text in [
                "nobody",
                "a@",
                "@example.com",
                "a b@example.com",
                '"a b"@example.com',
                "a@[127.0.0.1]",
                "a@b@example.com",
                "Bob <a@example.com>",
                "a@example.com,b@example.com",
                "ü",
                "ü@localhost",
                "ü..b@example.com",
                "a@localhost",
                "\u200ba@example.com",
                "a..b@example.com",
            ]
        ],
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text, reason):
    with pytest.raises(Invalid) as caught:
        parse_email(text)
    assert caught.value.reason is reason
    assert not text.strip() or text not in caught.value.message


def test_an_address_beyond_ascii_is_told_so_without_a_word_of_it():
    with pytest.raises(Invalid, match="characters outside ASCII before the @, which are not supported") as caught:
        parse_email("jürgen@example.com")
    assert not {"jürgen", "example"} & {*re.findall(r"\w+", str(caught.value))}


@given(st.one_of(st.emails(), st.text(max_size=60)))
def test_any_text_is_a_plain_address_or_refused(text):
    try:
        parsed = parse_email(text)
    except Invalid:
        return
    assert parsed.address.isascii()
    assert parsed.address.isprintable()
    assert " " not in parsed.address
    assert parse_email(parsed.address) == parsed


def test_one_recipient_has_one_spelling():
    assert normalised(parse_phone("07700 900123")) == normalised(parse_phone("+447700900123")) == "+447700900123"
    assert normalised(parse_email("Some.One@Example.com")) == normalised(parse_email("some.one@EXAMPLE.com"))


@pytest.mark.parametrize(
    ("recipient", "status"),
    [
        (parse_phone("07700900003"), Status.TEMPORARY_FAILURE),
        (parse_phone("07700900002"), Status.PERMANENT_FAILURE),
        (parse_phone("07700900001"), Status.DELIVERED),
        (parse_email("perm-fail@simulator.amazonses.com"), Status.PERMANENT_FAILURE),
        (parse_email("TEMP-FAIL@simulator.example"), Status.TEMPORARY_FAILURE),
        (parse_email("someone@example.com"), Status.DELIVERED),
    ],
)
def test_the_test_recipients_decide_what_a_test_key_gets(recipient, status):
    assert outcome_of_test(recipient) is status


def test_some_countries_send_no_receipts():
    assert sends_receipts("GB")
    assert not sends_receipts("US")


def test_mobiles_of_every_country_are_told_as_phonenumbers_tells_them():
    draw, compared = random.Random(7), 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is None:
            continue
        for _ in range(20):
            digits = str(example.national_number)
            changed = [digit if draw.random() < 0.6 else draw.choice("0123456789") for digit in digits[1:]]
            national = int(digits[0] + "".join(changed))
            number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=national)
            if phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.MOBILE:
                continue
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            at_home = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            plain = "".join(filter(str.isdigit, at_home))
            for text, default in ((e164, "GB"), (e164, region), (at_home, region), (plain, region)):
                wanted = phonenumbers.parse(text, default)
                found = parse_phone(text, default)
                assert found.e164 == phonenumbers.format_number(wanted, phonenumbers.PhoneNumberFormat.E164)
                assert found.country == phonenumbers.region_code_for_number(wanted)
                assert found.international == (phonenumbers.country_code_for_region(default) != number.country_code)
            compared += 1
    assert compared > 1_000


def test_what_looks_like_a_mobile_at_home_is_one():
    draw, found = random.Random(11), 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
        if example is None or metadata is None:
            continue
        for _ in range(20):
            digits = list(str(example.national_number))
            for place in draw.sample(range(len(digits)), 2):
                digits[place] = draw.choice("0123456789")
            for before in ("", "0", metadata.national_prefix or "", f"+{example.country_code}"):
                text = before + "".join(digits)
                plain = _mobile_at_home(text, region)
                if plain is None:
                    continue
                wanted = phonenumbers.parse(text, region)
                assert plain.e164 == phonenumbers.format_number(wanted, phonenumbers.PhoneNumberFormat.E164)
                assert plain.country == phonenumbers.region_code_for_number(wanted)
                assert phonenumbers.number_type(wanted) in {
                    phonenumbers.PhoneNumberType.MOBILE,
                    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
                }
                found += 1
    assert found > 1_000
