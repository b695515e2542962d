"""Every reason that an error can give, for programs to act on. docs/errors.md is made from this table."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """The `reason` of the ErrorInfo that each error carries; `meaning` explains it in one line.

    `status` is the gRPC status that a call with this error ends with.
    """

    meaning: str
    status: str

    def __new__(cls, value: str, meaning: str, status: str = "INVALID_ARGUMENT") -> Self:
        """A member whose value is its name, with its meaning and status beside it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        member.status = status
        return member

    # Who is calling.
    UNAUTHENTICATED = "UNAUTHENTICATED", "No API key, or none that is in force.", "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN", "The key is valid, but not for this call.", "PERMISSION_DENIED"
    SERVICE_SUSPENDED = (
        "SERVICE_SUSPENDED",
        "The service is suspended: it may look things up, but not send. What single messages it had accepted still go out.",
        "PERMISSION_DENIED",
    )

    # What is asked for.
    NOT_FOUND = "NOT_FOUND", "There is no such thing among those of the service.", "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS", "Something else has this name already.", "ALREADY_EXISTS"
    INVALID_ARGUMENT = "INVALID_ARGUMENT", "A field breaks a rule that has no reason of its own."
    MISSING_FIELD = "MISSING_FIELD", "A field that is needed is empty."
    INVALID_ID = "INVALID_ID", "The id is not a UUID."
    INVALID_ENUM = "INVALID_ENUM", "The number is not one of those the field knows."
    INVALID_TIMESTAMP = "INVALID_TIMESTAMP", "The time is outside the years 1970 to 9999, or not a time at all."
    INVALID_TEXT = "INVALID_TEXT", "The text holds a NUL or half a surrogate pair."
    INVALID_PAGE_SIZE = "INVALID_PAGE_SIZE", "The page size is negative."
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN", "The page token is forged, another service's, or for other filters."
    INVALID_RESUME_TOKEN = "INVALID_RESUME_TOKEN", "The resume token is forged or too old."
    INVALID_RANGE = "INVALID_RANGE", "The beginning of the range comes after its end, or the range is too long."
    REFERENCE_TOO_LONG = "REFERENCE_TOO_LONG", "The reference has more than 1,000 characters, or 2,400 bytes in UTF-8."
    TOO_MANY_ITEMS = "TOO_MANY_ITEMS", "The batch or list has more items than allowed."
    INVALID_SMS_SENDER = (
        "INVALID_SMS_SENDER",
        "No name of at most 11 plain characters, and no number of 3 to 15 digits.",
    )
    HEADER_INJECTION = "HEADER_INJECTION", "A line break or control character where a single line is needed."

    # Templates and personalisation.
    UNKNOWN_TEMPLATE = "UNKNOWN_TEMPLATE", "The service has no such template.", "NOT_FOUND"
    VERSION_MISMATCH = (
        "VERSION_MISMATCH",
        "The template was changed in the meantime: expected_version is not current.",
        "FAILED_PRECONDITION",
    )
    WRONG_TEMPLATE_TYPE = "WRONG_TEMPLATE_TYPE", "An SMS template for an email, or the reverse."
    ARCHIVED_TEMPLATE = (
        "ARCHIVED_TEMPLATE",
        "The template is archived: it sends nothing any more.",
        "FAILED_PRECONDITION",
    )
    MISSING_PERSONALISATION = "MISSING_PERSONALISATION", "A placeholder of the template got no value."
    CONTENT_TOO_LONG = "CONTENT_TOO_LONG", "The text is longer than its channel carries."
    EMPTY_CONTENT = "EMPTY_CONTENT", "There is no text to send."

    # Recipients.
    INVALID_RECIPIENT = "INVALID_RECIPIENT", "The address is not an email address."
    RECIPIENT_NOT_ASCII = (
        "RECIPIENT_NOT_ASCII",
        "Characters outside ASCII before the @ of an email address are not supported.",
    )
    RECIPIENT_NOT_A_NUMBER = "RECIPIENT_NOT_A_NUMBER", "This is no phone number, or none that is in use."
    RECIPIENT_TOO_SHORT = "RECIPIENT_TOO_SHORT", "The recipient is too short for its country or kind."
    RECIPIENT_TOO_LONG = "RECIPIENT_TOO_LONG", "The recipient is too long for its country or kind."
    RECIPIENT_LETTERS = "RECIPIENT_LETTERS", "A phone number with letters in it."
    RECIPIENT_UNKNOWN_COUNTRY = "RECIPIENT_UNKNOWN_COUNTRY", "No country has this calling code."
    RECIPIENT_PREMIUM_RATE = "RECIPIENT_PREMIUM_RATE", "A premium-rate, shared-cost or personal number."
    RECIPIENT_SATELLITE = "RECIPIENT_SATELLITE", "A satellite or international-network number."
    RECIPIENT_NO_TEXTS = "RECIPIENT_NO_TEXTS", "A number of a kind that takes no text messages."
    RECIPIENT_NOT_ALLOWED = (
        "RECIPIENT_NOT_ALLOWED",
        "A trial service or a team key reaches its guest list only.",
        "PERMISSION_DENIED",
    )

    # Sending, again and later.
    REQUEST_ID_NOT_UUID7 = "REQUEST_ID_NOT_UUID7", "The request_id is not a UUIDv7."
    REQUEST_ID_OUT_OF_RANGE = "REQUEST_ID_OUT_OF_RANGE", "The request_id is over 24 h old, or over 5 minutes ahead."
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED", "The request_id was used before with another content.", "ALREADY_EXISTS"
    SEND_AT_OUT_OF_RANGE = "SEND_AT_OUT_OF_RANGE", "send_at is in the past, or more than 14 days ahead."
    UNKNOWN_REPLY_TO = "UNKNOWN_REPLY_TO", "reply_to is not one of the service's addresses."
    UNKNOWN_SMS_SENDER = "UNKNOWN_SMS_SENDER", "sms_sender is not one of the service's senders."
    NOT_CANCELLABLE = "NOT_CANCELLABLE", "A provider has it, or may have it, or it is settled.", "FAILED_PRECONDITION"

    # Limits.
    DAILY_LIMIT_EXCEEDED = (
        "DAILY_LIMIT_EXCEEDED",
        "The service's allowance for the day is used up.",
        "RESOURCE_EXHAUSTED",
    )
    RATE_LIMIT_EXCEEDED = (
        "RATE_LIMIT_EXCEEDED",
        "More notifications in a minute than the service may send.",
        "RESOURCE_EXHAUSTED",
    )
    TOO_MANY_STREAMS = "TOO_MANY_STREAMS", "The service has as many open streams as it may.", "RESOURCE_EXHAUSTED"
    TOO_MANY_CALLS = (
        "TOO_MANY_CALLS",
        "The service has as many calls or uploads under way as it may.",
        "RESOURCE_EXHAUSTED",
    )

    # CSV jobs.
    UNKNOWN_JOB = "UNKNOWN_JOB", "The service has no such job.", "NOT_FOUND"
    FILE_NOT_FOUND = "FILE_NOT_FOUND", "There is no such file.", "NOT_FOUND"
    FILE_CHANGED = "FILE_CHANGED", "The file was replaced after the job was created.", "FAILED_PRECONDITION"
    FILE_EMPTY = "FILE_EMPTY", "The file has no header, or no row below it."
    FILE_TOO_LARGE = "FILE_TOO_LARGE", "The file is larger than a job may be."
    FILE_UNREADABLE = "FILE_UNREADABLE", "The file's encoding or quoting can't be read."
    TOO_MANY_ROWS = "TOO_MANY_ROWS", "The file has more than 100,000 rows."
    DUPLICATE_COLUMN = "DUPLICATE_COLUMN", "Two columns have the same name, ignoring case, spaces, - and _."
    MISSING_COLUMN = "MISSING_COLUMN", "A placeholder, or the recipient, has no column."
    TOO_MANY_COLUMNS = "TOO_MANY_COLUMNS", "The file has more than 1,000 columns."
    RAGGED_ROW = "RAGGED_ROW", "The row has more cells than the header."
    CELL_TOO_LONG = "CELL_TOO_LONG", "The cell is longer than any message."

    # Octavo's own state.
    QUEUE_UNAVAILABLE = (
        "QUEUE_UNAVAILABLE",
        "Kafka is not reached: nothing was accepted, try again.",
        "UNAVAILABLE",
    )
    NOT_ACKNOWLEDGED = (
        "NOT_ACKNOWLEDGED",
        "Kafka did not acknowledge in time: it may be accepted nevertheless. The same request_id again never sends it twice.",
        "UNAVAILABLE",
    )
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE", "PostgreSQL does not answer, and this call needs it.", "UNAVAILABLE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE", "The store of uploaded files does not answer.", "UNAVAILABLE"
    UNAVAILABLE = "UNAVAILABLE", "Something Octavo needs does not answer: try again.", "UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN", "This process is stopping: another one answers.", "UNAVAILABLE"
    OVERLOADED = "OVERLOADED", "Too much is in flight: try again.", "UNAVAILABLE"
    INTERNAL = "INTERNAL", "A fault of Octavo's own: `error_id` finds it in the logs.", "INTERNAL"
