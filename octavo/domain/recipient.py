"""Whom a message goes to: parsed once at the boundary, carried as a type inward.

Errors name the rule that was broken, never the recipient.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from phonenumbers import PhoneNumberType, ValidationResult

from octavo.domain.errors import Invalid, Reason
from octavo.domain.notification import Status
from octavo.domain.text import breaks_a_line, check_text

DEFAULT_REGION = "GB"
"""Where a number without a country code is dialled (configurable)."""

_LONGEST_NUMBER = 64
_LONGEST_ADDRESS = 254
# What people and spreadsheets put around and between digits: spaces of any width, invisible marks, dashes, brackets.
_PUNCTUATION = re.compile(r"[\s().\-/\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\ufeff\u2212]")
_DIALLED = re.compile(r"[+\uff0b]?[0-9]+")
# Calling codes of no country. Satellite and international networks cost like premium rate; freephone, shared-cost,
# personal and UN relief numbers of the world take no text message.
_REFUSED_CODES = {
    **dict.fromkeys((870, 881, 882, 883), Reason.RECIPIENT_SATELLITE),
    **dict.fromkeys((800, 808, 878, 888), Reason.RECIPIENT_NO_TEXTS),
    979: Reason.RECIPIENT_PREMIUM_RATE,
}
_REFUSED_KINDS = {
    PhoneNumberType.PREMIUM_RATE: Reason.RECIPIENT_PREMIUM_RATE,
    PhoneNumberType.SHARED_COST: Reason.RECIPIENT_PREMIUM_RATE,
    PhoneNumberType.PERSONAL_NUMBER: Reason.RECIPIENT_PREMIUM_RATE,
    PhoneNumberType.TOLL_FREE: Reason.RECIPIENT_NO_TEXTS,
    PhoneNumberType.UAN: Reason.RECIPIENT_NO_TEXTS,
    PhoneNumberType.PAGER: Reason.RECIPIENT_NO_TEXTS,
    PhoneNumberType.VOICEMAIL: Reason.RECIPIENT_NO_TEXTS,
}
_UK = 44
# Codes whose numbers need more than the pattern of the main region's mobiles: areas that belong to other countries (1, 7), and
# national numbers that keep a leading zero (39).
_SHARED_PATTERNS = frozenset({1, 7, 39})
# Ofcom's numbers for drama: nobody has them, so tests may use them. phonenumbers calls them invalid.
_UK_DRAMA = re.compile(r"7700900\d{3}|1632960\d{3}|2079460\d{3}|1(?:1[3-8]|21|31|41|51|61)4960\d{3}|3069990\d{3}")

# Networks of the North American plan report that a carrier took the message, not that a phone did. A starting point: each
# provider publishes its own list, and a wrong entry costs a late `sent` or a receipt that is ignored, never a message.
_COUNTRIES_WITHOUT_RECEIPTS = frozenset({"US", "CA", "PR"})

_TEST_NUMBERS = {
    "+447700900002": Status.PERMANENT_FAILURE,
    "+447700900003": Status.TEMPORARY_FAILURE,
}
_TEST_MAILBOXES = {
    "perm-fail": Status.PERMANENT_FAILURE,
    "temp-fail": Status.TEMPORARY_FAILURE,
}


class PhoneNumber(NamedTuple):
    """A number that can be texted. `country` is its region (GB); `international` is seen from the default region."""

    e164: str
    country: str
    international: bool

    @property
    def digits(self) -> str:
        """The number without its plus sign, as some providers want it."""
        return self.e164[1:]


class EmailAddress(NamedTuple):
    """An address that can be mailed: its domain in lower case and ASCII (punycode), its mailbox as it was given."""

    address: str


Recipient = PhoneNumber | EmailAddress


def parse_phone(text: str, default_region: str = DEFAULT_REGION, *, field: str = "phone_number") -> PhoneNumber:
    """The number meant by a text, in international form or as dialled in the default region.

    Raises Invalid with the precise reason: letters, too short, too long, an unknown country, premium rate, satellite.
    """
    found = _parse_phone(text, default_region) if len(text) <= _LONGEST_NUMBER else Reason.RECIPIENT_TOO_LONG
    if isinstance(found, Reason):
        # What is a number has no such characters.
        check_text(field, text)
        raise Invalid.of(field, found, f"{field}: {found.meaning}")
    return found


# The cache serves repeated sends to few numbers. It is small because it holds personal data, in memory only.
@lru_cache(maxsize=1_024)
def _parse_phone(text: str, default_region: str) -> PhoneNumber | Reason:
    # Before anything is taken away: most are written plainly.
    if plain := _mobile_at_home(text, default_region):
        return plain
    dialled = _PUNCTUATION.sub("", text)
    if not _DIALLED.fullmatch(dialled):
        return _not_dialled(dialled)
    if "(" not in text and (mobile := _mobile(dialled.replace("\uff0b", "+"), default_region)):
        return mobile
    try:
        # The brackets matter to phonenumbers: +44 (0)7700 is not +440 7700.
        number = phonenumbers.parse(text if "(" in text else dialled, default_region)
    except phonenumbers.NumberParseException as error:
        return _UNPARSED.get(error.error_type, Reason.RECIPIENT_NOT_A_NUMBER)
    return _judge(number, default_region)


def _not_dialled(text: str) -> Reason:
    """Why nobody can dial a text, which is without punctuation."""
    if any(character.isalpha() for character in text):
        return Reason.RECIPIENT_LETTERS
    return Reason.RECIPIENT_NOT_A_NUMBER if text else Reason.MISSING_FIELD


_UNPARSED = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: Reason.RECIPIENT_UNKNOWN_COUNTRY,
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: Reason.RECIPIENT_TOO_SHORT,
    phonenumbers.NumberParseException.TOO_SHORT_NSN: Reason.RECIPIENT_TOO_SHORT,
    phonenumbers.NumberParseException.TOO_LONG: Reason.RECIPIENT_TOO_LONG,
}
_LENGTHS = {
    ValidationResult.TOO_SHORT: Reason.RECIPIENT_TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: Reason.RECIPIENT_TOO_SHORT,
    ValidationResult.TOO_LONG: Reason.RECIPIENT_TOO_LONG,
}


def _judge(number: phonenumbers.PhoneNumber, default_region: str) -> PhoneNumber | Reason:
    """The number if it can be texted, else why not."""
    code = number.country_code or 0
    international = code != _code_of(default_region)
    if code == _UK and _UK_DRAMA.fullmatch(str(number.national_number)):
        return PhoneNumber(_e164(number), "GB", international)
    if code in _REFUSED_CODES:
        return _REFUSED_CODES[code]
    region = phonenumbers.region_code_for_number(number)
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN or region is None:
        return _wrong_length(number)
    return _REFUSED_KINDS.get(kind) or PhoneNumber(_e164(number), region, international)


def _mobile(dialled: str, default_region: str) -> PhoneNumber | None:
    """The number, if it is a mobile of the main region of its calling code: nearly all are, and this tells them ten times faster.

    phonenumbers tries every kind of number of every region that shares the code. It would come to the same: the main region is
    the first that it tries, and its mobiles are no other kind (a test compares the two).
    """
    if at_home := _mobile_at_home(dialled, default_region):
        return at_home
    if not dialled.startswith("+"):
        return None
    for end in (2, 3, 4):
        code, national = dialled[1:end], dialled[end:]
        mobiles = _mobiles_of(int(code)) if code and national else None
        if mobiles and mobiles.pattern.fullmatch(national):
            return PhoneNumber(f"+{code}{national}", mobiles.region, mobiles.code != _code_of(default_region))
    return None


def _mobile_at_home(dialled: str, default_region: str) -> PhoneNumber | None:
    """The same in one step, of the default region alone: with its calling code, or as it is dialled there."""
    mobiles = _mobiles_of(_code_of(default_region))
    if mobiles and (found := mobiles.at_home.fullmatch(dialled)):
        return PhoneNumber(f"+{mobiles.code}{found['national']}", mobiles.region, international=False)
    return None


@dataclass(frozen=True, slots=True)
class _Mobiles:
    """What mobiles of a calling code's main region look like, and how they are written at home, without punctuation."""

    code: int
    region: str
    pattern: re.Pattern[str]
    at_home: re.Pattern[str]


@lru_cache(maxsize=1_024)
def _mobiles_of(code: int) -> _Mobiles | None:
    """None where phonenumbers has to decide."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    mobile = metadata.mobile if metadata is not None else None
    if metadata is None or mobile is None or not mobile.national_number_pattern or code in _SHARED_PATTERNS:
        return None
    # A prefix that changes what follows it, or carries an area code, is for phonenumbers.
    dialled = metadata.national_prefix_for_parsing
    plain = dialled and "(" not in dialled and metadata.national_prefix_transform_rule is None
    national = mobile.national_number_pattern
    # What is dialled before is found first and kept, as phonenumbers does.
    before = rf"\+{code}" + (f"|(?>{dialled})" if plain else "")
    at_home = re.compile(f"(?:{before})(?P<national>{national})", re.ASCII)
    return _Mobiles(code, region, re.compile(national), at_home)


@lru_cache(maxsize=1_024)
def _code_of(region: str) -> int:
    """Its calling code; 0 if there is no such region."""
    return phonenumbers.country_code_for_region(region)


def _wrong_length(number: phonenumbers.PhoneNumber) -> Reason:
    """Why a number belongs to nobody: its length, seen as any number and as a mobile, or its digits."""
    for result in (
        phonenumbers.is_possible_number_with_reason(number),
        phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE),
    ):
        if result in _LENGTHS:
            return _LENGTHS[result]
    return Reason.RECIPIENT_NOT_A_NUMBER


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def parse_email(text: str, *, field: str = "email_address") -> EmailAddress:
    """The address in a text; spaces around it are dropped. No name server is asked.

    Raises Invalid: HEADER_INJECTION for line breaks and controls of any kind, wherever they stand; RECIPIENT_TOO_LONG;
    RECIPIENT_NOT_ASCII for an address that no provider takes; INVALID_RECIPIENT for what is no address.
    """
    check_text(field, text)
    # Before anything strips: str.strip() would drop \x1c, \x85 and \u2028, and so let them pass.
    if breaks_a_line(text):
        raise Invalid.of(field, Reason.HEADER_INJECTION, f"{field} holds a line break or a control character")
    stripped = text.strip()
    if not stripped:
        raise Invalid.of(field, Reason.MISSING_FIELD, f"{field} is empty")
    if len(stripped) > _LONGEST_ADDRESS:
        raise Invalid.of(field, Reason.RECIPIENT_TOO_LONG, f"{field} has more than {_LONGEST_ADDRESS} characters")
    validated = _validated(stripped)
    if validated is None:
        # A domain of any script has a form in ASCII, but what stands before the @ has none, and SES does without SMTPUTF8.
        if not stripped.isascii() and _validated(stripped, smtputf8=True):
            why = f"{field} has characters outside ASCII before the @, which are not supported"
            raise Invalid.of(field, Reason.RECIPIENT_NOT_ASCII, why)
        raise Invalid.of(field, Reason.INVALID_RECIPIENT, f"{field} is not an email address")
    return EmailAddress(validated.ascii_email or validated.normalized)


def _validated(text: str, *, smtputf8: bool = False) -> ValidatedEmail | None:
    """None for what is no address: the validator's words can quote it, and stay here."""
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=smtputf8, test_environment=True)
    except EmailNotValidError:
        return None


def normalised(recipient: Recipient) -> str:
    """One spelling for each recipient, to hash and to compare: E.164, or the address in lower case."""
    return recipient.e164 if isinstance(recipient, PhoneNumber) else recipient.address.lower()


def sends_receipts(country: str) -> bool:
    """Whether networks of the country (a region, such as GB) report if a phone got the message."""
    return country not in _COUNTRIES_WITHOUT_RECEIPTS


def test_outcome(recipient: Recipient) -> Status:
    """How a send with a test key ends: as its recipient says (facts of the field), or delivered."""
    if isinstance(recipient, PhoneNumber):
        return _TEST_NUMBERS.get(recipient.e164, Status.DELIVERED)
    return _TEST_MAILBOXES.get(recipient.address.partition("@")[0].lower(), Status.DELIVERED)


# pytest collects by name, and this one is no test.
test_outcome.__test__ = False  # type: ignore[attr-defined]
