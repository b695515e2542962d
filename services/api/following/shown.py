"""A row as its service sees it: opened, and its text rendered again as it was when it was accepted."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Row

from octavo.crypto import Sealer, personalisation_of, sms_prefix_of
from octavo.domain.errors import Malformed
from octavo.domain.notification import KeyType, NotificationType, Status
from octavo.domain.template import render_sms, render_subject, render_text
from octavo.storage.columns import KEY_TYPE, STATUS, TYPE
from octavo.storage.directory import Directory, Service
from octavo.v1 import notification_pb2 as pb
from services.api.fields import written_time

log = structlog.get_logger()


class Shown:
    """Turns rows into notifications. It opens what is sealed and may ask the directory: not for the event loop."""

    def __init__(self, sealer: Sealer, directory: Directory) -> None:
        self._sealer = sealer
        self._directory = directory

    def notification(self, row: Row[Any], service: Service, moves: Sequence[Row[Any]] = ()) -> pb.Notification:
        """The notification of a row. Body and recipient are empty once they are erased, or if no key opens them."""
        shown = pb.Notification(
            id=str(row.id),
            service_id=str(row.service_id),
            type=TYPE[NotificationType(row.notification_type)],
            status=STATUS[Status(row.status)],
            template_id=str(row.template_id),
            template_version=row.template_version,
            reference=row.reference or "",
            key_type=KEY_TYPE[KeyType(row.key_type)],
            parts=row.parts,
            encoding=row.encoding,
            created_at=written_time(row.created_at),
            send_at=written_time(row.send_at),
            sent_at=written_time(row.sent_at),
            completed_at=written_time(row.completed_at),
            provider=row.provider or "",
            provider_reference=row.provider_reference or "",
            attempts=row.attempts,
            status_reason=row.status_reason,
            job_id=str(row.job_id) if row.job_id else "",
            job_row=row.job_row or 0,
            unconfirmed=row.unconfirmed_at is not None,
            complained_at=written_time(row.complained_at),
            history=[change(move) for move in moves],
        )
        if row.sealed is not None:
            self._open(row, service, shown)
        return shown

    def _open(self, row: Row[Any], service: Service, shown: pb.Notification) -> None:
        try:
            content = self._sealer.open(row.id.bytes, bytes(row.sealed))
        except Malformed as error:
            # A key is missing: that is the operators' to mend, and no reason to hide the rest of it, or of a page.
            log.warning("a notification can't be opened", notification_id=str(row.id), error=str(error))
            return
        version = self._directory.version(row.template_id, row.template_version)
        values = personalisation_of(content)
        shown.recipient = content.recipient
        if shown.type == pb.NOTIFICATION_TYPE_SMS:
            shown.body = render_sms(version.content, values, sms_prefix_of(content, service.prefix))
        else:
            shown.body = render_text(version.content, values)
            shown.subject = render_subject(version.subject, values) if version.subject else ""


def change(move: Row[Any]) -> pb.StatusChange:
    """A move as it is shown."""
    return pb.StatusChange(status=STATUS[Status(move.status)], at=written_time(move.at), reason=move.reason)
