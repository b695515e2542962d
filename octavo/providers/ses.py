"""Amazon SES: email. Its client, through boto3, and its receipts: events inside SNS messages, which sns.py verifies."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import formataddr
from ssl import SSLCertVerificationError
from types import MappingProxyType
from typing import Any
from uuid import UUID

from botocore import exceptions
from botocore.config import Config
from pydantic import Field

from octavo.config import Settings
from octavo.domain.notification import NotificationType, Status
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.providers import EmailMessage, ReceiptRequest, TextMessage
from octavo.providers.http import GATEWAY_FAILED, TOO_MANY_REQUESTS, TOTAL_SECONDS, retry_after
from octavo.providers.receipt import code, message, unknown_status, unreadable, usable
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "ses"
TAG = "notification_id"
"""The email tag that carries our reference: SES hands it back in every event."""

CONNECT_SECONDS = 4.0
SERVER_FAILED = 500
BAD_REQUEST = 400

_NEVER_SENT = (
    exceptions.EndpointConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyConnectionError,
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.InvalidEndpointDiscoveryConfigurationError,
)
# SES says what is wrong in words; these name the recipient's address.
_OF_THE_RECIPIENT = re.compile(
    r"illegal address|invalid.*(recipient|destination|address)|address.*(invalid|blacklisted)", re.IGNORECASE
)
_NOT_VERIFIED = re.compile(r"not verified", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class SesSettings(Settings):
    """Amazon SES."""

    aws_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d{1,2}$", description="Region of SES, as eu-west-1.")
    ses_endpoint_url: str | None = Field(default=None, description="Address of SES, where it is not the region's own.")
    ses_configuration_set: str = Field(default="", description="Configuration set whose events come back as receipts.")
    ses_threads: int = Field(default=256, ge=1, le=1000, description="Emails that a lane offers to SES at once.")
    email_from: str = Field(
        pattern=r"^[^@\s<>,;:\"]+@[A-Za-z0-9.-]+$", description="Address that emails come from; SES must know it."
    )


class Ses:
    """The client of SES. boto3 blocks, so each call has a thread of a pool of its own."""

    name = NAME
    type = NotificationType.EMAIL
    # SES has no token of idempotency.

    def __init__(self, settings: SesSettings, in_flight: int, total_seconds: float = TOTAL_SECONDS) -> None:
        # Who only reads receipts does without it, and without its memory.
        import boto3

        threads = self.at_once = min(in_flight, settings.ses_threads)
        self._settings = settings
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ses")
        self._client = boto3.client(
            "sesv2",
            region_name=settings.aws_region,
            endpoint_url=settings.ses_endpoint_url,
            config=Config(
                connect_timeout=min(CONNECT_SECONDS, total_seconds),
                read_timeout=total_seconds,
                max_pool_connections=threads,
                # botocore's own retries can send an email twice.
                retries={"total_max_attempts": 1, "mode": "standard"},
            ),
        )

    async def send(self, message: TextMessage | EmailMessage) -> Outcome:
        """Offers an email, once."""
        if not isinstance(message, EmailMessage):
            raise TypeError("SES sends email")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._offer, message)

    async def close(self) -> None:
        """Ends its threads and connections."""
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()

    def send_email(
        self,
        *,
        reference: UUID,
        from_address: str,
        to_address: str,
        subject: str,
        plain: str,
        html: str,
        reply_to_address: str | None,
    ) -> str:
        """Sends one email with both forms of its body; returns SES's message id. Raises what botocore raises."""
        given: dict[str, Any] = {
            "FromEmailAddress": from_address,
            "Destination": {"ToAddresses": [to_address]},
            # SES writes the headers itself from these values, so none of them can add another.
            "Content": {
                "Simple": {
                    "Subject": _text(subject),
                    "Body": {"Text": _text(plain), "Html": _text(html)},
                }
            },
            "EmailTags": [{"Name": TAG, "Value": str(reference)}],
        }
        if reply_to_address:
            given["ReplyToAddresses"] = [reply_to_address]
        if self._settings.ses_configuration_set:
            given["ConfigurationSetName"] = self._settings.ses_configuration_set
        return str(self._client.send_email(**given)["MessageId"])

    def _offer(self, message: EmailMessage) -> Outcome:
        try:
            message_id = self.send_email(
                reference=message.reference,
                from_address=_mailbox(message.from_name, self._settings.email_from),
                to_address=message.to.address,
                subject=_CONTROLS.sub(" ", message.subject),
                plain=message.plain,
                html=message.html,
                reply_to_address=message.reply_to_address,
            )
        except exceptions.ClientError as error:
            return _refused(error)
        except _NEVER_SENT as error:
            return Temporary(f"no connection: {type(error).__name__}")
        except exceptions.SSLError as error:
            # Of a certificate: before anything went out. Any other may come while the answer is read, and SES have the email.
            kind = Temporary if _of_a_certificate(error) else Uncertain
            return kind(f"no connection: {type(error).__name__}")
        except exceptions.ParamValidationError:
            return Permanent("not a request that SES takes", Status.TECHNICAL_FAILURE)
        except (exceptions.BotoCoreError, OSError, KeyError, ValueError) as error:
            # A time-out or a broken connection after the request went out, or an answer that can't be read (one that is not
            # in UTF-8 ends in a ValueError).
            return Uncertain(f"no clear answer: {type(error).__name__}")
        return Accepted(message_id)


def _of_a_certificate(error: BaseException | None) -> bool:
    """Whether TLS failed because the other side's certificate is not trusted: something among the causes says so."""
    while error is not None:
        if any(isinstance(one, SSLCertVerificationError) for one in (error, *error.args)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _refused(error: exceptions.ClientError) -> Outcome:
    """What an answer that is an error means: SES itself gives none of them once it has accepted an email."""
    metadata = error.response.get("ResponseMetadata", {})
    given = error.response.get("Error", {})
    status, name = int(metadata.get("HTTPStatusCode", 0)), code(given.get("Code"))
    reason = f"ses {status} {name}".strip()
    words = str(given.get("Message", ""))
    if name == "MessageRejected" and _NOT_VERIFIED.search(words):
        # The sender's identity, or an account that may write to its own addresses only: operators can correct both in time.
        return Temporary(reason)
    if status == BAD_REQUEST and name in {"BadRequestException", "MessageRejected", "InvalidParameterValue"}:
        of_the_recipient = _OF_THE_RECIPIENT.search(words)
        return Permanent(reason, Status.PERMANENT_FAILURE if of_the_recipient else Status.TECHNICAL_FAILURE)
    if status in GATEWAY_FAILED:
        return Uncertain(reason)
    if status == TOO_MANY_REQUESTS or status >= SERVER_FAILED:
        return Temporary(reason, retry_after(metadata.get("HTTPHeaders", {}).get("retry-after")))
    # Credentials, a paused or unverified account, a missing configuration set: operators can correct these in time.
    return Temporary(reason)


def _text(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}


def _mailbox(name: str, address: str) -> str:
    """`name <address>`, with the name quoted or encoded as RFC 5322 and 2047 want it."""
    return formataddr((_CONTROLS.sub(" ", name).strip(), address))


BOUNCES: Mapping[str, Status] = MappingProxyType({"Permanent": Status.PERMANENT_FAILURE})
"""The type of a bounce; any other is a temporary failure (facts of the field)."""

EVENTS: Mapping[str, Status | None] = MappingProxyType(
    {
        "Delivery": Status.DELIVERED,
        "Bounce": Status.TEMPORARY_FAILURE,
        "Complaint": None,
        # SES gave up before it tried: a virus, or a rendering that failed.
        "Reject": Status.TECHNICAL_FAILURE,
        "Rendering Failure": Status.TECHNICAL_FAILURE,
    }
)
"""The type of an event. A complaint is recorded, and the status stays."""

SILENT = frozenset({"Send", "Open", "Click", "DeliveryDelay", "Subscription"})
"""Events that tell nothing about the end of an email."""


class SesReceipts:
    """Receipts of SES: the event inside an SNS message whose signature has been verified."""

    name = NAME

    def authenticate(self, request: ReceiptRequest) -> None:
        """The envelope's signature says where it comes from; there is nothing left to check."""

    def parse(self, request: ReceiptRequest) -> Sequence[ReceiptMessage]:
        """The receipts of an event in JSON. Raises Invalid if it can't be read."""
        try:
            event = json.loads(request.body)
        except (ValueError, RecursionError):
            raise unreadable(NAME, "is no JSON") from None
        if not isinstance(event, dict):
            raise unreadable(NAME, "is no event")
        return receipts_of_event(event, request.received_at)


def receipts_of_event(event: Mapping[str, Any], received_at: datetime) -> list[ReceiptMessage]:
    """The receipt in an event; none in one that tells nothing about the end. Raises Invalid if it can't be read."""
    # Events say eventType, notifications of the older kind notificationType.
    kind = event.get("eventType") or event.get("notificationType")
    mail = event.get("mail")
    if not isinstance(kind, str) or not isinstance(mail, dict):
        raise unreadable(NAME, "has no type or no mail")
    if kind in SILENT:
        return []
    details = event.get(kind.lower())
    details = details if isinstance(details, dict) else {}
    made = message(
        NAME,
        _reference(mail),
        _status(kind, details),
        _reason(kind, details),
        received_at,
        occurred_at=_time(details.get("timestamp")),
        complaint=kind == "Complaint",
    )
    message_id = mail.get("messageId")
    if not made.provider_reference and isinstance(message_id, str) and usable(message_id):
        made.provider_reference = message_id
    return [made]


def _status(kind: str, details: Mapping[str, Any]) -> Status | None:
    if kind not in EVENTS:
        return unknown_status(NAME)
    status = EVENTS[kind]
    return BOUNCES.get(code(details.get("bounceType")), status) if kind == "Bounce" else status


def _reason(kind: str, details: Mapping[str, Any]) -> str:
    """Codes alone: diagnostic texts hold addresses."""
    if kind == "Delivery":
        return ""
    words = {
        "Bounce": (details.get("bounceType"), details.get("bounceSubType"), _enhanced_status(details)),
        "Complaint": (details.get("complaintFeedbackType"),),
    }.get(kind, ())
    return " ".join(filter(None, [kind.lower(), *map(code, words)]))


def _enhanced_status(details: Mapping[str, Any]) -> object:
    """The enhanced status code (RFC 3463) of the first recipient, as 5.1.1; we send to one recipient at a time."""
    bounced = details.get("bouncedRecipients")
    first = bounced[0] if isinstance(bounced, list) and bounced else None
    return first.get("status") if isinstance(first, dict) else None


def _reference(mail: Mapping[str, Any]) -> str:
    """Our own tag, or else the message id that SES gave."""
    tags = mail.get("tags")
    tagged = tags.get(TAG) if isinstance(tags, dict) else None
    if isinstance(tagged, list) and tagged and isinstance(tagged[0], str) and tagged[0]:
        return tagged[0]
    message_id = mail.get("messageId")
    return message_id if isinstance(message_id, str) else ""


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
