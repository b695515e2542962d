"""Doors: where a provider's receipts come in. Each says who is let in, how much is read, and what is in it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from octavo.providers import ReceiptParser, ReceiptRequest
from octavo.providers.sns import SnsInbox
from octavo.providers.sns_envelope import Kind
from octavo.v1.messages_pb2 import ReceiptMessage

SMS_BYTES = 64 * 1024
SNS_BYTES = 256 * 1024
"""The largest message that SNS carries."""


def _nothing() -> None:
    """Nothing is left to do."""


class Taken(NamedTuple):
    """What came in, and what to do once it is durable."""

    receipts: Sequence[ReceiptMessage]
    done: Callable[[], None] = _nothing


class Door(Protocol):
    """One way in."""

    name: str
    limit: int
    """Bytes of a body at most."""

    def admit(self, headers: Mapping[str, str], now: datetime) -> None:
        """Raises Unauthenticated when the headers alone tell that it is not the provider: nothing is read then."""

    async def take(self, request: ReceiptRequest) -> Taken:
        """The receipts of a request. Raises Rejected for one that breaks a rule, Unavailable if that can't be told now."""


class SmsDoor:
    """Receipts over plain HTTP, with credentials in the headers."""

    limit = SMS_BYTES

    def __init__(self, parser: ReceiptParser) -> None:
        self.name = parser.name
        self._parser = parser

    def admit(self, headers: Mapping[str, str], now: datetime) -> None:
        """Asks the parser; it needs no body for this."""
        self._parser.authenticate(ReceiptRequest(headers, b"", now))

    async def take(self, request: ReceiptRequest) -> Taken:
        """The receipts."""
        return Taken(self._parser.parse(request))


class SesDoor:
    """Receipts of SES inside messages of SNS, whose signature says who sent them."""

    limit = SNS_BYTES

    def __init__(self, parser: ReceiptParser, inbox: SnsInbox) -> None:
        self.name = parser.name
        self._parser = parser
        self._inbox = inbox

    def admit(self, headers: Mapping[str, str], now: datetime) -> None:
        """Lets everybody in: only the body tells."""

    async def take(self, request: ReceiptRequest) -> Taken:
        """The receipts in the message; none in a confirmation, which is followed."""
        envelope = await self._inbox.take(request.body, request.received_at)
        receipts: Sequence[ReceiptMessage] = ()
        if envelope.kind is Kind.NOTIFICATION:
            inner = ReceiptRequest(request.headers, envelope.message.encode(), request.received_at)
            receipts = self._parser.parse(inner)
        else:
            await self._inbox.follow(envelope)
        return Taken(receipts, lambda: self._inbox.done(envelope, request.received_at))
