"""A persister between a broker in memory and a real database."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from tenacity import wait_fixed

from octavo import topics
from octavo.domain.ids import uuid7
from octavo.messaging.loop import Consumer
from octavo.messaging.memory import Broker
from octavo.storage import columns
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.topics import LANES, Lane
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage
from services.persister.persist import Persister

API_SMS, API_EMAIL, CSV_SMS, CSV_EMAIL = LANES


def accepted(lane: Lane = API_SMS, **changed: Any) -> NotificationMessage:
    """A notification as the api, or the job reader, publishes it."""
    now = datetime.now(UTC)
    message = NotificationMessage(
        id=uuid7(now, os.urandom(10)).bytes,
        service_id=uuid4().bytes,
        type=columns.TYPE[lane.type],
        template_id=uuid4().bytes,
        template_version=1,
        key_type=pb.KEY_TYPE_LIVE,
        sealed=b"sealed",
        recipient_hash=b"r" * 16,
        content_hash=b"c" * 16,
        created_at_micros=columns.micros(now),
        parts=1,
    )
    if lane.origin == "csv":
        message.job_id, message.job_row = uuid4().bytes, 1
    for name, value in changed.items():
        setattr(message, name, value)
    return message


@dataclass
class Bench:
    """The consumer of a lane, and what it reads and writes."""

    engine: Engine
    lane: Lane
    broker: Broker = field(default_factory=Broker)

    def __post_init__(self) -> None:
        persister = Persister(self.engine, self.lane)
        self.source = self.broker.source("persister", self.lane.persist.name)
        self.consumer = Consumer(
            self.lane.persist,
            self.source,
            persister.persist,
            self.broker,
            wait=wait_fixed(0),
            on_retry=persister.retrying,
            on_dead=persister.buried,
        )

    def arrives(self, *messages: NotificationMessage) -> None:
        """Puts messages on the lane's first topic."""
        self.broker.publish([topics.to(self.lane.persist, message) for message in messages])

    def step(self) -> None:
        """One batch."""
        self.consumer.step(Event())

    def sent(self) -> list[bytes]:
        """The ids that went on to the dispatcher."""
        return [NotificationMessage.FromString(value).id for value in self.broker.values(self.lane.send.name)]

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What the database says."""
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def committed(self) -> list[int]:
        """The committed offset."""
        return list(self.broker.committed.values())


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A pool on a database of the test's own."""
    made = make_engine(database_url)
    yield made
    made.dispose()


def later(seconds: float) -> int:
    """A time ahead, as messages carry it."""
    return columns.micros(datetime.now(UTC) + timedelta(seconds=seconds))


def uuid_of(message: NotificationMessage) -> UUID:
    """Its id."""
    return UUID(bytes=message.id)
