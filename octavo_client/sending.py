"""Requests that send, and the results of a batch."""

from collections.abc import Iterator, Sequence
from typing import Any

from octavo.v1 import notification_pb2
from octavo.v1 import notification_service_pb2 as pb
from octavo_client.details import of_status
from octavo_client.errors import OctavoError
from octavo_client.reading import read, timestamp
from octavo_client.values import Email, NotificationType, Personalisation, Sent, Sms

MOST_ITEMS = 500
MOST_BYTES = 3_500_000
"""Octavo takes 4 MiB in a request; the lengths and tags around the items need some of it."""


def sms(message: Sms) -> pb.SendSmsRequest:
    """The request of a text message."""
    return pb.SendSmsRequest(
        template_id=message.template_id,
        phone_number=message.to,
        reference=message.reference,
        request_id=message.request_id,
        send_at=timestamp(message.send_at),
        sms_sender=message.sender,
        **placeholders(message.personalisation),
    )


def email(message: Email) -> pb.SendEmailRequest:
    """The request of an email."""
    return pb.SendEmailRequest(
        template_id=message.template_id,
        email_address=message.to,
        reference=message.reference,
        request_id=message.request_id,
        send_at=timestamp(message.send_at),
        reply_to=message.reply_to,
        **placeholders(message.personalisation),
    )


def batches(messages: Sequence[Sms | Email]) -> Iterator[pb.SendBatchRequest]:
    """The requests of any number of messages, in their order: each with as many as a server takes."""
    some: list[pb.BatchItem] = []
    size = 0
    for message in messages:
        item = pb.BatchItem(sms=sms(message)) if isinstance(message, Sms) else pb.BatchItem(email=email(message))
        item_size = item.ByteSize()
        if some and (len(some) == MOST_ITEMS or size + item_size > MOST_BYTES):
            yield pb.SendBatchRequest(items=some)
            some, size = [], 0
        some.append(item)
        size += item_size
    if some:
        yield pb.SendBatchRequest(items=some)


def result(item: pb.BatchResult) -> Sent | OctavoError:
    """What became of one message of a batch."""
    kind = item.WhichOneof("result")
    if kind == "sms":
        return read(Sent, item.sms, type=NotificationType.SMS)
    if kind == "email":
        return read(Sent, item.email, type=NotificationType.EMAIL)
    return of_status(item.error)


def placeholders(personalisation: Personalisation) -> dict[str, Any]:
    """The fields `personalisation` and `personalisation_lists` of a request. Raises TypeError for a value of another type."""
    return {
        "personalisation": {name: value for name, value in personalisation.items() if isinstance(value, str)},
        "personalisation_lists": {
            name: notification_pb2.TextList(values=value)
            for name, value in personalisation.items()
            if not isinstance(value, str)
        },
    }
