"""The guest lists of services, as the platform team keeps them: sealed, and found by hash."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from octavo.crypto import Hasher, Sealer
from octavo.domain.errors import Invalid, Reason
from octavo.domain.ids import uuid7
from octavo.domain.recipient import PhoneNumber, normalised, parse_email, parse_phone
from octavo.domain.violations import Violations
from octavo.storage import registry
from octavo.v1 import registry_service_pb2 as pb
from octavo.v1.messages_pb2 import SealedContent
from services.api.fields import read_id, read_page_size, written_time
from services.api.page_token import PageTokens
from services.api.transactions import Transactions

AT_ONCE = 100
"""Recipients in one call."""


@dataclass(frozen=True, slots=True)
class _Recipient:
    shown: str
    hash: bytes


class GuestList:
    """Adds, removes and lists guests."""

    def __init__(
        self,
        transactions: Transactions,
        sealer: Sealer,
        hasher: Hasher,
        default_region: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._transactions = transactions
        self._sealer = sealer
        self._hasher = hasher
        self._tokens = PageTokens(hasher)
        self._region = default_region
        self._clock = clock

    async def add(self, request: pb.AddGuestsRequest) -> pb.AddGuestsResponse:
        """All of them on the list; or none, and Invalid that names each that is no recipient."""
        service_id = read_id("service_id", request.service_id)
        recipients = self._read(service_id, request.recipients)
        guests = [self._sealed(recipient) for recipient in recipients]

        def work(connection: Connection) -> dict[bytes, Row[Any]]:
            registry.get_service(connection, service_id, field="service_id")
            return registry.add_guests(connection, service_id, guests)

        rows = await self._transactions.run(work)
        return pb.AddGuestsResponse(
            guests=[
                pb.Guest(recipient=recipient.shown, created_at=written_time(rows[recipient.hash].created_at))
                for recipient in recipients
            ]
        )

    async def remove(self, request: pb.RemoveGuestsRequest) -> pb.RemoveGuestsResponse:
        """How many of them were on the list, and are no more."""
        service_id = read_id("service_id", request.service_id)
        hashes = [recipient.hash for recipient in self._read(service_id, request.recipients)]

        def work(connection: Connection) -> int:
            registry.get_service(connection, service_id, field="service_id")
            return registry.remove_guests(connection, service_id, hashes)

        return pb.RemoveGuestsResponse(removed=await self._transactions.run(work))

    async def list(self, request: pb.ListGuestsRequest) -> pb.ListGuestsResponse:
        """A page, newest first."""
        service_id = read_id("service_id", request.service_id)
        size = read_page_size(request.page_size)
        before = self._tokens.read(service_id, request)

        def work(connection: Connection) -> pb.ListGuestsResponse:
            registry.get_service(connection, service_id, field="service_id")
            rows = registry.list_guests(connection, service_id, before, size + 1)
            page = rows[:size]
            return pb.ListGuestsResponse(
                guests=[self._opened(row) for row in page],
                next_page_token=self._tokens.write(service_id, request, page[-1].guest_id) if len(rows) > size else "",
            )

        return await self._transactions.run(work)

    def _read(self, service_id: UUID, given: Sequence[str]) -> Sequence[_Recipient]:
        if not given:
            raise Invalid.of("recipients", Reason.MISSING_FIELD, "recipients is empty")
        if len(given) > AT_ONCE:
            raise Invalid.of("recipients", Reason.TOO_MANY_ITEMS, f"recipients has more than {AT_ONCE}")
        faults = Violations()
        found = [
            faults.read(self._recipient, service_id, text, f"recipients[{place}]") for place, text in enumerate(given)
        ]
        faults.tell()
        return [one for one in found if one is not None]

    def _recipient(self, service_id: UUID, text: str, field: str) -> _Recipient:
        if "@" in text:
            address = parse_email(text, field=field)
            return _Recipient(address.address, self._hasher.recipient(service_id.bytes, normalised(address)))
        number: PhoneNumber = parse_phone(text, self._region, field=field)
        return _Recipient(number.e164, self._hasher.recipient(service_id.bytes, normalised(number)))

    def _sealed(self, recipient: _Recipient) -> registry.NewGuest:
        guest_id = uuid7(self._clock(), os.urandom(10))
        content = SealedContent(notification_id=guest_id.bytes, recipient=recipient.shown)
        return registry.NewGuest(guest_id, recipient.hash, self._sealer.seal(content))

    def _opened(self, row: Row[Any]) -> pb.Guest:
        content = self._sealer.open(row.guest_id.bytes, bytes(row.sealed))
        return pb.Guest(recipient=content.recipient, created_at=written_time(row.created_at))
