"""Checks of plain text fields, before anything else looks at them."""

import re

from octavo.domain.errors import Invalid, Reason

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# C0 and C1 controls with DEL, and Unicode's own line and paragraph separators. str.strip would remove several of them
# (\x1c to \x1f, \x85, \u2028), so this is asked before any strip.
_BREAKS_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_text(
    field: str, value: str, *, max_length: int | None = None, reason: Reason = Reason.CONTENT_TOO_LONG
) -> str:
    """The value itself.

    Raises Invalid if it holds a NUL or half a surrogate pair (PostgreSQL and UTF-8 can't), or has over `max_length`
    characters (with `reason`).
    """
    if max_length is not None and len(value) > max_length:
        raise Invalid.of(field, reason, f"{field} must have at most {max_length:,} characters")
    if not is_storable(value):
        raise Invalid.of(field, Reason.INVALID_TEXT, f"{field} holds a NUL or half a surrogate pair")
    return value


def check_line(
    field: str, value: str, *, max_length: int | None = None, reason: Reason = Reason.CONTENT_TOO_LONG
) -> str:
    """The value itself.

    Raises Invalid as check_text does, and with HEADER_INJECTION if the value is more than one line or holds control
    characters: for names, subjects, senders, addresses.
    """
    check_text(field, value, max_length=max_length, reason=reason)
    if breaks_a_line(value):
        raise Invalid.of(field, Reason.HEADER_INJECTION, f"{field} must be a single line without control characters")
    return value


def is_storable(value: str) -> bool:
    """Whether PostgreSQL and UTF-8 can hold the value: no NUL, no half of a surrogate pair."""
    # Most are plain, which takes a fraction of the time to tell.
    return is_plain(value) or _UNSTORABLE.search(value) is None


def is_plain(value: str) -> bool:
    """Whether the value is ASCII without a NUL: as many bytes as characters, and storable."""
    return value.isascii() and "\0" not in value


def breaks_a_line(value: str) -> bool:
    """Whether the value holds a line break of any kind, or a control character."""
    return _BREAKS_A_LINE.search(value) is not None
