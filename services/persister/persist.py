"""Persisting: a batch of accepted notifications becomes rows of both tables, and goes on to the dispatcher."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy import Engine

from octavo.domain.errors import Malformed
from octavo.domain.notification import Status
from octavo.faultpoint import Point, reach
from octavo.messaging.loop import Received
from octavo.storage.columns import TYPE
from octavo.storage.errors import transaction
from octavo.storage.insert import Inserted, insert_notifications
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from octavo.telemetry.retries import persist_step, retries_failed, retry_planned
from octavo.telemetry.traces import Headers
from octavo.telemetry.zero import at_zero
from octavo.topics import Lane, Outgoing, to
from octavo.v1.messages_pb2 import NotificationMessage

log = structlog.get_logger()

Batch = Sequence[Received[NotificationMessage]]

BATCH = 200


class Persister:
    """The handler of one lane."""

    def __init__(self, engine: Engine, lane: Lane) -> None:
        self._engine = engine
        self._lane = lane
        self._step = persist_step(lane.type)
        for metric in (metrics.PERSISTED, metrics.OTHER_CONTENT):
            at_zero(metric, [lane.persist.name])
        for metric in (metrics.RETRIES, metrics.RETRIES_FAILED):
            at_zero(metric, [self._step])
        at_zero(metrics.PUBLISHED, [lane.send.name])

    @measured
    def persist(self, batch: Batch) -> Sequence[Outgoing]:
        """Writes what is not there yet, and returns all of it for the dispatcher's topic.

        Records that came before are returned, too: a crash between the database's commit and the publish must not lose one.
        Raises Unavailable while PostgreSQL is away, Malformed for a batch with a record that violates the schema.
        """
        if traces.active is None:
            return self._persist(batch, {})
        topic = self._lane.persist.name
        items = [(received.message.id, received.record.headers) for received in batch]
        with traces.active.handled(f"persist {topic}", items, {"messaging.destination.name": topic}) as headers:
            return self._persist(batch, headers)

    def _persist(self, batch: Batch, headers: Mapping[bytes, Headers]) -> Sequence[Outgoing]:
        messages = self._different([received.message for received in batch])
        reach(Point.PERSISTER_BEFORE_INSERT)
        with transaction(self._engine) as connection:
            inserted = insert_notifications(connection, messages)
        reach(Point.PERSISTER_AFTER_COMMIT)
        metrics.PERSISTED.labels(self._lane.persist.name).inc(sum(one.fresh for one in inserted.values()))
        return [
            to(self._lane.send, message, headers.get(message.id, ()))
            for message in messages
            if self._goes_on(message, inserted[message.id])
        ]

    def retrying(self, batch: Batch, attempt: int) -> None:
        """Says of each notification that persisting it is tried again."""
        for received in batch:
            retry_planned(
                self._step, _id_of(received.message), attempt=attempt, wait=None, reason="a dependency is away"
            )

    def buried(self, received: Received[NotificationMessage], error: Malformed) -> None:
        """Says of a notification that it can't be persisted, ever."""
        retries_failed(self._step, _id_of(received.message), attempts=1, reason=str(error))

    def _different(self, messages: Sequence[NotificationMessage]) -> list[NotificationMessage]:
        """One message for each id: the first. Raises Malformed if one is of another type than the lane."""
        first: dict[bytes, NotificationMessage] = {}
        for message in messages:
            if message.type != TYPE[self._lane.type]:
                raise Malformed(f"{self._lane.persist.name} carries a notification of another type")
            if first.setdefault(message.id, message).content_hash != message.content_hash:
                self._dropped(message)
        return list(first.values())

    def _goes_on(self, message: NotificationMessage, one: Inserted) -> bool:
        """Whether a dispatcher is to see it now: one for later waits for the due loop, one that moved on is past it."""
        if one.other_content:
            # Two contents under one request_id in the same instant: the first row wins.
            self._dropped(message)
            return False
        return one.status == Status.CREATED

    def _dropped(self, message: NotificationMessage) -> None:
        """Says whose message it is that another content has the id of."""
        topic = self._lane.persist.name
        metrics.OTHER_CONTENT.labels(topic).inc()
        service = str(_uuid(message.service_id))
        log.warning("other content", topic=topic, notification_id=str(_id_of(message)), service_id=service)


def _id_of(message: NotificationMessage) -> UUID:
    return _uuid(message.id)


def _uuid(given: bytes) -> UUID:
    return UUID(bytes=given) if len(given) == 16 else UUID(int=0)  # noqa: PLR2004 - a UUID's bytes
