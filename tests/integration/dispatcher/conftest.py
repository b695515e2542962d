"""A dispatcher's consumer between a broker in memory, a real database and providers that answer as they are told."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text
from tenacity import wait_fixed

from octavo import seed, topics
from octavo.crypto import Sealer
from octavo.domain.ids import uuid7
from octavo.domain.retry import PROVIDER_BACKOFF
from octavo.messaging import Place
from octavo.messaging.deferred import Deferred
from octavo.messaging.loop import Consumer
from octavo.messaging.memory import Broker
from octavo.storage import columns
from octavo.storage.directory import Directory
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent
from services.dispatcher.claims import Claimed, Claims
from services.dispatcher.compose import Composer
from services.dispatcher.recorder import Recorder

KEY = Fernet.generate_key().decode()


class Bench:
    """The consumer of send-sms, whose claims are kept instead of sent, and its recorder."""

    def __init__(self, engine: Engine, broker: Broker, known: dict[str, str]) -> None:
        self.engine = engine
        self.broker = broker
        self.known = known
        self.claimed: list[Claimed] = []
        self.finished: list[Place] = []
        self.sealer = Sealer([KEY])
        composer = Composer(self.sealer, Directory(engine), default_region="GB", default_sms_sender="Octavo")
        self.source = Deferred(broker.source("dispatcher", topics.SEND_SMS.name), 1000, commit_seconds=0)
        claims = Claims(
            engine,
            composer,
            topic=topics.SEND_SMS.name,
            begin=self.source.begin,
            hand_on=self.claimed.extend,
            make_room=self.source.make_room,
        )
        self.consumer = Consumer(topics.SEND_SMS, self.source, claims.claim, broker, wait=wait_fixed(0))
        self.recorder = Recorder(engine, PROVIDER_BACKOFF, self._finish)

    def _finish(self, places: Sequence[Place]) -> None:
        self.finished += places
        self.source.finish(places)

    def message(self, **changed: Any) -> NotificationMessage:
        """A notification as the persister publishes it; its row is there."""
        now = datetime.now(UTC)
        notification_id = uuid7(now, os.urandom(10)).bytes
        content = SealedContent(
            notification_id=notification_id, recipient="+447700900111", personalisation={"name": "Ann", "code": "12345"}
        )
        message = NotificationMessage(
            id=notification_id,
            service_id=UUID(self.known["service_id"]).bytes,
            type=pb.NOTIFICATION_TYPE_SMS,
            template_id=UUID(self.known["sms_template_id"]).bytes,
            template_version=1,
            key_type=pb.KEY_TYPE_LIVE,
            sealed=self.sealer.seal(content),
            recipient_hash=b"r" * 16,
            content_hash=b"c" * 16,
            created_at_micros=columns.micros(now),
            parts=1,
        )
        for name, value in changed.items():
            setattr(message, name, value)
        with transaction(self.engine) as connection:
            insert_notifications(connection, [message])
        return message

    def arrives(self, *messages: NotificationMessage) -> None:
        """Puts messages on the topic."""
        self.broker.publish([topics.to(topics.SEND_SMS, message) for message in messages])

    def step(self) -> None:
        """One batch."""
        self.consumer.step(Event())

    def committed(self) -> int | None:
        """The committed offset, once what has ended is committed."""
        self.source.poll(0)
        return next(iter(self.broker.committed.values()), None)

    def rows(self, statement: str) -> list[Any]:
        """What the database says."""
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement))]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A pool on a database of the test's own."""
    made = make_engine(database_url, by_key=True, one_by_one=True)
    yield made
    made.dispose()


@pytest.fixture
def known(engine: Engine) -> dict[str, str]:
    """A service with templates."""
    with transaction(engine) as connection:
        return seed.seed(connection)


@pytest.fixture
def bench(engine: Engine, known: dict[str, str]) -> Bench:
    """A dispatcher's consumer."""
    return Bench(engine, Broker(), known)


def uuid_of(message: NotificationMessage) -> UUID:
    """Its id."""
    return UUID(bytes=message.id)
