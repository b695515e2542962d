"""octavo.v1.RegistryService: the platform team onboards services and keeps their guest lists."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from octavo.crypto import Hasher
from octavo.domain.errors import Invalid, Reason, Unavailable
from octavo.domain.ids import uuid7
from octavo.storage import registry
from octavo.storage.directory import Directory
from octavo.v1 import registry_service_pb2 as pb
from services.api.fields import read_id, read_page_size, written_time
from services.api.management.guest_list import GuestList
from services.api.management.service_settings import POLICY, changed, named_fields, new_settings
from services.api.management.unconfirmed import UnconfirmedSends
from services.api.page_token import ALL_SERVICES, PageTokens
from services.api.serving.calls import Context
from services.api.transactions import Transactions


class RegistryServicer:
    """Creates, shows and changes services."""

    def __init__(
        self,
        transactions: Transactions,
        directory: Directory,
        guests: GuestList,
        unconfirmed: UnconfirmedSends,
        hasher: Hasher,
        clock: Callable[[], datetime],
    ) -> None:
        self._transactions = transactions
        self._directory = directory
        self._guests = guests
        self._unconfirmed = unconfirmed
        self._tokens = PageTokens(hasher)
        self._clock = clock

    async def CreateService(  # noqa: N802 - gRPC's name
        self, request: pb.CreateServiceRequest, _context: Context
    ) -> pb.CreateServiceResponse:
        """Onboards a service."""
        if not request.HasField("service"):
            raise Invalid.of("service", Reason.MISSING_FIELD, "service is needed")
        settings = new_settings(request.service)
        service_id = uuid7(self._clock(), os.urandom(10))
        row = await self._transactions.run(
            lambda connection: registry.insert_service(connection, service_id, settings),
            lambda: self._renew(service_id),
        )
        return pb.CreateServiceResponse(service=_shown(row))

    async def GetService(self, request: pb.GetServiceRequest, _context: Context) -> pb.GetServiceResponse:  # noqa: N802
        """Shows a service."""
        service_id = read_id("id", request.id)
        row = await self._transactions.run(lambda connection: registry.get_service(connection, service_id, field="id"))
        return pb.GetServiceResponse(service=_shown(row))

    async def UpdateService(  # noqa: N802
        self, request: pb.UpdateServiceRequest, _context: Context
    ) -> pb.UpdateServiceResponse:
        """Changes the named fields; two changes at once come one after the other."""
        service_id = read_id("service.id", request.service.id)
        names = named_fields(request)

        def work(connection: Connection) -> Row[Any]:
            before = registry.get_service(connection, service_id, field="service.id", lock=True)
            after = changed(registry.settings_of(before), request.service, names)
            return registry.update_service(connection, service_id, after)

        row = await self._transactions.run(work, lambda: self._renew(service_id))
        return pb.UpdateServiceResponse(service=_shown(row))

    async def ListServices(  # noqa: N802
        self, request: pb.ListServicesRequest, _context: Context
    ) -> pb.ListServicesResponse:
        """Shows a page of services, newest first."""
        size = read_page_size(request.page_size)
        before = self._tokens.read(ALL_SERVICES, request)
        rows = await self._transactions.run(lambda connection: registry.list_services(connection, before, size + 1))
        page = rows[:size]
        return pb.ListServicesResponse(
            services=[_shown(row) for row in page],
            next_page_token=self._tokens.write(ALL_SERVICES, request, page[-1].id) if len(rows) > size else "",
        )

    async def AddGuests(self, request: pb.AddGuestsRequest, _context: Context) -> pb.AddGuestsResponse:  # noqa: N802
        """Adds recipients to a guest list."""
        return await self._guests.add(request)

    async def RemoveGuests(  # noqa: N802
        self, request: pb.RemoveGuestsRequest, _context: Context
    ) -> pb.RemoveGuestsResponse:
        """Takes recipients off a guest list."""
        return await self._guests.remove(request)

    async def ListGuests(self, request: pb.ListGuestsRequest, _context: Context) -> pb.ListGuestsResponse:  # noqa: N802
        """Shows a page of a guest list."""
        return await self._guests.list(request)

    async def ListUnconfirmedSends(  # noqa: N802
        self, request: pb.ListUnconfirmedSendsRequest, _context: Context
    ) -> pb.ListUnconfirmedSendsResponse:
        """Shows a page of what a provider may have, without a clear answer."""
        return await self._unconfirmed.list(request)

    def _renew(self, service_id: UUID) -> None:
        """Here the change is in force at once; other processes see it when what they know gets old."""
        with suppress(Unavailable):
            self._directory.services.refresh([service_id])


def _shown(row: Row[Any]) -> pb.Service:
    values = {name: getattr(row, name) for name in registry.NAMES}
    return pb.Service(
        **values | {"unconfirmed_policy": POLICY[row.unconfirmed_policy]},
        id=str(row.id),
        created_at=written_time(row.created_at),
        updated_at=written_time(row.updated_at),
    )
