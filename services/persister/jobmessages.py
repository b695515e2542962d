"""Rows of a CSV job as messages: sealed, with an id that is a pure function of job and row."""

from octavo.crypto import Hasher, Sealer
from octavo.domain.ids import row_id
from octavo.domain.jobrow import Sendable
from octavo.domain.notification import NotificationType
from octavo.domain.recipient import PhoneNumber, normalised
from octavo.storage.columns import ENCODING, KEY_TYPE, TYPE, micros
from octavo.storage.jobqueue import ClaimedJob
from octavo.topics import Outgoing, lane_of, to
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent


class RowSealer:
    """Makes the messages of one job."""

    def __init__(self, job: ClaimedJob, sealer: Sealer, hasher: Hasher, prefix: str | None) -> None:
        self._job = job
        self._prefix = prefix or ""
        self._sealer = sealer
        self._hasher = hasher
        self._topic = lane_of(job.notification_type, in_job=True).persist
        # What all rows have in common.
        self._common = NotificationMessage(
            service_id=job.service_id.bytes,
            type=TYPE[job.notification_type],
            template_id=job.template_id.bytes,
            template_version=job.template_version,
            key_type=KEY_TYPE[job.key_type],
            created_at_micros=micros(job.created_at),
            send_at_micros=micros(job.send_at) if job.send_at else 0,
            reply_to=job.reply_to,
            sms_sender=job.sms_sender,
            job_id=job.id.bytes,
        )

    def message(self, row: Sendable) -> Outgoing:
        """The message of a row, for the CSV lane. The same row gives the same id and the same content hash."""
        notification_id = row_id(self._job.id, row.row).bytes
        recipient = row.recipient.e164 if isinstance(row.recipient, PhoneNumber) else row.recipient.address
        content = SealedContent(
            notification_id=notification_id, recipient=recipient, personalisation=row.personalisation
        )
        service_id = self._job.service_id.bytes
        message = NotificationMessage()
        message.CopyFrom(self._common)
        message.id = notification_id
        message.job_row = row.row
        message.recipient_hash = self._hasher.recipient(service_id, normalised(row.recipient))
        # Before the prefix: a row that is read again is the same row, whatever its service is called by then.
        message.content_hash = self._hasher.content(b"row", service_id, content.SerializeToString(deterministic=True))
        if self._job.notification_type is NotificationType.SMS:
            content.sms_prefix = self._prefix
        message.sealed = self._sealer.seal(content)
        if row.size is not None:
            message.parts = row.size.parts
            message.encoding = ENCODING[row.size.encoding]
        return to(self._topic, message)
