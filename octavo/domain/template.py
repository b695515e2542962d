"""Templates rendered for their channel. `body`, wherever the API shows it, is render_sms or render_text."""

from collections.abc import Sequence

from octavo.domain.email_body import EmailBody, write
from octavo.domain.errors import Invalid, Reason, Violation
from octavo.domain.markdown import layout, mark, without_marks
from octavo.domain.merge import Personalisation, Slot, Template, Value, too_long
from octavo.domain.names import fold
from octavo.domain.text import breaks_a_line

__all__ = [
    "EmailBody",
    "Personalisation",
    "Template",
    "Value",
    "render_email",
    "render_sms",
    "render_subject",
    "render_text",
]

MAX_EMAIL_BYTES = 2_000_000
"""Longest email body, merged, in UTF-8 (facts of the field)."""
MAX_SUBJECT = 998
"""Longest subject: what one line of an email carries (RFC 5322, 2.1.1)."""
# Far above what six parts carry: sms.fit() says exactly what is too long, this bounds memory before it is asked.
_SMS_CHARACTERS = 10_000


class _Sentence:
    """Values as they are; a list reads "a, b and c"."""

    as_is = True

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def literal(self, text: str) -> str:
        return text

    def value(self, value: str) -> str:
        return value

    def items(self, values: Sequence[str], slot: Slot) -> str:  # noqa: ARG002 - a sentence needs no line of its own.
        if len(values) < 2:  # noqa: PLR2004 - "and" stands between two.
            return "".join(values)
        return f"{', '.join(values[:-1])} and {values[-1]}"


class _Bullets(_Sentence):
    """Values as they are; a list becomes bullets on lines of their own."""

    def items(self, values: Sequence[str], slot: Slot) -> str:
        return slot.before + "\n* ".join(values) + slot.after if values else ""


class _Marks:
    """A mark for each value; the values themselves are kept aside."""

    as_is = False

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.values: list[str] = []

    def literal(self, text: str) -> str:
        return without_marks(text)

    def value(self, value: str) -> str:
        self.values.append(value)
        return mark(len(self.values) - 1)

    def items(self, values: Sequence[str], slot: Slot) -> str:
        return slot.before + "\n* ".join([self.value(value) for value in values]) + slot.after if values else ""


_SMS = _Sentence(_SMS_CHARACTERS)
_SUBJECT = _Sentence(MAX_SUBJECT)
_EMAIL = _Bullets(MAX_EMAIL_BYTES)


def render_sms(template: Template, personalisation: Personalisation, prefix: str | None = None) -> str:
    """The text as it is read on the phone, with `prefix: ` before it if the service has one.

    Raises Invalid: MISSING_PERSONALISATION, or CONTENT_TOO_LONG far above what sms.fit() allows.
    """
    text = template.render(personalisation, _SMS)
    return f"{prefix}: {text}" if prefix else text


def render_text(template: Template, personalisation: Personalisation) -> str:
    """The email body as its template was written, merged: what the API calls `body`.

    Raises Invalid: MISSING_PERSONALISATION, EMPTY_CONTENT, or CONTENT_TOO_LONG above 2,000,000 bytes.
    """
    text = template.render(personalisation, _EMAIL)
    # A character takes at most four bytes, so only a long text has to be encoded to be measured.
    if len(text) * 4 > MAX_EMAIL_BYTES and len(text.encode(errors="replace")) > MAX_EMAIL_BYTES:
        raise too_long(MAX_EMAIL_BYTES)
    if not text or text.isspace():
        raise Invalid.of("body", Reason.EMPTY_CONTENT, "the email is empty")
    return text


def render_email(template: Template, personalisation: Personalisation) -> EmailBody:
    """The email body as HTML and as plain text. Raises Invalid as render_text does."""
    render_text(template, personalisation)
    # The text fits; marks may be longer than the values that they stand for, never more than this.
    sink = _Marks(MAX_EMAIL_BYTES * 16)
    marked = template.render(personalisation, sink)
    return write(layout(marked), sink.values)


def render_subject(template: Template, personalisation: Personalisation) -> str:
    """The subject: one line.

    Raises Invalid: MISSING_PERSONALISATION; HEADER_INJECTION naming each value with a line break or control character;
    EMPTY_CONTENT; CONTENT_TOO_LONG above 998 characters.
    """
    subject = template.render(personalisation, _SUBJECT)
    if breaks_a_line(subject):
        raise _injected(template, personalisation)
    if not subject or subject.isspace():
        raise Invalid.of("subject", Reason.EMPTY_CONTENT, "the subject is empty")
    return subject


def _injected(template: Template, personalisation: Personalisation) -> Invalid:
    """The error for a subject of several lines: it names the values at fault, or else the template's own subject."""
    description = "a subject must be a single line without control characters"
    used = {fold(name) for name in template.placeholders}
    fields = [
        f"personalisation[{name}]"
        for name, value in personalisation.items()
        if fold(name) in used and any(map(breaks_a_line, [value] if isinstance(value, str) else value))
    ]
    first, *more = [Violation(field, Reason.HEADER_INJECTION, description) for field in fields or ["subject"]]
    return Invalid(first, *more)
