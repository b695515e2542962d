"""Every topic: its name, what it carries, its key, its partitions and how long it is kept.

The eight lane topics are fixed; the first of a lane carries what is to be persisted, the second what is to be sent.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from octavo.domain.errors import Malformed
from octavo.domain.notification import NotificationType
from octavo.v1.messages_pb2 import JobMessage, NotificationMessage, ReceiptMessage

M = TypeVar("M", bound=Message)

DEAD_SUFFIX = ".dead"


class Outgoing(NamedTuple):
    """A message to publish: what a handler returns instead of holding a producer."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Topic(Generic[M]):
    """A topic and what travels on it."""

    name: str
    message: type[M]
    key: Callable[[M], bytes]
    consumer: str
    """The service that reads it, in a consumer group of this topic alone."""
    partitions: int = 8
    retention: timedelta = field(default=timedelta(days=7))
    spread: bool = False
    """Whether records of one key may go to different partitions: what is published at once then goes to one, as one batch."""

    @property
    def dead(self) -> str:
        """The topic of its records that can't be handled."""
        return self.name + DEAD_SUFFIX

    @property
    def group(self) -> str:
        """Its consumer group."""
        return f"{self.consumer}.{self.name}"

    def decode(self, value: bytes | None) -> M:
        """The message in a record's value. Raises Malformed if it is not one."""
        if not value:
            raise Malformed(f"{self.name}: the record has no value")
        try:
            return self.message.FromString(value)
        except DecodeError as error:
            raise Malformed(f"{self.name}: the value is no {self.message.DESCRIPTOR.name}") from error


def _id_of_notification(message: NotificationMessage) -> bytes:
    return message.id


def _id_of_job(message: JobMessage) -> bytes:
    return message.job_id


def _subject_of_receipt(message: ReceiptMessage) -> bytes:
    return message.notification_id or message.provider_reference.encode()


DB_SMS = Topic("db-sms", NotificationMessage, _id_of_notification, "persister", spread=True)
DB_EMAIL = Topic("db-email", NotificationMessage, _id_of_notification, "persister", spread=True)
SEND_SMS = Topic("send-sms", NotificationMessage, _id_of_notification, "dispatcher", spread=True)
SEND_EMAIL = Topic("send-email", NotificationMessage, _id_of_notification, "dispatcher", spread=True)
BULK_SMS = Topic("bulk-sms", NotificationMessage, _id_of_notification, "persister", spread=True)
BULK_EMAIL = Topic("bulk-email", NotificationMessage, _id_of_notification, "persister", spread=True)
SMS = Topic("sms", NotificationMessage, _id_of_notification, "dispatcher", spread=True)
EMAIL = Topic("email", NotificationMessage, _id_of_notification, "dispatcher", spread=True)
JOBS = Topic("jobs", JobMessage, _id_of_job, "persister")
RECEIPTS = Topic("receipts", ReceiptMessage, _subject_of_receipt, "callbacks", spread=True)

ALL: tuple[Topic[Message], ...] = (
    DB_SMS, DB_EMAIL, SEND_SMS, SEND_EMAIL, BULK_SMS, BULK_EMAIL, SMS, EMAIL, JOBS, RECEIPTS,
)  # type: ignore[assignment]  # fmt: skip
BY_NAME = {topic.name: topic for topic in ALL}


@dataclass(frozen=True, slots=True)
class Lane:
    """One way through Octavo: from the topic of what is to be persisted to the topic of what is to be sent."""

    origin: str
    type: NotificationType
    persist: Topic[NotificationMessage]
    send: Topic[NotificationMessage]


LANES = (
    Lane("api", NotificationType.SMS, DB_SMS, SEND_SMS),
    Lane("api", NotificationType.EMAIL, DB_EMAIL, SEND_EMAIL),
    Lane("csv", NotificationType.SMS, BULK_SMS, SMS),
    Lane("csv", NotificationType.EMAIL, BULK_EMAIL, EMAIL),
)


def by_use(lanes: Iterable[Lane]) -> dict[tuple[NotificationType, bool], Lane]:
    """Lanes by their type, and whether the rows of jobs take them. Raises ValueError if two would be taken by the same."""
    found: dict[tuple[NotificationType, bool], Lane] = {}
    for lane in lanes:
        if found.setdefault((lane.type, lane.origin == "csv"), lane) is not lane:
            raise ValueError(f"what takes the lane to {lane.persist.name} takes another one already")
    return found


_LANE_OF = by_use(LANES)


def spreads(name: str) -> bool:
    """Whether the records of this topic may go to any partition. Others, such as dead letters, go by their keys."""
    return name in BY_NAME and BY_NAME[name].spread


def lane_of(notification_type: NotificationType, *, in_job: bool) -> Lane:
    """The lane of a notification: the CSV lane for the row of a job, else the API lane."""
    return _LANE_OF[notification_type, in_job]


def to(topic: Topic[M], message: M, headers: tuple[tuple[str, bytes], ...] = ()) -> Outgoing:
    """A message for a topic, keyed as the topic says."""
    return Outgoing(topic.name, topic.key(message), message.SerializeToString(), headers)


def names() -> Iterator[str]:
    """Every topic name, the dead-letter topics too."""
    for topic in ALL:
        yield topic.name
        yield topic.dead
