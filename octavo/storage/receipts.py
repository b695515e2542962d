"""Moving notifications by receipts, in batches; and holding receipts for what is not known yet."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Row, text

from octavo.domain.errors import Malformed
from octavo.domain.ids import id_of
from octavo.domain.notification import FINAL, Standing, Status, settle
from octavo.storage.columns import STATUS_OF, instant, micros
from octavo.storage.partitions import BOUNDS, bounds, whole_partitions
from octavo.storage.prepared import Prepared
from octavo.telemetry.measured import measured
from octavo.v1.messages_pb2 import ReceiptMessage

HOLD_FOR = timedelta(hours=72)
"""How long a receipt for an unknown notification is kept."""

_END_OF_TIME = 253_402_300_800_000_000
# Microseconds from 1970 to the year 10000.

_FIND = Prepared(
    "find_for_receipts",
    """
SELECT id, status, status_reason, claim_token IS NOT NULL OR attempts > 0 AS offered, notification_type, created_at, sent_at
FROM notifications WHERE id = ANY(:ids) AND id >= :first AND id < :end ORDER BY id FOR UPDATE
""",
    {"ids": "uuid[]", "first": "uuid", "end": "uuid"},
)
_RESOLVE = text("""
SELECT id, provider, provider_reference FROM notifications WHERE provider_reference = ANY(CAST(:references AS text[]))
""")
_ADVANCE = Prepared(
    "advance_by_receipts",
    """
WITH input AS MATERIALIZED (
    SELECT * FROM unnest(:id, :was, :status, :reason, :provider, :at, :final, :complained_at)
        AS given (id, was, status, reason, provider, at, final, complained_at)
), changed AS (
    UPDATE notifications n
    SET status = i.status,
        status_reason = coalesce(i.reason, n.status_reason),
        provider = coalesce(n.provider, i.provider),
        sent_at = CASE WHEN i.status <> i.was THEN coalesce(n.sent_at, i.at) ELSE n.sent_at END,
        completed_at = CASE WHEN i.status <> i.was AND i.final THEN i.at ELSE n.completed_at END,
        complained_at = coalesce(n.complained_at, i.complained_at),
        unconfirmed_at = CASE WHEN i.status <> i.was THEN NULL ELSE n.unconfirmed_at END,
        resend = n.resend AND i.status = i.was,
        next_attempt_at = CASE WHEN i.status <> i.was THEN NULL ELSE n.next_attempt_at END,
        updated_at = now()
    FROM input i WHERE n.id = i.id AND n.id = ANY(:id) AND n.id >= :first AND n.id < :end
    RETURNING n.id, n.service_id, i.was, n.status, n.status_reason, n.provider, n.sent_at, n.completed_at, n.complained_at
), remembered AS (
    UPDATE notification_history h
    SET status = c.status, status_reason = c.status_reason, provider = c.provider, sent_at = c.sent_at,
        completed_at = c.completed_at, complained_at = c.complained_at, updated_at = now()
    FROM changed c
    WHERE h.id = c.id AND h.id = ANY(:id) AND h.id >= :first_remembered AND h.id < :end_remembered
)
INSERT INTO notification_moves (notification_id, service_id, status, reason)
-- A receipt that comes before the outcome of its own send says that the send took place.
SELECT id, service_id, 'sending', '' FROM changed WHERE was = 'created' AND status <> was
UNION ALL
SELECT id, service_id, status, status_reason FROM changed WHERE status <> was
""",
    {
        "id": "uuid[]",
        "was": "text[]",
        "status": "text[]",
        "reason": "text[]",
        "provider": "text[]",
        "at": "timestamptz[]",
        "final": "boolean[]",
        "complained_at": "timestamptz[]",
        **BOUNDS,
    },
)
_HOLD = text("""
INSERT INTO held_receipts (notification_id, provider_reference, provider, message, received_at, next_try_at)
SELECT notification_id, provider_reference, provider, message, received_at, -- The older it is, the rarer it is tried.
       now() + greatest(CAST(:least AS interval), (now() - received_at) / 10)
FROM unnest(CAST(:notification_id AS uuid[]), CAST(:provider_reference AS text[]), CAST(:provider AS text[]),
            CAST(:message AS bytea[]), CAST(:received_at AS timestamptz[]))
    AS given (notification_id, provider_reference, provider, message, received_at)
ON CONFLICT DO NOTHING
""")
_TAKE_HELD = text("""
DELETE FROM held_receipts WHERE id = ANY(ARRAY(
    SELECT id FROM held_receipts WHERE next_try_at <= now() ORDER BY next_try_at LIMIT :at_most FOR UPDATE SKIP LOCKED
)) RETURNING message, received_at, received_at < now() - CAST(:hold_for AS interval) AS stale
""")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a receipt did: `moved`, `ignored` (no listed move), `held` (unknown as yet), `dropped` (held in vain), `complaint`."""

    receipt: ReceiptMessage
    result: str
    notification_type: str = ""
    seconds_to_final: float | None = None
    seconds_since_sent: float | None = None
    """From the send to the receipt, where both are known and the receipt moved something."""
    notification_id: UUID | None = None
    """Whose it is; None while it is held."""


@measured
def apply_receipts(
    connection: Connection,
    receipts: Sequence[ReceiptMessage],
    hold_seconds: float = 5.0,
    *,
    last: Sequence[ReceiptMessage] = (),
) -> list[Applied]:
    """Moves the notifications as the receipts say, in any order and however often they come.

    A receipt for a notification that is not there yet, or that was not offered to any provider yet, is held and tried again
    later; those of `last` are tried with the others, but dropped. Raises Malformed if a receipt breaks the schema.
    """
    for_the_last_time = {id(receipt) for receipt in last}
    receipts = [*receipts, *last]
    for receipt in receipts:
        _check(receipt)
    ids = {id(receipt): _named(receipt) for receipt in receipts}
    _resolve(connection, receipts, ids)
    wanted = {one for one in ids.values() if one}
    rows = {row.id: row for row in _find(connection, wanted)} if wanted else {}
    by_notification: dict[UUID, list[ReceiptMessage]] = defaultdict(list)
    unknown: list[ReceiptMessage] = []
    for receipt in receipts:
        found = ids[id(receipt)]
        if found is None or found not in rows or not _under_way(rows[found]):
            unknown.append(receipt)
        else:
            by_notification[found].append(receipt)
    applied = [Applied(receipt, "dropped" if id(receipt) in for_the_last_time else "held") for receipt in unknown]
    if held := [one.receipt for one in applied if one.result == "held"]:
        _hold(connection, held, hold_seconds)
    if by_notification:
        applied += _advance(connection, rows, by_notification)
    return applied


@measured
def take_held_receipts(connection: Connection, at_most: int = 500) -> tuple[list[ReceiptMessage], list[ReceiptMessage]]:
    """Held receipts to try again now, and those past their time, to try for the last time."""
    rows = connection.execute(_TAKE_HELD, {"at_most": at_most, "hold_for": HOLD_FOR}).all()
    return [_released(row) for row in rows if not row.stale], [_released(row) for row in rows if row.stale]


def _check(receipt: ReceiptMessage) -> None:
    if len(receipt.notification_id) not in {0, 16} or not (receipt.notification_id or receipt.provider_reference):
        raise Malformed("the receipt names no notification")
    # PostgreSQL's text has no NUL.
    if "\0" in receipt.provider + receipt.provider_reference + receipt.reason:
        raise Malformed("the receipt holds a NUL")
    if not all(0 <= at < _END_OF_TIME for at in (receipt.occurred_at_micros, receipt.received_at_micros)):
        raise Malformed("the receipt's time is none")


def _named(receipt: ReceiptMessage) -> UUID | None:
    return id_of(receipt.notification_id) if len(receipt.notification_id) == 16 else None  # noqa: PLR2004


def _resolve(connection: Connection, receipts: Sequence[ReceiptMessage], ids: dict[int, UUID | None]) -> None:
    """Finds the notifications of receipts that name only the provider's reference, which another provider may use, too."""
    nameless = [r for r in receipts if ids[id(r)] is None and r.provider_reference]
    if not nameless:
        return
    rows = connection.execute(_RESOLVE, {"references": sorted({r.provider_reference for r in nameless})})
    known = {(row.provider, row.provider_reference): row.id for row in rows}
    for receipt in nameless:
        ids[id(receipt)] = known.get((receipt.provider, receipt.provider_reference))


def _find(connection: Connection, ids: Collection[UUID]) -> CursorResult[Any]:
    """The rows of these notifications, locked in the order of their ids."""
    first, end = whole_partitions("notifications", ids)
    return _FIND.execute(connection, {"ids": [str(one) for one in ids], "first": first, "end": end})


def _under_way(row: Row[Any]) -> bool:
    # A receipt after an attempt that looked refused tells that the provider has it nevertheless: it must not go out again.
    return bool(row.status not in {Status.CREATED, Status.SCHEDULED} or row.offered)


def _when(receipt: ReceiptMessage, created_at: datetime) -> datetime:
    """When it happened: as the provider says, unless its clock can't be right."""
    received = instant(receipt.received_at_micros)
    occurred = instant(receipt.occurred_at_micros)
    return occurred if created_at <= occurred <= received else received


@dataclass(frozen=True, slots=True)
class Verdict:
    """What receipts of one notification come to: how it stands, the receipt that decides it, and a complaint if there is one."""

    standing: Standing
    deciding: ReceiptMessage
    complaint: ReceiptMessage | None


def judge(was: Standing, receipts: Sequence[ReceiptMessage]) -> Verdict:
    """What these receipts, one or more, make of a notification."""
    telling = [r for r in receipts if not r.complaint and r.status in STATUS_OF]
    now = settle(was, map(_standing, telling))
    return Verdict(
        standing=now,
        # Where none says what all come to, it is one that is not explained.
        deciding=next((r for r in telling if _standing(r) == now), min(telling or receipts, key=_explains)),
        complaint=next((r for r in receipts if r.complaint), None),
    )


def _standing(receipt: ReceiptMessage) -> Standing:
    return Standing.of(STATUS_OF[receipt.status], receipt.reason)


def _explains(receipt: ReceiptMessage) -> bool:
    return receipt.status not in STATUS_OF or _standing(receipt).explained


def _advance(
    connection: Connection, rows: dict[UUID, Row[Any]], by_notification: dict[UUID, list[ReceiptMessage]]
) -> list[Applied]:
    columns: dict[str, list[Any]] = {
        name: [] for name in ("id", "was", "status", "reason", "provider", "at", "final", "complained_at")
    }
    applied: list[Applied] = []
    for notification_id, receipts in sorted(by_notification.items()):
        row = rows[notification_id]
        before = Standing.of(Status(row.status), row.status_reason or "")
        verdict = judge(before, receipts)
        was, now, deciding, complaint = before.status, verdict.standing.status, verdict.deciding, verdict.complaint
        changed = verdict.standing != before
        if changed or complaint:
            columns["id"].append(str(notification_id))
            columns["was"].append(was.value)
            columns["status"].append(now.value)
            columns["reason"].append(deciding.reason if changed else None)
            columns["provider"].append(deciding.provider)
            columns["at"].append(_when(deciding, row.created_at))
            columns["final"].append(now in FINAL)
            columns["complained_at"].append(instant(complaint.received_at_micros) if complaint else None)
        for receipt in receipts:
            moved = receipt is deciding and now is not was
            received = instant(receipt.received_at_micros)
            result = "complaint" if receipt.complaint else "moved" if moved else "ignored"
            applied.append(
                Applied(
                    receipt,
                    result,
                    row.notification_type,
                    (received - row.created_at).total_seconds() if moved and now in FINAL else None,
                    (received - row.sent_at).total_seconds() if moved and row.sent_at else None,
                    notification_id,
                )
            )
    if columns["id"]:
        _ADVANCE.execute(connection, columns | bounds(by_notification.keys()))
    return applied


def _hold(connection: Connection, receipts: Sequence[ReceiptMessage], seconds: float) -> None:
    # All who hold lock in one order.
    ordered = sorted(receipts, key=lambda r: (r.notification_id, r.provider_reference, _held(r)))
    connection.execute(
        _HOLD,
        {
            "notification_id": [str(named) if (named := _named(r)) else None for r in ordered],
            "provider_reference": [r.provider_reference for r in ordered],
            "provider": [r.provider for r in ordered],
            "message": [_held(r) for r in ordered],
            "received_at": [instant(r.received_at_micros) for r in ordered],
            "least": timedelta(seconds=seconds),
        },
    )


def _held(receipt: ReceiptMessage) -> bytes:
    """The bytes of a held receipt, without the time: a repetition has the same ones, and is held once."""
    timeless = ReceiptMessage()
    timeless.CopyFrom(receipt)
    timeless.ClearField("received_at_micros")
    return timeless.SerializeToString(deterministic=True)


def _released(row: Row[Any]) -> ReceiptMessage:
    receipt = ReceiptMessage.FromString(bytes(row.message))
    receipt.received_at_micros = micros(row.received_at)
    return receipt
