"""What a template says, checked before it is kept: what could never be sent is refused here, with every fault at once."""

from octavo.domain import sms
from octavo.domain.errors import Invalid, Reason
from octavo.domain.limits import MOST_NAMES
from octavo.domain.notification import NotificationType
from octavo.domain.template import MAX_EMAIL_BYTES, MAX_SUBJECT, Template
from octavo.domain.text import check_line, check_text
from octavo.domain.violations import Violations
from octavo.storage.templates import Text
from services.api.fields import read_name

MAX_SMS_SOURCE = 10_000
"""Characters of a text message's template: far more than six parts, since placeholders may be longer than values."""


def read_text(notification_type: NotificationType, name: str, subject: str, body: str) -> Text:
    """The text of a version. Raises Invalid with every fault."""
    faults = Violations()
    is_sms = notification_type is NotificationType.SMS
    text = Text(
        name=faults.read(read_name, "name", name) or "",
        subject=faults.read(_no_subject if is_sms else _subject, subject) or None,
        content=faults.read(_sms_body if is_sms else _email_body, body) or "",
    )
    faults.read(_check_placeholders, text)
    faults.tell()
    return text


def _check_placeholders(text: Text) -> None:
    names = {name for part in (text.subject or "", text.content) for name in Template.parse(part).placeholders}
    if len(names) > MOST_NAMES:
        raise Invalid.of("body", Reason.TOO_MANY_ITEMS, f"the template has more than {MOST_NAMES:,} placeholders")


def _no_subject(subject: str) -> str:
    if subject:
        raise Invalid.of("subject", Reason.INVALID_ARGUMENT, "a text message has no subject")
    return ""


def _subject(subject: str) -> str:
    check_line("subject", subject, max_length=MAX_SUBJECT)
    if not subject.strip():
        raise Invalid.of("subject", Reason.MISSING_FIELD, "subject is needed")
    return subject


def _email_body(body: str) -> str:
    _some_text(body)
    # A character takes at most four bytes, so only a long text has to be encoded to be measured.
    if len(body) * 4 > MAX_EMAIL_BYTES and len(body.encode()) > MAX_EMAIL_BYTES:
        raise Invalid.of("body", Reason.CONTENT_TOO_LONG, f"body must have at most {MAX_EMAIL_BYTES:,} bytes")
    return body


def _sms_body(body: str) -> str:
    _some_text(body, max_length=MAX_SMS_SOURCE)
    always = "".join(piece for piece in Template.parse(body).pieces if isinstance(piece, str))
    if always.strip():
        # Values can only make it longer.
        sms.fit(always)
    return body


def _some_text(body: str, max_length: int | None = None) -> None:
    check_text("body", body, max_length=max_length)
    if not body:
        raise Invalid.of("body", Reason.MISSING_FIELD, "body is needed")
    if body.isspace():
        raise Invalid.of("body", Reason.EMPTY_CONTENT, "body is nothing but white space")
