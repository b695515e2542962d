"""Who a text message says that it is from."""

import re

from octavo.domain.errors import Invalid, Reason
from octavo.domain.text import check_line

# Networks carry eleven characters of GSM-7, and phones can't answer to them; or a number, short codes among them.
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 &._-]{0,10}")
_NUMBER = re.compile(r"\+?[0-9]{3,15}")


def parse_sms_sender(text: str, *, field: str) -> str:
    """A sender, without spaces around it: a name of at most 11 characters, or a number of 3 to 15 digits.

    Raises Invalid that names the field.
    """
    check_line(field, text)
    sender = text.strip()
    if not sender:
        raise Invalid.of(field, Reason.MISSING_FIELD, f"{field} is empty")
    if not _NAME.fullmatch(sender) and not _NUMBER.fullmatch(sender):
        raise Invalid.of(
            field,
            Reason.INVALID_SMS_SENDER,
            f"{field} must be a name of at most 11 letters, digits, spaces and & . _ -, or a number of 3 to 15 digits",
        )
    return sender
