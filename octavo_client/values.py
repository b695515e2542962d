"""What goes into calls and comes out of them. Times have a zone; a field that does not apply is empty or None."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from octavo_client.request_id import new_request_id

Personalisation = Mapping[str, str | Sequence[str]]
"""What is put in for the placeholders: texts, or lists of texts (bullets in an email, "a, b and c" in an SMS)."""


class NotificationType(StrEnum):
    """The channel."""

    SMS = "sms"
    EMAIL = "email"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """Where a notification stands. `is_final` tells whether it waits for anything."""

    SCHEDULED = "scheduled"
    CREATED = "created"
    SENDING = "sending"
    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    TEMPORARY_FAILURE = "temporary-failure"
    PERMANENT_FAILURE = "permanent-failure"
    TECHNICAL_FAILURE = "technical-failure"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected to happen (a late receipt may still correct it)."""
        return self not in _WAITING


_WAITING = frozenset({Status.SCHEDULED, Status.CREATED, Status.SENDING, Status.PENDING, Status.UNKNOWN})


class KeyType(StrEnum):
    """Whom a key reaches: anybody, the service's guest list, or nobody (a test)."""

    LIVE = "live"
    TEAM = "team"
    TEST = "test"
    UNKNOWN = "unknown"


class SmsEncoding(StrEnum):
    """How the text of an SMS travels."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sms:
    """A text message to send. Sending the same object twice sends one message, since its `request_id` is the same."""

    template_id: str
    to: str = field(repr=False)
    personalisation: Personalisation = field(default_factory=dict, repr=False)
    reference: str = ""
    send_at: datetime | None = None
    sender: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        """Gives it a request_id, unless it was given one."""
        if not self.request_id:
            object.__setattr__(self, "request_id", new_request_id())


@dataclass(frozen=True, slots=True)
class Email:
    """An email to send. Sending the same object twice sends one email, since its `request_id` is the same."""

    template_id: str
    to: str = field(repr=False)
    personalisation: Personalisation = field(default_factory=dict, repr=False)
    reference: str = ""
    send_at: datetime | None = None
    reply_to: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        """Gives it a request_id, unless it was given one."""
        if not self.request_id:
            object.__setattr__(self, "request_id", new_request_id())


@dataclass(frozen=True, slots=True)
class Sent:
    """An accepted message: it is stored safely and will go out. `parts` and `encoding` are of an SMS, `subject` of an email."""

    id: str
    type: NotificationType
    body: str
    template_id: str
    template_version: int
    reference: str = ""
    subject: str = ""
    parts: int = 0
    encoding: SmsEncoding | None = None
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One move of a notification."""

    status: Status
    at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification. `body`, `subject` and `recipient` are empty once its retention is over."""

    id: str
    service_id: str
    type: NotificationType
    status: Status
    body: str
    subject: str
    template_id: str
    template_version: int
    reference: str
    recipient: str
    key_type: KeyType | None
    parts: int
    encoding: SmsEncoding | None
    created_at: datetime
    send_at: datetime | None
    sent_at: datetime | None
    completed_at: datetime | None
    provider: str
    provider_reference: str
    attempts: int
    status_reason: str
    history: tuple[StatusChange, ...]
    job_id: str
    job_row: int
    unconfirmed: bool
    complained_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A status change as `watch` yields it; give `resume_token` to go on after it."""

    notification_id: str
    type: NotificationType
    reference: str
    change: StatusChange
    resume_token: str


@dataclass(frozen=True, slots=True)
class StatisticsLine:
    """How many notifications of a day (UTC), template and type have a status."""

    day: str
    template_id: str
    type: NotificationType
    status: Status
    count: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which notifications to list: every condition given must hold. `created_before` is exclusive."""

    type: NotificationType | str | None = None
    statuses: Sequence[Status | str] = ()
    template_id: str = ""
    reference: str = ""
    job_id: str = ""
    created_from: datetime | None = None
    created_before: datetime | None = None
    recipient: str = ""


def day(value: date | str | None) -> str:
    """A day as calls have it: YYYY-MM-DD."""
    return value if isinstance(value, str) else value.isoformat() if value else ""
