"""Rows whose time has come, and the sweeps: each statement can be repeated, by any number of processes at once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.storage.columns import MESSAGE_COLUMNS, message_of
from octavo.storage.insert import RESCUE_AFTER
from octavo.telemetry.measured import measured
from octavo.v1.messages_pb2 import NotificationMessage

RECEIPT_WAIT = timedelta(hours=72)
"""Without a receipt for so long a notification counts as a temporary failure (facts of the field)."""

UNCONFIRMED_WAIT = timedelta(minutes=10)
"""How long a receipt may resolve an unconfirmed send before the service's policy does."""

MOST_RESENDS = 1
"""How often an unconfirmed send is made again: a provider that never says what it took would get it every ten minutes."""
MOST_SEALED_BYTES = 8_000_000
"""What is sealed of the rows that are taken at once, about."""

# The row is pushed on before it is published: a crash in between costs a wait, never the notification.
_DUE = text(f"""
WITH picked AS MATERIALIZED (
    SELECT id, status, next_attempt_at, coalesce(octet_length(sealed), 0) AS size FROM notifications
    WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT :at_most FOR UPDATE SKIP LOCKED
), cut AS MATERIALIZED (
    -- The length of what is sealed is known without reading it: what does not fit stays where it is.
    SELECT id, status, sum(size) OVER (ORDER BY next_attempt_at, id) - size AS before FROM picked
), changed AS (
    UPDATE notifications n
    SET status = CASE WHEN p.status = 'scheduled' THEN 'created' ELSE p.status END,
        due = true, next_attempt_at = now() + :again_after, updated_at = now()
    FROM cut p WHERE n.id = p.id AND p.before < :most_bytes
    RETURNING {MESSAGE_COLUMNS}, p.status AS was
), remembered AS (
    UPDATE notification_history h SET status = 'created', updated_at = now()
    FROM changed c WHERE h.id = c.id AND c.was = 'scheduled'
), moved AS (
    INSERT INTO notification_moves (notification_id, service_id, status)
    SELECT id, service_id, 'created' FROM changed WHERE was = 'scheduled'
)
SELECT * FROM changed
""")  # noqa: S608 - of constants

# Published now: the next time would be a rescue, and one that was claimed meanwhile needs none.
_POSTPONE = text("""
UPDATE notifications SET next_attempt_at = now() + :rescue_after
WHERE id = ANY(CAST(:ids AS uuid[])) AND next_attempt_at IS NOT NULL AND due
""")

_SWEEP = """
WITH picked AS MATERIALIZED (
    SELECT n.id, n.status FROM notifications n {join}
    WHERE {condition}
    LIMIT :at_most FOR UPDATE OF n SKIP LOCKED
), changed AS (
    UPDATE notifications n SET {change}, updated_at = now()
    FROM picked p WHERE n.id = p.id
    RETURNING n.id, n.service_id, n.notification_type, n.status, n.status_reason, n.attempts, n.sent_at, n.completed_at,
              n.provider, p.status AS was
), remembered AS (
    UPDATE notification_history h
    SET status = c.status, status_reason = c.status_reason, attempts = c.attempts, sent_at = c.sent_at,
        completed_at = c.completed_at, updated_at = now()
    FROM changed c WHERE h.id = c.id
), moved AS (
    INSERT INTO notification_moves (notification_id, service_id, status, reason)
    SELECT id, service_id, status, status_reason FROM changed WHERE status <> was
)
SELECT id, notification_type, provider FROM changed
"""

# The claim's token stays: an outcome that comes late after all is still recorded.
_EXPIRED = text(
    _SWEEP.format(
        join="",
        condition="n.claim_expires_at < now()",
        change="status = CASE WHEN n.status = 'created' THEN 'sending' ELSE n.status END, claim_expires_at = NULL, "
        "unconfirmed_at = CASE WHEN n.status IN ('created', 'sending') THEN now() END, "
        "sent_at = coalesce(n.sent_at, now()), "
        "status_reason = CASE WHEN n.status IN ('created', 'sending') THEN 'unconfirmed: the claim ran out' "
        "ELSE n.status_reason END",
    )
)
_GIVE_UP = text(
    _SWEEP.format(
        join="JOIN services s ON s.id = n.service_id",
        condition="n.unconfirmed_at < now() - CAST(:wait AS interval) AND n.status = 'sending' AND NOT n.resend "
        f"AND (s.unconfirmed_policy = 'FAIL' OR n.resends >= {MOST_RESENDS})",
        change="status = 'technical-failure', unconfirmed_at = NULL, completed_at = now(), "
        "status_reason = 'unconfirmed: no receipt came'",
    )
)
_SEND_AGAIN = text(
    _SWEEP.format(
        join="JOIN services s ON s.id = n.service_id",
        condition="n.unconfirmed_at < now() - CAST(:wait AS interval) AND n.status = 'sending' AND NOT n.resend "
        f"AND s.unconfirmed_policy = 'RESEND' AND n.resends < {MOST_RESENDS}",
        change="resend = true, resends = n.resends + 1, due = true, next_attempt_at = now()",
    )
)
_NO_RECEIPT = text(
    _SWEEP.format(
        join="",
        condition="n.status IN ('sending', 'pending') AND n.sent_at < now() - CAST(:wait AS interval) "
        "AND n.unconfirmed_at IS NULL",
        change="status = 'temporary-failure', completed_at = now(), next_attempt_at = NULL, resend = false, "
        "status_reason = 'no receipt within 72 hours'",
    )
)

# One whose time was still to come can't have been sent. A retry may have been.
_RESTORED = text(
    _SWEEP.format(
        join="",
        condition="n.status = 'created' OR n.status = 'scheduled' AND n.send_at < now() "
        "OR n.status = 'sending' AND (n.claim_expires_at IS NOT NULL OR n.resend)",
        change="status = 'sending', sent_at = coalesce(n.sent_at, now()), unconfirmed_at = now(), due = true, "
        "resend = false, attempts = greatest(n.attempts, 1), claim_token = NULL, claim_expires_at = NULL, "
        "next_attempt_at = NULL, status_reason = 'unconfirmed: restored from a backup'",
    )
)


@measured
def take_due_notifications(
    connection: Connection, at_most: int = 500, again_after: timedelta = RESCUE_AFTER
) -> list[NotificationMessage]:
    """Those to publish now, oldest first: fewer where they are large. If they are not claimed, they come again after a while."""
    rows = connection.execute(_DUE, {"at_most": at_most, "most_bytes": MOST_SEALED_BYTES, "again_after": again_after})
    return [message_of(row) for row in rows]


@measured
def postpone_rescue(connection: Connection, ids: Sequence[UUID], rescue_after: timedelta = RESCUE_AFTER) -> None:
    """Says that these were published: if nobody claims them, they come again after a while."""
    connection.execute(_POSTPONE, {"ids": [str(one) for one in ids], "rescue_after": rescue_after})


@measured
def mark_expired_claims(connection: Connection, at_most: int = 500) -> Sequence[str]:
    """Claims that ran out without an outcome become unconfirmed sends; their ids."""
    return [str(row.id) for row in connection.execute(_EXPIRED, {"at_most": at_most})]


@measured
def fail_unconfirmed(connection: Connection, wait: timedelta = UNCONFIRMED_WAIT, at_most: int = 500) -> Sequence[str]:
    """Ends unconfirmed sends of services with the policy FAIL, and those that were repeated already; their ids."""
    return [str(row.id) for row in connection.execute(_GIVE_UP, {"wait": wait, "at_most": at_most})]


@measured
def resend_unconfirmed(connection: Connection, wait: timedelta = UNCONFIRMED_WAIT, at_most: int = 500) -> Sequence[str]:
    """Makes unconfirmed sends of services with the policy RESEND due again, once; their ids."""
    return [str(row.id) for row in connection.execute(_SEND_AGAIN, {"wait": wait, "at_most": at_most})]


@measured
def fail_without_receipt(connection: Connection, wait: timedelta = RECEIPT_WAIT, at_most: int = 500) -> Sequence[str]:
    """Ends those that no receipt came for; their ids. A later receipt still counts."""
    return [str(row.id) for row in connection.execute(_NO_RECEIPT, {"wait": wait, "at_most": at_most})]


@measured
def mark_restored(connection: Connection, at_most: int = 500) -> Sequence[str]:
    """Makes unconfirmed whatever may have been sent after the backup that the database was restored from; their ids."""
    return [str(row.id) for row in connection.execute(_RESTORED, {"at_most": at_most})]
