"""Persisting accepted notifications: both tables and the first move, one statement for a batch."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from octavo.domain.errors import Malformed
from octavo.domain.ids import id_of, text_of
from octavo.storage.columns import KEY_TYPE_OF, TYPE_OF, instant
from octavo.storage.partitions import whole_partitions
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured
from octavo.v1.messages_pb2 import NotificationMessage

RESCUE_AFTER = timedelta(minutes=15)
"""How long a row may wait for its first attempt before the due loop publishes it again."""

_COLUMNS = {
    "id": "uuid", "service_id": "uuid", "notification_type": "text", "key_type": "text", "template_id": "uuid",
    "template_version": "integer", "job_id": "uuid", "job_row": "integer", "reference": "text", "sealed": "bytea",
    "recipient_hash": "bytea", "content_hash": "bytea", "parts": "smallint", "encoding": "smallint", "reply_to": "text",
    "sms_sender": "text", "created_at": "timestamptz", "send_at": "timestamptz",
}  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_REMEMBERED = (
    "id, service_id, notification_type, status, key_type, template_id, template_version, job_id, job_row, parts, created_at, "
    "send_at, completed_at"
)

# Notifications whose time is yet to come are `scheduled`; the due loop finds both kinds by next_attempt_at. Rows that were on
# their way when their job was cancelled are cancelled on arrival.
_INSERT = Prepared(
    "insert_notifications",
    f"""
WITH input AS MATERIALIZED (
    SELECT *, CASE WHEN (SELECT j.status FROM jobs j WHERE j.id = given.job_id) = 'cancelled' THEN 'cancelled'
                   WHEN send_at > now() THEN 'scheduled' ELSE 'created' END AS status
    FROM unnest({", ".join(f":{name}" for name in _COLUMNS)}) AS given ({_NAMES})
), fresh AS (
    INSERT INTO notifications ({_NAMES}, status, due, next_attempt_at, completed_at)
    SELECT {_NAMES}, status, status = 'created',
           CASE status WHEN 'scheduled' THEN send_at WHEN 'created' THEN now() + :rescue_after END,
           CASE status WHEN 'cancelled' THEN now() END
    FROM input
    ON CONFLICT (id) DO NOTHING
    RETURNING {_REMEMBERED}
), remembered AS (
    INSERT INTO notification_history ({_REMEMBERED}) SELECT {_REMEMBERED} FROM fresh
    ON CONFLICT (id) DO NOTHING
), moved AS (
    INSERT INTO notification_moves (notification_id, service_id, status)
    SELECT id, service_id, status FROM fresh
), judged AS MATERIALIZED (
    SELECT id, status, content_hash, id IN (SELECT id FROM fresh) AS fresh FROM input
)
SELECT j.id,
       j.fresh,
       coalesce(there.status, j.status) AS status,
       NOT j.fresh AND there.status IS NULL AS unseen,
       there.content_hash IS NOT NULL AND there.content_hash <> j.content_hash AS other_content
FROM judged j
-- Looked for one by one, and only what was there before, which is next to nothing: OFFSET keeps it from becoming a join with all.
LEFT JOIN LATERAL (
    SELECT n.status, n.content_hash FROM notifications n
    WHERE n.id = j.id AND NOT j.fresh AND n.id >= :first AND n.id < :end OFFSET 0
) there ON true
""",  # noqa: S608 - of constants
    {name: f"{kind}[]" for name, kind in _COLUMNS.items()}
    | {"rescue_after": "interval", "first": "uuid", "end": "uuid"},
)

# Written by another transaction after this statement began: only a later one sees them.
_UNSEEN = text("SELECT id, status, content_hash FROM notifications WHERE id = ANY(CAST(:ids AS uuid[]))")


class Inserted:
    """What became of one message of a batch."""

    __slots__ = ("fresh", "other_content", "status")

    def __init__(self, status: str, *, fresh: bool, other_content: bool) -> None:
        self.status = status
        self.fresh = fresh
        self.other_content = other_content


@measured
def insert_notifications(connection: Connection, messages: Sequence[NotificationMessage]) -> dict[bytes, Inserted]:
    """Writes the rows that are not there yet, and tells of each id how it stands now.

    The messages must have different ids. Raises Malformed if one violates the schema.
    """
    arrays = _arrays(messages)
    first, end = whole_partitions("notifications", arrays["id"])
    values = {
        **arrays,
        "id": [str(one) for one in arrays["id"]],
        "rescue_after": RESCUE_AFTER,
        "first": first,
        "end": end,
    }
    rows = _INSERT.execute(connection, values).all()
    inserted = {
        row.id.bytes: Inserted(row.status, fresh=row.fresh, other_content=bool(row.other_content)) for row in rows
    }
    if unseen := [row.id for row in rows if row.unseen]:
        content_hashes = {m.id: m.content_hash for m in messages}
        for row in connection.execute(_UNSEEN, {"ids": [str(one) for one in unseen]}):
            other_content = bytes(row.content_hash) != content_hashes[row.id.bytes]
            inserted[row.id.bytes] = Inserted(row.status, fresh=False, other_content=other_content)
    return inserted


def _arrays(messages: Sequence[NotificationMessage]) -> dict[str, Any]:
    try:
        return {
            "id": [id_of(m.id) for m in messages],
            "service_id": [text_of(m.service_id) for m in messages],
            "notification_type": [TYPE_OF[m.type].value for m in messages],
            "key_type": [KEY_TYPE_OF[m.key_type].value for m in messages],
            "template_id": [text_of(m.template_id) for m in messages],
            "template_version": [m.template_version for m in messages],
            "job_id": [text_of(m.job_id) if m.job_id else None for m in messages],
            "job_row": [m.job_row if m.job_id else None for m in messages],
            "reference": [m.reference or None for m in messages],
            "sealed": [m.sealed for m in messages],
            "recipient_hash": [m.recipient_hash for m in messages],
            "content_hash": [m.content_hash for m in messages],
            "parts": [m.parts for m in messages],
            "encoding": [m.encoding for m in messages],
            "reply_to": [m.reply_to for m in messages],
            "sms_sender": [m.sms_sender for m in messages],
            "created_at": [instant(m.created_at_micros) for m in messages],
            "send_at": [instant(m.send_at_micros) if m.send_at_micros else None for m in messages],
        }
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise Malformed(f"a notification violates the schema: {type(error).__name__}") from error
