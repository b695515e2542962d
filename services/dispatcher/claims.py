"""Claiming: a batch of persisted notifications is rendered, claimed in one statement, and handed on to be sent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from sys import getsizeof
from time import monotonic
from typing import NamedTuple, TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import Engine

from octavo.domain.errors import Malformed, Rejected
from octavo.domain.ids import id_of
from octavo.domain.notification import KeyType, NotificationType, Status
from octavo.domain.outcome import Permanent
from octavo.faultpoint import Point, reach
from octavo.messaging import Place
from octavo.messaging.loop import Received
from octavo.providers import EmailMessage, TextMessage
from octavo.storage.columns import KEY_TYPE_OF, TYPE_OF
from octavo.storage.errors import transaction
from octavo.storage.send import claim_notifications
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from octavo.telemetry.traces import Headers
from octavo.telemetry.zero import at_zero
from octavo.topics import Outgoing
from octavo.v1.messages_pb2 import NotificationMessage
from services.dispatcher.compose import Composer

BATCH = 120
PIECE_BYTES = 4_000_000
"""What is rendered before it is claimed, about: of large emails less than a batch."""
Content = TextMessage | EmailMessage | Permanent
"""What goes to a provider; or why it can't be made."""
Batch: TypeAlias = Sequence[Received[NotificationMessage]]
Piece: TypeAlias = dict[UUID, tuple[Received[NotificationMessage], Content]]


class Claimed(NamedTuple):
    """A notification that is ours to send, once."""

    id: UUID
    type: NotificationType
    key_type: KeyType
    message: Content
    place: Place
    """Of its record, which is not kept: a thousand may be under way."""
    token: UUID
    attempt: int
    claimed_at: float
    """When, on the process's monotonic clock."""
    accepted_at_micros: int
    headers: Headers = ()
    """Of its trace, if it has one."""


class Claims:
    """The handler of one dispatcher topic."""

    def __init__(
        self,
        engine: Engine,
        composer: Composer,
        *,
        topic: str,
        begin: Callable[[Mapping[Place, int]], None],
        hand_on: Callable[[Sequence[Claimed]], None],
        make_room: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._composer = composer
        self._topic = topic
        self._begin = begin
        self._hand_on = hand_on
        self._make_room = make_room
        # Kept until a claim succeeds: one whose answer was lost is made again, not left to run out.
        self._token = uuid4()
        # Of a batch whose rest could not be claimed: they are not asked for again with the rest.
        self._claimed_before: set[UUID] = set()
        at_zero(metrics.CLAIMS, [topic], ["claimed", "skipped"])

    @measured
    def claim(self, batch: Batch) -> Sequence[Outgoing]:
        """Claims what is free and due, and hands it on; nothing is to be published.

        What is not free was sent, is being sent, or was withdrawn: its record ends here. Raises Unavailable while PostgreSQL is
        away, Malformed for a batch with a record that can't be opened.
        """
        if traces.active is None:
            return self._claim(batch, {})
        items = [(received.message.id, received.record.headers) for received in batch]
        with traces.active.handled(
            f"claim {self._topic}", items, {"messaging.destination.name": self._topic}
        ) as headers:
            return self._claim(batch, headers)

    def _claim(self, batch: Batch, headers: Mapping[bytes, Headers]) -> Sequence[Outgoing]:
        self._composer.prepare([received.message for received in batch])
        claimed = 0
        for number, piece in enumerate(self._pieces(batch)):
            if number:
                self._make_room()
            claimed += self._claim_piece(piece, headers)
        metrics.CLAIMS.labels(self._topic, "skipped").inc(len(batch) - claimed)
        self._claimed_before.clear()
        return ()

    def _pieces(self, batch: Batch) -> Iterator[Piece]:
        """The batch as it is claimed at once: nearly always whole, but in pieces where it would fill the memory."""
        piece: Piece = {}
        size = 0
        # Rendered first: what can't be opened must not be claimed, and a claim's lease is for the call alone.
        for received in batch:
            notification_id = _id_of(received.message)
            if notification_id in piece or notification_id in self._claimed_before:
                continue
            content = self._compose(received.message)
            piece[notification_id] = received, content
            size += _size_of(content)
            if size >= PIECE_BYTES:
                yield piece
                piece, size = {}, 0
        if piece:
            yield piece

    def _claim_piece(self, piece: Piece, headers: Mapping[bytes, Headers]) -> int:
        reach(Point.DISPATCHER_BEFORE_CLAIM)
        token, now = self._token, monotonic()
        attempts = self._claimed(list(piece), token)
        self._token = uuid4()
        self._claimed_before |= attempts.keys()
        reach(Point.DISPATCHER_AFTER_CLAIM)
        claimed = [
            Claimed(
                id=notification_id,
                type=TYPE_OF[received.message.type],
                key_type=KEY_TYPE_OF[received.message.key_type],
                message=content,
                place=received.record.place,
                token=token,
                attempt=attempts[notification_id],
                claimed_at=now,
                accepted_at_micros=received.message.created_at_micros,
                headers=headers.get(received.message.id, ()),
            )
            for notification_id, (received, content) in piece.items()
            if notification_id in attempts
        ]
        metrics.CLAIMS.labels(self._topic, "claimed").inc(len(claimed))
        self._begin({one.place: _size_of(one.message) for one in claimed})
        self._hand_on(claimed)
        return len(claimed)

    def _claimed(self, ids: Sequence[UUID], token: UUID) -> dict[UUID, int]:
        with transaction(self._engine) as connection:
            return claim_notifications(connection, ids, token)

    def _compose(self, message: NotificationMessage) -> Content:
        try:
            return self._composer.compose(message)
        except Rejected as error:
            return Permanent(f"can't be rendered: {error.reason}", Status.TECHNICAL_FAILURE)


def _id_of(message: NotificationMessage) -> UUID:
    try:
        return id_of(message.id)
    except ValueError:
        raise Malformed("the notification has no id") from None


def _size_of(content: Content) -> int:
    """Bytes of memory that it keeps, about; of anything but emails next to nothing."""
    return getsizeof(content.plain) + getsizeof(content.html) if isinstance(content, EmailMessage) else 0
