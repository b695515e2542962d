"""Looking notifications up: the database is asked, and what is sealed is opened, in threads beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Engine

from octavo.crypto import Hasher
from octavo.domain.errors import Invalid, NotFound, Reason
from octavo.domain.recipient import normalised, parse_email, parse_phone
from octavo.domain.text import check_text
from octavo.storage import lookups
from octavo.storage.columns import STATUS_OF, TYPE_OF
from octavo.storage.directory import Service
from octavo.storage.errors import transaction
from octavo.v1 import notification_pb2
from octavo.v1 import notification_service_pb2 as pb
from services.api.fields import read_enum, read_id, read_page_size, read_time
from services.api.following.arrivals import Arrivals
from services.api.following.shown import Shown
from services.api.page_token import PageTokens
from services.api.question import within

T = TypeVar("T")

PATIENCE_SECONDS = 10.0
"""How long an answer of the database is waited for: one that stands still never says no."""
MOST_BYTES = 3_500_000
"""A page of long texts ends early: clients refuse answers above 4 MiB."""


class Lookups:
    """Finds notifications of a service."""

    def __init__(
        self,
        engine: Engine,
        threads: ThreadPoolExecutor,
        shown: Shown,
        hasher: Hasher,
        arrivals: Arrivals,
        default_region: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._shown = shown
        self._hasher = hasher
        self._tokens = PageTokens(hasher)
        self._arrivals = arrivals
        self._region = default_region
        self._clock = clock

    async def get(
        self, request: pb.GetNotificationRequest, service: Service, patience: float | None = None
    ) -> notification_pb2.Notification:
        """The notification with its history; one accepted moments ago is waited for, at most `patience` seconds.

        Raises NotFound if the service has no such one.
        """
        notification_id = read_id("id", request.id)
        found = await self.find(service, notification_id)
        if found is None and await self._arrivals.wait(service.id, notification_id, self._clock(), patience):
            found = await self.find(service, notification_id)
        if found is None:
            raise not_found()
        return found

    async def arrived(self, field: str, notification_id: UUID, service: Service, patience: float | None = None) -> None:
        """Raises NotFound unless the service has such a notification; one accepted moments ago is waited for."""
        if await self._in_thread(lambda: self._is_there(service, notification_id)):
            return
        if not await self._arrivals.wait(service.id, notification_id, self._clock(), patience):
            raise not_found(field)

    async def find(self, service: Service, notification_id: UUID) -> notification_pb2.Notification | None:
        """The notification with its history as it stands now; None if the service has no such one."""
        return await self._in_thread(lambda: self._get(service, notification_id))

    async def list(self, request: pb.ListNotificationsRequest, service: Service) -> pb.ListNotificationsResponse:
        """A page, newest first. Raises Invalid that names a filter which can't be read."""
        size = read_page_size(request.page_size)
        wanted = self._filter(request, service)
        before = self._tokens.read(service.id, request)
        return await self._in_thread(lambda: self._list(request, service, wanted, before, size))

    def _get(self, service: Service, notification_id: UUID) -> notification_pb2.Notification | None:
        with transaction(self._engine) as connection:
            row = lookups.get_notification(connection, service.id, notification_id)
            moves = lookups.get_moves(connection, service.id, notification_id) if row else ()
        return self._shown.notification(row, service, moves) if row else None

    def _is_there(self, service: Service, notification_id: UUID) -> bool:
        return (notification_id, service.id) in lookups.which_are_there(self._engine, [notification_id])

    def _list(
        self,
        request: pb.ListNotificationsRequest,
        service: Service,
        wanted: lookups.Filter,
        before: UUID | None,
        size: int,
    ) -> pb.ListNotificationsResponse:
        with transaction(self._engine) as connection:
            # One more than the page holds tells whether there is another page.
            rows = lookups.list_notifications(connection, service.id, wanted, before, size + 1)
        response, length = pb.ListNotificationsResponse(), 0
        for row in rows[:size]:
            shown = self._shown.notification(row, service)
            length += shown.ByteSize()
            if response.notifications and length > MOST_BYTES:
                break
            response.notifications.append(shown)
        if rows and len(response.notifications) < rows[0].candidates:
            response.next_page_token = self._tokens.write(service.id, request, rows[len(response.notifications) - 1].id)
        return response

    def _filter(self, request: pb.ListNotificationsRequest, service: Service) -> lookups.Filter:
        check_text("reference", request.reference)
        # Before any is looked at: all other calls wait meanwhile.
        if len(request.statuses) > len(STATUS_OF):
            raise Invalid.of("statuses", Reason.TOO_MANY_ITEMS, f"there are no more than {len(STATUS_OF)} statuses")
        created_from, created_before = read_time(request, "created_from"), read_time(request, "created_before")
        if created_from and created_before and created_from > created_before:
            raise Invalid.of("created_from", Reason.INVALID_RANGE, "created_from comes after created_before")
        return lookups.Filter(
            type=read_enum(TYPE_OF, "type", request.type) if request.type else None,
            statuses=tuple(read_enum(STATUS_OF, f"statuses[{place}]", n) for place, n in enumerate(request.statuses)),
            template_id=read_id("template_id", request.template_id) if request.template_id else None,
            reference=request.reference,
            job_id=read_id("job_id", request.job_id) if request.job_id else None,
            created_from=created_from,
            created_before=created_before,
            recipient_hash=self._recipient_hash(service, request.recipient) if request.recipient else None,
        )

    def _recipient_hash(self, service: Service, given: str) -> bytes:
        recipient = (
            parse_email(given, field="recipient")
            if "@" in given
            else parse_phone(given, self._region, field="recipient")
        )
        return self._hasher.recipient(service.id.bytes, normalised(recipient))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await within(asyncio.get_running_loop().run_in_executor(self._threads, work), PATIENCE_SECONDS)


def not_found(field: str = "id") -> NotFound:
    """The one answer for what does not exist and for what is another service's."""
    return NotFound("notification", field=field)
