"""Accepting: from what a request asks for to the message that goes to Kafka and the answer that goes to the client.

It asks nobody anything: what it needs of the world (service, template, time) is passed in.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from octavo.crypto import Sealer, sms_prefix_of
from octavo.domain import sms
from octavo.domain.errors import FailedPrecondition, Invalid, Malformed, NotFound, Reason
from octavo.domain.ids import text_of
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.recipient import PhoneNumber
from octavo.domain.template import render_sms, render_subject, render_text
from octavo.storage.columns import ENCODING, KEY_TYPE, TYPE, micros
from octavo.storage.directory import Service, TemplateHead, TemplateVersion
from octavo.topics import Outgoing, lane_of, to
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent
from services.api.fields import written_time
from services.api.sending.wish import Wish

SendResponse = pb.SendSmsResponse | pb.SendEmailResponse


class Accepted(NamedTuple):
    """What is published, and what is answered once it is."""

    id: UUID
    type: NotificationType
    content_hash: bytes
    outgoing: Outgoing
    response: SendResponse


class Acceptance:
    """Makes messages of what is wished for, and seals them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

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
        request, prefix = wish.request, service.prefix
        message = NotificationMessage(
            id=notification_id,
            service_id=wish.service_id,
            type=TYPE[wish.type],
            template_id=version.id_bytes,
            template_version=version.version,
            key_type=KEY_TYPE[key_type],
            sealed=self._seal(wish, prefix, notification_id),
            recipient_hash=wish.recipient_hash,
            content_hash=wish.content_hash,
            reference=request.reference,
            created_at_micros=micros(now),
        )
        if wish.send_at is not None:
            message.send_at_micros = micros(wish.send_at)
        response = answer(wish, prefix, version)
        if isinstance(request, pb.SendSmsRequest) and isinstance(response, pb.SendSmsResponse):
            message.sms_sender = request.sms_sender
            message.parts = response.parts
            message.encoding = response.encoding
        elif isinstance(request, pb.SendEmailRequest):
            message.reply_to = request.reply_to
        topic = lane_of(wish.type, in_job=False).persist
        return Accepted(wish.id, wish.type, wish.content_hash, to(topic, message), response)

    def prefix_of(self, notification_id: UUID, sealed: bytes | None, service: Service) -> str | None:
        """What stood before a text when it was accepted; what stands there now, where nobody can tell any more."""
        try:
            content = self._sealer.open(notification_id.bytes, sealed) if sealed is not None else SealedContent()
        except Malformed:
            # Its key is missing: the row's own worker says so.
            content = SealedContent()
        return sms_prefix_of(content, service.prefix)

    def _seal(self, wish: Wish, prefix: str | None, notification_id: bytes) -> bytes:
        content = SealedContent(notification_id=notification_id)
        if isinstance(wish.recipient, PhoneNumber):
            content.recipient = wish.recipient.e164
            content.sms_prefix = prefix or ""
        else:
            content.recipient = wish.recipient.address
        # One by one: to copy the request's maps takes four times as long.
        texts = content.personalisation
        for name, value in wish.personalisation.items():
            if isinstance(value, str):
                texts[name] = value
            else:
                content.personalisation_lists[name].values.extend(value)
        return self._sealer.seal(content)


def check_template(wish: Wish, service: Service, head: TemplateHead | None) -> TemplateHead:
    """The template, if it is one to send with. Raises NotFound, Invalid or FailedPrecondition."""
    # By their integers: to compare UUIDs is a call.
    if head is None or head.service_id.int != service.id.int:
        raise NotFound("template", field="template_id", reason=Reason.UNKNOWN_TEMPLATE)
    if head.type is not wish.type:
        raise Invalid.of(
            "template_id", Reason.WRONG_TEMPLATE_TYPE, f"the template is for {head.type}, not for {wish.type}"
        )
    if head.archived:
        raise FailedPrecondition(Reason.ARCHIVED_TEMPLATE, "the template is archived", field="template_id")
    return head


def answer(wish: Wish, prefix: str | None, version: TemplateVersion) -> SendResponse:
    """What the client gets: the rendered text among it. Raises Invalid if there is no text to send."""
    if wish.type is NotificationType.SMS:
        body = render_sms(version.content, wish.personalisation, prefix)
        size = sms.fit(body, prefix)
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
