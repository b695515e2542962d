"""Notifications in a real database, as persister and dispatcher leave them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from octavo.domain.ids import uuid7
from octavo.domain.notification import Status
from octavo.storage import columns, partitions
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.storage.receipts import Applied, apply_receipts
from octavo.storage.send import Recorded, claim_notifications, record_outcomes
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, ReceiptMessage
from tests.integration.callbacks.running import (
    callbacks,
    certificate,
    new_callbacks,
    receipts_broker,
    sns,
    sns_key,
    stranger,
)

__all__ = ["callbacks", "certificate", "new_callbacks", "receipts_broker", "sns", "sns_key", "stranger"]


@dataclass(frozen=True)
class Database:
    """What the tests do to notifications."""

    engine: Engine

    def persist(self, count: int = 1, kind: pb.NotificationType = pb.NOTIFICATION_TYPE_SMS) -> list[UUID]:
        """New rows, `created`."""
        now = datetime.now(UTC)
        ids = [uuid7(now, os.urandom(10)) for _ in range(count)]
        with transaction(self.engine) as connection:
            insert_notifications(connection, [_message(one, now, kind) for one in ids])
        return ids

    def claim(self, ids: list[UUID]) -> UUID:
        """A dispatcher has them now; its token."""
        token = uuid4()
        with transaction(self.engine) as connection:
            assert len(claim_notifications(connection, ids, token)) == len(ids)
        return token

    def accepted(self, ids: list[UUID], token: UUID, reference: str | None = None, provider: str = "mmg") -> None:
        """The provider accepted them, and the dispatcher says so."""
        at = datetime.now(UTC)
        outcomes = [Recorded(one, token, Status.SENDING, "", provider, reference, at) for one in ids]
        with transaction(self.engine) as connection:
            record_outcomes(connection, outcomes)

    def refused(self, ids: list[UUID], token: UUID) -> None:
        """The provider refused them for now: they are due again in a while."""
        at = datetime.now(UTC)
        outcomes = [Recorded(one, token, None, "busy", "mmg", None, at, timedelta(seconds=10)) for one in ids]
        with transaction(self.engine) as connection:
            record_outcomes(connection, outcomes)

    def sending(self, count: int = 1, reference: str | None = None, provider: str = "mmg") -> list[UUID]:
        """Rows that a provider has accepted."""
        ids = self.persist(count)
        self.accepted(ids, self.claim(ids), reference, provider)
        return ids

    def apply(self, *receipts: ReceiptMessage, hold_seconds: float = 0) -> list[Applied]:
        """Applies a batch."""
        with transaction(self.engine) as connection:
            return apply_receipts(connection, receipts, hold_seconds)

    def row(self, notification: UUID) -> Any:
        """The notification."""
        return self.one("SELECT * FROM notifications WHERE id = :id", id=notification)

    def history(self, notification: UUID) -> Any:
        """Its history."""
        return self.one("SELECT * FROM notification_history WHERE id = :id", id=notification)

    def status(self, notification: UUID) -> str:
        """Where it stands, in both tables."""
        status = self.row(notification).status
        assert self.history(notification).status == status
        return str(status)

    def moves(self, notification: UUID) -> list[str]:
        """Its moves, in order."""
        rows = self.all(
            "SELECT status FROM notification_moves WHERE notification_id = :id ORDER BY at", id=notification
        )
        return [row.status for row in rows]

    def held(self) -> int:
        """How many receipts are held."""
        return int(self.one("SELECT count(*) AS n FROM held_receipts").n)

    def one(self, query: str, **values: object):
        """One row."""
        return self.all(query, **values)[0]

    def all(self, query: str, **values: object):
        """Rows."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).all()


def _message(notification: UUID, now: datetime, kind: pb.NotificationType) -> NotificationMessage:
    return NotificationMessage(
        id=notification.bytes,
        service_id=uuid4().bytes,
        type=kind,
        template_id=uuid4().bytes,
        template_version=1,
        key_type=pb.KEY_TYPE_LIVE,
        sealed=b"sealed",
        recipient_hash=b"hash",
        content_hash=b"content",
        created_at_micros=columns.micros(now),
    )


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = make_engine(database_url)
    partitions.ensure(made, datetime.now(UTC))
    yield Database(made)
    made.dispose()


@pytest.fixture
def receipt() -> Callable[..., ReceiptMessage]:
    def make(
        notification: UUID | None = None,
        status: Status | None = Status.DELIVERED,
        *,
        at: datetime | None = None,
        **fields: Any,
    ) -> ReceiptMessage:
        given: dict[str, Any] = {"provider": "mmg", "received_at_micros": columns.micros(at or datetime.now(UTC))}
        if status:
            given["status"] = columns.STATUS[status]
        return ReceiptMessage(notification_id=notification.bytes if notification else b"", **given | fields)

    return make
