"""Claiming notifications for a provider, and recording what became of them: one statement for a batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from octavo.domain.notification import Status
from octavo.storage.columns import texts
from octavo.storage.partitions import BOUNDS, bounds, whole_partitions
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured

LEASE = timedelta(seconds=60)
"""How long a claim holds. Longer than any provider call with its time-out, and than recording its outcome."""

# Compare and set: `created` (or an unconfirmed one that may be sent again), its time has come, and nobody has it. A claim whose
# answer was lost is made again with the same token, and counts once.
_CLAIM = Prepared(
    "claim_notifications",
    """
UPDATE notifications n
SET claim_token = :token, claim_expires_at = now() + :lease, next_attempt_at = NULL,
    attempts = n.attempts + CASE WHEN n.claim_token = :token THEN 0 ELSE 1 END,
    resend = false, unconfirmed_at = NULL, updated_at = now()
WHERE n.id = ANY(:ids) AND n.id >= :first AND n.id < :end
  AND n.due
  AND (n.status = 'created' AND n.claim_token IS NULL OR n.status = 'sending' AND n.resend
       OR n.status IN ('created', 'sending') AND n.claim_token = :token)
RETURNING n.id, n.attempts
""",
    {"ids": "uuid[]", "token": "uuid", "lease": "interval", "first": "uuid", "end": "uuid"},
)

# Certainly not sent, so it is due at once; even if the claim ran out meanwhile and was listed as unconfirmed.
_RELEASE = text("""
UPDATE notifications n
SET claim_token = NULL, claim_expires_at = NULL, attempts = greatest(n.attempts - 1, 0),
    next_attempt_at = CASE WHEN n.status IN ('created', 'sending') THEN now() END,
    resend = n.status = 'sending', unconfirmed_at = NULL, updated_at = now()
WHERE n.id = ANY(CAST(:ids AS uuid[])) AND n.claim_token = :token
""")

_RECORD = Prepared(
    "record_outcomes",
    """
WITH input AS MATERIALIZED (
    SELECT * FROM unnest(:id, :token, :status, :reason, :provider, :reference, :at, :retry_in, :unconfirmed)
        AS given (id, token, status, reason, provider, reference, at, retry_in, unconfirmed)
), before AS MATERIALIZED (
    -- Here and below the ids are named beside the join, so that an index finds the rows and a hash joins them.
    SELECT n.status AS was, i.* FROM notifications n JOIN input i ON i.id = n.id
    WHERE n.id = ANY(:id) AND n.id >= :first AND n.id < :end ORDER BY n.id FOR UPDATE OF n
), changed AS (
    UPDATE notifications n
    -- A receipt may have come first: what it said stays, only the provider and the times are filled in.
    SET status = CASE WHEN b.status IS NOT NULL AND b.was IN ('created', 'sending') THEN b.status ELSE b.was END,
        status_reason = CASE WHEN b.was IN ('created', 'sending') THEN b.reason ELSE n.status_reason END,
        provider = coalesce(b.provider, n.provider),
        provider_reference = coalesce(b.reference, n.provider_reference),
        sent_at = CASE WHEN b.status IN ('sending', 'sent') THEN coalesce(n.sent_at, b.at) ELSE n.sent_at END,
        completed_at = CASE WHEN b.status NOT IN ('sending') AND b.was IN ('created', 'sending')
                            THEN coalesce(n.completed_at, now()) ELSE n.completed_at END,
        claim_token = NULL,
        claim_expires_at = NULL,
        unconfirmed_at = CASE WHEN b.unconfirmed AND b.was IN ('created', 'sending') THEN now() END,
        next_attempt_at = CASE WHEN b.was IN ('created', 'sending')
                               THEN now() + make_interval(secs => b.retry_in) END,
        due = b.retry_in IS NULL,
        resend = b.retry_in IS NOT NULL AND b.was = 'sending',
        updated_at = now()
    FROM before b
    WHERE n.id = b.id AND n.claim_token = b.token AND n.id = ANY(:id) AND n.id >= :first AND n.id < :end
    RETURNING n.id, n.service_id, n.status, b.was, n.status_reason, n.provider, n.provider_reference,
              n.attempts, n.sent_at, n.completed_at
), remembered AS (
    UPDATE notification_history h
    SET status = c.status, status_reason = c.status_reason, provider = c.provider,
        provider_reference = c.provider_reference, attempts = c.attempts, sent_at = c.sent_at,
        completed_at = c.completed_at, updated_at = now()
    FROM changed c
    WHERE h.id = c.id AND h.id = ANY(:id) AND h.id >= :first_remembered AND h.id < :end_remembered
), moved AS (
    INSERT INTO notification_moves (notification_id, service_id, status, reason)
    SELECT id, service_id, status, status_reason FROM changed WHERE status <> was
)
SELECT id FROM changed
""",
    {
        "id": "uuid[]",
        "token": "uuid[]",
        "status": "text[]",
        "reason": "text[]",
        "provider": "text[]",
        "reference": "text[]",
        "at": "timestamptz[]",
        "retry_in": "double precision[]",
        "unconfirmed": "boolean[]",
        **BOUNDS,
    },
)


class Recorded(NamedTuple):
    """What became of one claimed notification.

    `status` None leaves the status: a retry is planned in `retry_in`, or the send is given back. `unconfirmed` says that the
    provider may have it without having said so.
    """

    id: UUID
    token: UUID
    status: Status | None
    reason: str
    provider: str | None
    reference: str | None
    at: datetime
    retry_in: timedelta | None = None
    unconfirmed: bool = False


@measured
def claim_notifications(
    connection: Connection, ids: Sequence[UUID], token: UUID, lease: timedelta = LEASE
) -> dict[UUID, int]:
    """Claims those that are free and due; of each claimed one, which attempt this is (1 for the first)."""
    if not ids:
        return {}
    first, end = whole_partitions("notifications", ids)
    values = {"ids": texts(ids), "token": str(token), "lease": lease, "first": first, "end": end}
    rows = _CLAIM.execute(connection, values)
    return {row.id: row.attempts for row in rows}


@measured
def release_notifications(connection: Connection, ids: Sequence[UUID], token: UUID) -> None:
    """Gives claims back that led to no call: the attempt does not count, and they are due again."""
    connection.execute(_RELEASE, {"ids": texts(ids), "token": token})


@measured
def record_outcomes(connection: Connection, outcomes: Sequence[Recorded]) -> set[UUID]:
    """Writes the outcomes of claims that are still held, and names those. The ids must differ."""
    ids = [o.id for o in outcomes]
    rows = _RECORD.execute(
        connection,
        {
            "id": texts(ids),
            "token": texts([o.token for o in outcomes]),
            "status": [o.status.value if o.status else None for o in outcomes],
            "reason": [o.reason for o in outcomes],
            "provider": [o.provider for o in outcomes],
            "reference": [o.reference for o in outcomes],
            "at": [o.at for o in outcomes],
            "retry_in": [o.retry_in.total_seconds() if o.retry_in is not None else None for o in outcomes],
            "unconfirmed": [o.unconfirmed for o in outcomes],
            **bounds(ids),
        },
    )
    return {row.id for row in rows}
