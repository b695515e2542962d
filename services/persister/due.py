"""The due loop: rows whose time has come (a retry, a schedule, a rescue) go to the dispatcher's topic of their own lane."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Event

from sqlalchemy import Engine

from octavo.domain.ids import id_of
from octavo.messaging import Sink
from octavo.process import repeat
from octavo.storage.columns import TYPE_OF
from octavo.storage.due import MOST_SEALED_BYTES, postpone_rescue, take_due_notifications
from octavo.storage.errors import transaction
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from octavo.telemetry.zero import at_zero
from octavo.topics import LANES, Topic, lane_of, to
from octavo.v1.messages_pb2 import NotificationMessage

BATCH = 500
EVERY_SECONDS = 0.5
AGAIN_AFTER = timedelta(seconds=30)
"""When a row is published again if the process ends between taking and publishing it."""


class Due:
    """The loop. Any number of processes may run it at once: each takes other rows."""

    def __init__(self, engine: Engine, sink: Sink, every_seconds: float = EVERY_SECONDS) -> None:
        self._engine = engine
        self._sink = sink
        self._every = every_seconds
        at_zero(metrics.PUBLISHED, [lane.send.name for lane in LANES])

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL and Kafka may be away."""
        repeat("due", lambda: _is_full(self.publish_due()), self._every, stop)

    @measured
    def publish_due(self) -> Sequence[NotificationMessage]:
        """Takes a batch and publishes it. Raises Unavailable: those taken come again by themselves."""
        with transaction(self._engine) as connection:
            messages = take_due_notifications(connection, BATCH, AGAIN_AFTER)
        if not messages:
            return ()
        self._publish(messages)
        with transaction(self._engine) as connection:
            postpone_rescue(connection, [id_of(message.id) for message in messages])
        return messages

    def _publish(self, messages: Sequence[NotificationMessage]) -> None:
        if traces.active is None:
            self._sink.publish([to(_topic(message), message) for message in messages])
            return
        # What came before in its trace is not known here: it goes behind the first span.
        with traces.active.handled("due", [(message.id, ()) for message in messages], {}) as headers:
            self._sink.publish([to(_topic(message), message, headers.get(message.id, ())) for message in messages])


def _is_full(batch: Sequence[NotificationMessage]) -> bool:
    """Whether more may be due than was taken."""
    return len(batch) == BATCH or sum(len(message.sealed) for message in batch) >= MOST_SEALED_BYTES


def _topic(message: NotificationMessage) -> Topic[NotificationMessage]:
    return lane_of(TYPE_OF[message.type], in_job=bool(message.job_id)).send
