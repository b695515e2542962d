"""What the platform team manages: services, their guests and keys; and templates, which services manage themselves, too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from octavo_client.values import KeyType, NotificationType, SmsEncoding


class UnconfirmedPolicy(StrEnum):
    """What becomes of a send that a provider may have without having said so: it fails, or it is sent again."""

    FAIL = "fail"
    RESEND = "resend"
    UNKNOWN = "unknown"


class ServiceSettings(TypedDict, total=False):
    """What can be set of a service. What is left out stays as it is, or takes its default in a new one.

    The first of `reply_to_addresses` and of `sms_senders` is the default. A daily limit of 0 sends none.
    """

    reply_to_addresses: Sequence[str]
    sms_senders: Sequence[str]
    sms_prefix: bool
    sms_daily_limit: int
    email_daily_limit: int
    rate_per_minute: int
    retention_days: int
    trial: bool
    suspended: bool
    unconfirmed_policy: UnconfirmedPolicy | str


@dataclass(frozen=True, slots=True)
class Service:
    """A service: a tenant, with its keys, templates and limits."""

    id: str
    name: str
    reply_to_addresses: tuple[str, ...]
    sms_senders: tuple[str, ...]
    sms_prefix: bool
    sms_daily_limit: int
    email_daily_limit: int
    rate_per_minute: int
    retention_days: int
    trial: bool
    suspended: bool
    unconfirmed_policy: UnconfirmedPolicy
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Guest:
    """A recipient that a trial service, or a team key, may write to."""

    recipient: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UnconfirmedSend:
    """A send that a provider may have, without a clear answer.

    `provider` is empty if its process died before it could say which. Unless a receipt comes, `policy` decides at `decided_at`.
    """

    notification_id: str
    service_id: str
    type: NotificationType
    provider: str
    reason: str
    unconfirmed_at: datetime
    policy: UnconfirmedPolicy
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `revoked_at` is None while it is in force, `last_used_at` if it was never used."""

    id: str
    service_id: str
    name: str
    type: KeyType
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key as it was made. `secret` is what clients send; it can't be shown again."""

    api_key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """A template in one of its versions. `subject` is empty for an SMS."""

    id: str
    service_id: str
    type: NotificationType
    name: str
    version: int
    subject: str
    body: str
    placeholders: tuple[str, ...]
    archived: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What a send would send, unless placeholders are missing. `parts` and `encoding` are of an SMS, the rest of an email."""

    body: str
    subject: str
    html: str
    plain: str
    parts: int
    encoding: SmsEncoding | None
    missing_placeholders: tuple[str, ...]
    template_version: int
