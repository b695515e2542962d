"""How many messages a text takes: exact in every script.

GSM-7 (3GPP TS 23.038): 160 septets in one message, 153 in each of several; nine characters take two septets. Any other
character makes the whole text UCS-2: 70 code units in one message, 67 in each of several. What takes two units is never
split over two parts. Characters are kept as they are: nothing is replaced to make a text cheaper.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from octavo.domain.errors import Invalid, Reason

MAX_PARTS = 6
"""Longest text: 6 parts, which is 918 GSM-7 characters (facts of the field)."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "^{}\\[~]|€"
_NOT_BASIC = re.compile(f"[^{re.escape(_BASIC)}]")
_NOT_GSM = re.compile(f"[^{re.escape(_BASIC + _EXTENSION)}]")
_ESCAPED = re.compile(f"[{re.escape(_EXTENSION)}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class Encoding(StrEnum):
    """How the text travels."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


class SmsSize(NamedTuple):
    """`units` are septets in GSM-7 and 16-bit code units in UCS-2; `parts` is what a provider bills."""

    encoding: Encoding
    units: int
    parts: int


def measure(text: str) -> SmsSize:
    """The encoding, length and parts of a text, however long. An empty text is still one message."""
    if _NOT_BASIC.search(text) is None:
        return _size(Encoding.GSM7, text, None, single=160, several=153)
    if _NOT_GSM.search(text) is None:
        return _size(Encoding.GSM7, text, _ESCAPED, single=160, several=153)
    return _size(Encoding.UCS2, text, _ASTRAL, single=70, several=67)


def _size(encoding: Encoding, text: str, doubles: re.Pattern[str] | None, *, single: int, several: int) -> SmsSize:
    places = [match.start() for match in doubles.finditer(text)] if doubles else []
    units = len(text) + len(places)
    if units <= single:
        return SmsSize(encoding, units, 1)
    # A double that would begin on the last unit of a part moves to the next part as a whole, and that unit stays empty.
    empty = 0
    for before, place in enumerate(places):
        if (place + before + empty) % several == several - 1:
            empty += 1
    return SmsSize(encoding, units, -(-(units + empty) // several))


def fit(text: str, prefix: str | None = None) -> SmsSize:
    """The size of a text that can be sent, with the service's `prefix: ` before it if it has one.

    Raises Invalid with EMPTY_CONTENT if there is nothing but white space behind that, and with CONTENT_TOO_LONG above 6 parts.
    """
    said = text[len(prefix) + 2 :] if prefix else text
    if not said or said.isspace():
        raise Invalid.of("body", Reason.EMPTY_CONTENT, "the text message is empty")
    size = measure(text)
    if size.parts > MAX_PARTS:
        raise Invalid.of(
            "body",
            Reason.CONTENT_TOO_LONG,
            f"the text message takes {size.parts} parts and may take {MAX_PARTS} "
            "(918 characters, or 402 with characters outside of GSM-7)",
        )
    return size
