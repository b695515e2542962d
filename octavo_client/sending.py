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
    """The fields `personalisation` and `personalisation_lists` of a request.

    Raises TypeError, naming the placeholder, for what is neither a text nor a list of texts: None, say, would be sent as nothing.
    """
    texts: dict[str, str] = {}
    lists: dict[str, Any] = {}
    for name, value in personalisation.items():
        if isinstance(value, str):
            texts[name] = value
        elif isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
            lists[name] = notification_pb2.TextList(values=value)
        else:
            raise TypeError(f"personalisation[{name!r}] must be a text or a list of texts, not {_kind(value)}")
    return {"personalisation": texts, "personalisation_lists": lists}


def _kind(value: object) -> str:
    """What a value is, without what it says."""
    if isinstance(value, list | tuple):
        others = sorted({type(item).__name__ for item in value} - {"str"})
        return f"a {type(value).__name__} with {', '.join(others)}"
    return type(value).__name__
