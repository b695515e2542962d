"""A dispatcher as its process makes it, and what the tests ask of the world around it."""

import asyncio
import json
import os
import threading
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from octavo.config import Settings, variable
from octavo.crypto import Sealer
from octavo.domain.ids import uuid7
from octavo.messaging.kafka import KafkaSink
from octavo.messaging.security import KafkaSecurity
from octavo.providers.registry import PROVIDERS
from octavo.storage import columns
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.topics import Lane, to
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent
from services.dispatcher.parts import topic_parts
from services.dispatcher.settings import DispatcherSettings

ANN = {"name": "Ann", "code": "4711"}


class Providers:
    """The simulated providers."""

    def __init__(self, url: str) -> None:
        self._url = url

    def behave(self, **how: Any) -> None:
        """Has all behave so; no receipts are sent."""
        told = {name: {"receipts": False} | how for name in PROVIDERS}
        self._ask("/behaviour", "PUT", json.dumps(told).encode())

    def forget(self) -> None:
        """Counts from nothing."""
        self._ask("/stats", "DELETE")

    def accepted(self, messages: Sequence[NotificationMessage]) -> Counter[UUID]:
        """How often each of these was accepted."""
        lines = map(json.loads, self._ask("/ledger").splitlines())
        return Counter(UUID(line["reference"]) for line in lines) & Counter(dict.fromkeys(map(id_of, messages), 1000))

    def line(self, message: NotificationMessage) -> dict[str, Any]:
        """What the ledger says of one that was accepted once."""
        (found,) = [
            line
            for line in map(json.loads, self._ask("/ledger").splitlines())
            if line["reference"] == str(id_of(message))
        ]
        return dict(found)

    def counted(self, name: str) -> int:
        """A count of all providers together: calls, in_flight, max_in_flight, …"""
        return sum(one[name] for one in json.loads(self._ask("/stats")).values())

    def _ask(self, path: str, method: str = "GET", body: bytes | None = None) -> str:
        request = urllib.request.Request(self._url + path, body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())


class Dispatcher:
    """The parts of one topic, on an event loop of their own; drained as in a process."""

    def __init__(self, lane: Lane, environment: Mapping[str, str], pool: Engine, **changed: Any) -> None:
        self.pool = pool
        self._lane = lane
        self._settings = configured(DispatcherSettings, environment, **changed)
        self._providers = {
            name: configured(one.settings, environment) for name, one in PROVIDERS.items() if one.sends is lane.type
        }
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="dispatcher", daemon=True)

    def start(self) -> Self:
        """Starts; it may be some seconds until it has partitions."""
        self._thread.start()
        assert self._started.wait(60)
        return self

    def drain(self) -> None:
        """Ends as a process that got SIGTERM."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(90)
        assert not self._thread.is_alive()
        self.pool.dispose()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        parts = topic_parts(self._lane, self._settings, self._providers, self.pool)
        for part in parts:
            await part.start()
        self._started.set()
        await self._stop.wait()
        for part in parts:
            await part.drain()


@dataclass
class Bench:
    """A lane of the test's own, a service in a database of the test's own, and the dispatchers that work on them."""

    lane: Lane
    environment: Mapping[str, str]
    engine: Engine
    seeded: Mapping[str, str]
    providers: Providers
    dispatchers: list[Dispatcher] = field(default_factory=list)

    def dispatcher(self, **settings: Any) -> Dispatcher:
        """A dispatcher that has started; it is drained after the test."""
        pool = make_engine(self.environment["DATABASE_URL"], application="test-dispatcher")
        self.dispatchers.append(Dispatcher(self.lane, self.environment, pool, **settings))
        return self.dispatchers[-1].start()

    def persisted(self, count: int = 1, recipient: str = "07700900111", **changed: Any) -> list[NotificationMessage]:
        """Notifications as the persister leaves them: rows, and messages to be published."""
        messages = [self._message(recipient, changed) for _ in range(count)]
        with transaction(self.engine) as connection:
            insert_notifications(connection, messages)
        return messages

    def publish(self, messages: Sequence[NotificationMessage]) -> None:
        """Puts them on the dispatcher's topic."""
        with closing(KafkaSink(self.environment["KAFKA_BOOTSTRAP"], KafkaSecurity.plain())) as sink:
            sink.publish([to(self.lane.send, message) for message in messages])

    def sent(self, count: int = 1, **given: Any) -> list[NotificationMessage]:
        """Persists and publishes."""
        messages = self.persisted(count, **given)
        self.publish(messages)
        return messages

    def row(self, message: NotificationMessage) -> Any:
        """The notification's row; its status is the same in the history."""
        (row,) = self.ask("SELECT * FROM notifications WHERE id = :id", id=id_of(message))
        assert self.ask("SELECT status FROM notification_history WHERE id = :id", id=row.id) == [(row.status,)]
        return row

    def in_status(self, status: str) -> int:
        """How many are."""
        return int(self.ask("SELECT count(*) AS n FROM notifications WHERE status = :status", status=status)[0].n)

    def ask(self, statement: str, **values: Any) -> list[Any]:
        """What the database says."""
        with transaction(self.engine) as connection:
            found = connection.execute(text(statement), values)
            return list(found) if found.returns_rows else []

    def _message(self, recipient: str, changed: Mapping[str, Any]) -> NotificationMessage:
        now = datetime.now(UTC)
        notification_id = uuid7(now, os.urandom(10)).bytes
        content = SealedContent(notification_id=notification_id, recipient=recipient, personalisation=ANN)
        message = NotificationMessage(
            id=notification_id,
            service_id=UUID(self.seeded["service_id"]).bytes,
            type=columns.TYPE[self.lane.type],
            template_id=UUID(self.seeded[f"{self.lane.type}_template_id"]).bytes,
            template_version=1,
            key_type=pb.KEY_TYPE_LIVE,
            sealed=Sealer(self.environment["OCTAVO_SEALING_KEYS"].split(",")).seal(content),
            recipient_hash=b"r" * 16,
            content_hash=uuid4().bytes,
            created_at_micros=columns.micros(now),
            parts=1,
        )
        for name, value in changed.items():
            setattr(message, name, value)
        return message


def id_of(message: NotificationMessage) -> UUID:
    return UUID(bytes=message.id)


def configured(kind: type[Settings], environment: Mapping[str, str], **changed: Any) -> Any:
    """Settings of an environment that is not the test's own."""
    given = {
        str(one.validation_alias or name): environment[variable(kind, name)]
        for name, one in kind.model_fields.items()
        if variable(kind, name) in environment
    }
    return kind(**given | changed)
