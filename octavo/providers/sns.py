"""Amazon SNS as a way for receipts: who may post, what is verified in which order, and the life of a subscription.

The cheap rules come first and the signature last, so that a message which breaks any of them has nothing fetched for it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import Field, field_validator

from octavo.config import Settings, split
from octavo.domain.errors import Unavailable
from octavo.providers.sns_certificates import Addresses, Certificates
from octavo.providers.sns_envelope import Envelope, Forged, Kind, Refusal, read

log = structlog.get_logger()

MAX_AGE = timedelta(hours=1)
"""Older messages are refused (AWS itself retries for an hour by default)."""
MAX_AHEAD = timedelta(minutes=5)
REMEMBERED = 100_000
"""Message ids in each of two generations: some 15 MB each at most."""
_TOPIC_ARN = re.compile(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", re.ASCII)


class SnsSettings(Settings):
    """Receipts that come by SNS."""

    aws_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d{1,2}$", description="Region of SES and SNS, as eu-west-1.")
    sns_topic_arns: str = Field(min_length=1, description="SNS topics that may send receipts: ARNs, comma-separated.")
    sns_certificate_file: Path | None = Field(
        default=None,
        description="For the stack of one machine only: the certificate (PEM) trusted in place of those of AWS.",
    )

    @field_validator("sns_topic_arns")
    @classmethod
    def _arns(cls, value: str) -> str:
        if not split(value) or not all(_TOPIC_ARN.fullmatch(arn) for arn in split(value)):
            raise ValueError("needs ARNs of SNS topics, as arn:aws:sns:eu-west-1:123456789012:name")
        return value

    @field_validator("sns_certificate_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None


class Seen:
    """Message ids taken of late: kept for as long as their message could be replayed, in bounded memory.

    Two generations, the older of which is dropped when the younger is full or old. What is forgotten too early, or taken by
    another process, does no harm when it comes again: all that follows is repeatable.
    """

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._young: set[str] = set()
        self._old: set[str] = set()
        self._since: datetime | None = None

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._young or message_id in self._old

    def add(self, message_id: str, now: datetime) -> None:
        """Remembers an id."""
        if self._since is None:
            self._since = now
        if len(self._young) >= self._capacity or now - self._since > MAX_AGE + MAX_AHEAD:
            self._old, self._young, self._since = self._young, set(), now
        self._young.add(message_id)


Confirm = Callable[[str, str], Awaitable[None]]
"""Confirms the subscription of a topic by its token; raises Unavailable if AWS does not answer."""


class SnsInbox:
    """Takes messages of the allowed topics of one region."""

    def __init__(
        self, region: str, topic_arns: Collection[str], certificates: Certificates, confirm: Confirm | None = None
    ) -> None:
        self._addresses = Addresses.of_region(region)
        self._topic_arns = frozenset(topic_arns)
        self._certificates = certificates
        self._confirm = confirm or Confirmation(region)
        self._seen = Seen()

    async def take(self, body: bytes, now: datetime) -> Envelope:
        """The verified message in a request's body.

        Raises Forged if it breaks a rule, and Unavailable if its certificate can't be had now.
        """
        envelope = read(body)
        self._check(envelope, now)
        certificate = await self._certificates.at(envelope.certificate_url)
        certificate.verify(envelope, now)
        return envelope

    def done(self, envelope: Envelope, now: datetime) -> None:
        """Says that the message did all it should, durably: from now on it is a replay."""
        self._seen.add(envelope.message_id, now)

    async def follow(self, envelope: Envelope) -> None:
        """What a confirmation asks for: a subscription to an allowed topic is confirmed through the AWS API.

        Raises Unavailable if AWS does not answer.
        """
        if envelope.kind is Kind.SUBSCRIPTION:
            await self._confirm(envelope.topic_arn, envelope.token)
            log.info("SNS subscription confirmed", topic_arn=envelope.topic_arn)
        elif envelope.kind is Kind.UNSUBSCRIPTION:
            # Not subscribed again by itself: only people know whether it was meant.
            log.error("SNS UNSUBSCRIBED: no more receipts come from this topic", topic_arn=envelope.topic_arn)

    def _check(self, envelope: Envelope, now: datetime) -> None:
        if envelope.topic_arn not in self._topic_arns:
            raise Forged(Refusal.FOREIGN_TOPIC)
        if now - envelope.at > MAX_AGE:
            raise Forged(Refusal.STALE)
        if envelope.at - now > MAX_AHEAD:
            raise Forged(Refusal.FUTURE)
        if not self._addresses.certificate.fullmatch(envelope.certificate_url):
            raise Forged(Refusal.CERTIFICATE_URL)
        if envelope.kind is not Kind.NOTIFICATION and not self._addresses.subscription.fullmatch(
            envelope.subscribe_url
        ):
            raise Forged(Refusal.SUBSCRIBE_URL)
        if envelope.message_id in self._seen:
            raise Forged(Refusal.REPLAYED)


class Confirmation:
    """Confirms subscriptions through boto3, in a thread: it happens once in the life of a topic."""

    def __init__(self, region: str) -> None:
        self._region = region

    async def __call__(self, topic_arn: str, token: str) -> None:
        """Confirms one; who wants to end it later has to be authenticated."""
        await asyncio.to_thread(self._confirm, topic_arn, token)

    def _confirm(self, topic_arn: str, token: str) -> None:
        # Loaded when it is needed: it takes more memory than all the rest of the receiver.
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        settings = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
        try:
            client = boto3.client("sns", region_name=self._region, config=settings)
            client.confirm_subscription(TopicArn=topic_arn, Token=token, AuthenticateOnUnsubscribe="true")
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"AWS did not confirm: {type(error).__name__}") from None
