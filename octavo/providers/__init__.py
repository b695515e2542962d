"""Providers: who delivers. One file a provider: its client and the parsing of its receipts; and one line in `registry.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from octavo.domain.notification import NotificationType
from octavo.domain.outcome import Outcome
from octavo.domain.recipient import EmailAddress, PhoneNumber
from octavo.v1.messages_pb2 import ReceiptMessage


class TextMessage(NamedTuple):
    """An SMS as it goes to a provider. `reference` is the notification's id."""

    reference: UUID
    to: PhoneNumber
    text: str
    sender: str


class EmailMessage(NamedTuple):
    """An email as it goes to a provider. `reference` is the notification's id."""

    reference: UUID
    to: EmailAddress
    subject: str
    plain: str
    html: str
    from_name: str
    reply_to_address: str | None


class Provider(Protocol):
    """A provider's client. It never raises for what the provider or the network does: every end is an outcome."""

    name: str
    type: NotificationType
    at_once: int
    """How many calls it can make at a time. Whoever has more lets them wait outside: a call begins when it is offered."""

    async def send(self, message: TextMessage | EmailMessage) -> Outcome:
        """Offers a message, once."""

    async def close(self) -> None:
        """Ends its connections."""


class ReceiptRequest(NamedTuple):
    """A receipt as it came over HTTP; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class ReceiptParser(Protocol):
    """How a provider's receipts are told from forgeries, and read."""

    name: str

    def authenticate(self, request: ReceiptRequest) -> None:
        """Raises Unauthenticated if it does not come from the provider."""

    def parse(self, request: ReceiptRequest) -> Sequence[ReceiptMessage]:
        """The receipts in it. Raises Invalid if it can't be read."""
