"""Sends with test keys: nothing is sent, and the recipient decides how they end (facts of the field).

The receipt takes the same way as any provider's, so that a test shows what a live send would show.
"""

import asyncio
from datetime import UTC, datetime

from octavo import topics
from octavo.domain.errors import Unavailable
from octavo.domain.outcome import Accepted, Outcome, Temporary
from octavo.domain.recipient import test_outcome
from octavo.messaging import Sink
from octavo.providers import EmailMessage, TextMessage
from octavo.storage.columns import STATUS, micros
from octavo.telemetry import metrics
from octavo.telemetry.zero import at_zero
from octavo.v1.messages_pb2 import ReceiptMessage

NAME = "test"


class Unsent:
    """Stands where a provider would."""

    name = NAME

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        at_zero(metrics.PUBLISHED, [topics.RECEIPTS.name])

    async def send(self, message: TextMessage | EmailMessage) -> Outcome:
        """Publishes the receipt at once: it may come before the record of the send, as any receipt may."""
        now = micros(datetime.now(UTC))
        receipt = ReceiptMessage(
            provider=NAME,
            notification_id=message.reference.bytes,
            status=STATUS[test_outcome(message.to)],
            occurred_at_micros=now,
            received_at_micros=now,
        )
        try:
            await asyncio.to_thread(self._sink.publish, [topics.to(topics.RECEIPTS, receipt)])
        except Unavailable:
            return Temporary("the broker is away")
        return Accepted()

    async def close(self) -> None:
        """Has nothing to end."""
