"""How Octavo's values lie in the database, and how rows become messages again."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row

# Offered here, too: who writes rows and messages needs them beside the rest.
from octavo.domain.moment import instant as instant  # noqa: PLC0414 - says that it is offered
from octavo.domain.moment import micros as micros  # noqa: PLC0414
from octavo.domain.notification import KeyType, NotificationType, Status
from octavo.domain.sms import Encoding
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage

STATUS: dict[Status, pb.NotificationStatus] = {
    Status(name.removeprefix("NOTIFICATION_STATUS_").lower().replace("_", "-")): pb.NotificationStatus.Value(name)  # type: ignore[misc]
    for name in pb.NotificationStatus.keys()  # noqa: SIM118 - an enum wrapper is no mapping
    if not name.endswith("UNSPECIFIED")
}
TYPE = {NotificationType.SMS: pb.NOTIFICATION_TYPE_SMS, NotificationType.EMAIL: pb.NOTIFICATION_TYPE_EMAIL}
KEY_TYPE = {KeyType.LIVE: pb.KEY_TYPE_LIVE, KeyType.TEAM: pb.KEY_TYPE_TEAM, KeyType.TEST: pb.KEY_TYPE_TEST}
ENCODING = {Encoding.GSM7: pb.SMS_ENCODING_GSM7, Encoding.UCS2: pb.SMS_ENCODING_UCS2}

STATUS_OF = {number: status for status, number in STATUS.items()}
TYPE_OF = {number: kind for kind, number in TYPE.items()}
KEY_TYPE_OF = {number: kind for kind, number in KEY_TYPE.items()}


def texts(ids: Collection[UUID]) -> list[str]:
    """Ids as they go into an array."""
    return [str(one) for one in ids]


# What a row needs to become a message again.
MESSAGE_COLUMNS = (
    "n.id, n.service_id, n.notification_type, n.template_id, n.template_version, n.key_type, n.sealed, n.recipient_hash, "
    "n.content_hash, n.reference, n.created_at, n.send_at, n.reply_to, n.sms_sender, n.job_id, n.job_row, n.parts, n.encoding"
)


def message_of(row: Row[Any]) -> NotificationMessage:
    """The message of a row that was selected with MESSAGE_COLUMNS."""
    return NotificationMessage(
        id=row.id.bytes,
        service_id=row.service_id.bytes,
        type=TYPE[NotificationType(row.notification_type)],
        template_id=row.template_id.bytes,
        template_version=row.template_version,
        key_type=KEY_TYPE[KeyType(row.key_type)],
        sealed=bytes(row.sealed or b""),
        recipient_hash=bytes(row.recipient_hash or b""),
        content_hash=bytes(row.content_hash),
        reference=row.reference or "",
        created_at_micros=micros(row.created_at),
        send_at_micros=micros(row.send_at) if row.send_at else 0,
        reply_to=row.reply_to,
        sms_sender=row.sms_sender,
        job_id=row.job_id.bytes if row.job_id else b"",
        job_row=row.job_row or 0,
        parts=row.parts,
        encoding=row.encoding,
    )
