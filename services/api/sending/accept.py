"""Accepting: from a request to the message that goes to Kafka and the answer that goes to the client.

It asks nobody anything: what it needs of the world (service, template, time, randomness) is passed in.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from octavo.crypto import Hasher, Sealer
from octavo.domain import sms
from octavo.domain.errors import FailedPrecondition, Invalid, NotFound, Reason
from octavo.domain.ids import check_request_id, repeatable_id, text_of, uuid7
from octavo.domain.limits import MAX_REFERENCE, MAX_REFERENCE_BYTES, MOST_PERSONALISATION
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.recipient import PhoneNumber, Recipient, normalised, parse_email, parse_phone
from octavo.domain.template import Value, render_sms, render_subject, render_text
from octavo.domain.text import check_text, is_storable
from octavo.storage.columns import ENCODING, KEY_TYPE, TYPE, micros
from octavo.storage.directory import Service, TemplateHead, TemplateVersion
from octavo.topics import Outgoing, lane_of, to
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent
from octavo.v1.template_service_pb2 import PreviewTemplateRequest
from services.api.fields import check_choice, check_send_at, read_id, read_time, written_time

# What a test key sends goes nowhere: the same call with another key is another content.
_PURPOSES = {
    (True, False): b"sms",
    (False, False): b"email",
    (True, True): b"test sms",
    (False, True): b"test email",
}

SendRequest = pb.SendSmsRequest | pb.SendEmailRequest
SendResponse = pb.SendSmsResponse | pb.SendEmailResponse


class Wish(NamedTuple):
    """A request, read: all that can be checked without knowing the template."""

    request: SendRequest
    type: NotificationType
    service_id: bytes
    template_id: UUID
    recipient: Recipient
    recipient_hash: bytes
    personalisation: Mapping[str, Value]
    content_hash: bytes
    request_id: UUID | None
    id: UUID
    send_at: datetime | None


class Accepted(NamedTuple):
    """What is published, and what is answered once it is."""

    id: UUID
    type: NotificationType
    content_hash: bytes
    outgoing: Outgoing
    response: SendResponse


class Acceptance:
    """The rules of sending, with the keys that they need."""

    def __init__(self, sealer: Sealer, hasher: Hasher, hash_key: bytes, default_region: str) -> None:
        self._sealer = sealer
        self._hasher = hasher
        self._id_key = sha256(b"ids" + hash_key).digest()
        self._region = default_region

    def read(
        self,
        request: SendRequest,
        service: Service,
        key_type: KeyType,
        now: datetime,
        randomness: bytes,
    ) -> Wish:
        """The request, read. Raises Invalid that names the first field that breaks a rule which holds at any time."""
        template_id = _template_id(request.template_id)
        is_sms = isinstance(request, pb.SendSmsRequest)
        recipient: Recipient = (
            parse_phone(request.phone_number, self._region)
            if isinstance(request, pb.SendSmsRequest)
            else parse_email(request.email_address)
        )
        _check_reference(request.reference)
        personalisation = read_personalisation(request)
        send_at = read_time(request, "send_at")
        request_id = check_request_id(request.request_id, now) if request.request_id else None
        service_id = service.id.bytes
        return Wish(
            request=request,
            type=NotificationType.SMS if is_sms else NotificationType.EMAIL,
            service_id=service_id,
            template_id=template_id,
            recipient=recipient,
            recipient_hash=self._hasher.recipient(service_id, normalised(recipient)),
            personalisation=personalisation,
            # The request's own bytes, maps in the order of their keys: whatever differs is another content.
            content_hash=self._hasher.content(
                _PURPOSES[is_sms, key_type is KeyType.TEST],
                service_id,
                request.SerializeToString(deterministic=True),
            ),
            request_id=request_id,
            id=repeatable_id(request_id, service.id, self._id_key) if request_id else uuid7(now, randomness),
            send_at=send_at,
        )

    def accept(
        self,
        wish: Wish,
        service: Service,
        key_type: KeyType,
        version: TemplateVersion,
        now: datetime,
    ) -> Accepted:
        """The message and the answer. Raises Invalid if the template and the personalisation make no text to send."""
        notification_id = wish.id.bytes
        message = NotificationMessage(
            id=notification_id,
            service_id=wish.service_id,
            type=TYPE[wish.type],
            template_id=version.id_bytes,
            template_version=version.version,
            key_type=KEY_TYPE[key_type],
            sealed=self._seal(wish, service, notification_id),
            recipient_hash=wish.recipient_hash,
            content_hash=wish.content_hash,
            reference=wish.request.reference,
            created_at_micros=micros(now),
            send_at_micros=micros(wish.send_at) if wish.send_at else 0,
        )
        response = answer(wish, service, version)
        if isinstance(wish.request, pb.SendSmsRequest) and isinstance(response, pb.SendSmsResponse):
            message.sms_sender = wish.request.sms_sender
            message.parts = response.parts
            message.encoding = response.encoding
        elif isinstance(wish.request, pb.SendEmailRequest):
            message.reply_to = wish.request.reply_to
        topic = lane_of(wish.type, in_job=False).persist
        return Accepted(wish.id, wish.type, wish.content_hash, to(topic, message), response)

    def _seal(self, wish: Wish, service: Service, notification_id: bytes) -> bytes:
        recipient = wish.recipient.e164 if isinstance(wish.recipient, PhoneNumber) else wish.recipient.address
        content = SealedContent(notification_id=notification_id, recipient=recipient)
        # One by one: to copy the request's maps takes four times as long.
        for name, value in wish.personalisation.items():
            if isinstance(value, str):
                content.personalisation[name] = value
            else:
                content.personalisation_lists[name].values.extend(value)
        if wish.type is NotificationType.SMS:
            content.sms_prefix = service.prefix or ""
        return self._sealer.seal(content)


def check_first(wish: Wish, service: Service, now: datetime) -> None:
    """Asks what has to hold the first time only: when a call is repeated, its time may be past and its sender gone.

    Raises Invalid that names the first field that breaks a rule.
    """
    if isinstance(wish.request, pb.SendSmsRequest):
        check_choice(service, sms_sender=wish.request.sms_sender)
    else:
        check_choice(service, reply_to=wish.request.reply_to)
    check_send_at(wish.send_at, now)


def check_template(wish: Wish, service: Service, head: TemplateHead | None) -> TemplateHead:
    """The template, if it is one to send with. Raises NotFound, Invalid or FailedPrecondition."""
    if head is None or head.service_id != service.id:
        raise NotFound("template", field="template_id", reason=Reason.UNKNOWN_TEMPLATE)
    if head.type is not wish.type:
        raise Invalid.of(
            "template_id", Reason.WRONG_TEMPLATE_TYPE, f"the template is for {head.type}, not for {wish.type}"
        )
    if head.archived:
        raise FailedPrecondition(Reason.ARCHIVED_TEMPLATE, "the template is archived", field="template_id")
    return head


def answer(wish: Wish, service: Service, version: TemplateVersion) -> SendResponse:
    """What the client gets: the rendered text among it. Raises Invalid if there is no text to send."""
    if wish.type is NotificationType.SMS:
        body = render_sms(version.content, wish.personalisation, service.prefix)
        size = sms.fit(body)
        return pb.SendSmsResponse(
            id=text_of(wish.id.bytes),
            body=body,
            template_id=version.written_id,
            template_version=version.version,
            reference=wish.request.reference,
            parts=size.parts,
            encoding=ENCODING[size.encoding],
            send_at=written_time(wish.send_at),
        )
    return pb.SendEmailResponse(
        id=str(wish.id),
        body=render_text(version.content, wish.personalisation),
        subject=render_subject(version.subject, wish.personalisation) if version.subject else "",
        template_id=version.written_id,
        template_version=version.version,
        reference=wish.request.reference,
        send_at=written_time(wish.send_at),
    )


@lru_cache(maxsize=1_024)
def _template_id(text: str) -> UUID:
    return read_id("template_id", text)


def read_personalisation(request: SendRequest | PreviewTemplateRequest) -> dict[str, Value]:
    """The values by name. Raises Invalid that names a value which can't be stored, or their sum if it is too long."""
    # First, as it is what bounds all that follows.
    if request.ByteSize() > MOST_PERSONALISATION:
        raise Invalid.of(
            "personalisation", Reason.CONTENT_TOO_LONG, f"personalisation is longer than {MOST_PERSONALISATION:,} bytes"
        )
    # The names are asked for their values: what a map's items() gives is made in Python, and takes longer.
    texts = {name: request.personalisation[name] for name in request.personalisation}
    together = "".join([*texts, *texts.values()])
    if not is_storable(together):
        # One of them is at fault: only then is it worth while to look at each.
        for name, value in texts.items():
            check_text("personalisation", name)
            check_text(f"personalisation[{name}]", value)
    given: dict[str, Value] = {**texts}
    for name in request.personalisation_lists:
        values = list(request.personalisation_lists[name].values)
        check_text("personalisation_lists", name)
        check_text(f"personalisation_lists[{name}]", "".join(values))
        if name in given:
            raise Invalid.of(
                f"personalisation_lists[{name}]", Reason.INVALID_ARGUMENT, "the name has a single value, too"
            )
        given[name] = values
    return given


def _check_reference(reference: str) -> None:
    if not reference:
        return
    check_text("reference", reference, max_length=MAX_REFERENCE, reason=Reason.REFERENCE_TOO_LONG)
    if len(reference.encode()) > MAX_REFERENCE_BYTES:
        raise Invalid.of(
            "reference",
            Reason.REFERENCE_TOO_LONG,
            f"reference must have at most {MAX_REFERENCE_BYTES:,} bytes in UTF-8",
        )
