"""octavo.v1.NotificationService: each method reads who calls, and leaves the work to what is made for it."""

from octavo.v1 import notification_service_pb2 as pb
from services.api.caller import current
from services.api.calls import Context
from services.api.lookups import Lookups
from services.api.sending import Sending
from services.api.statistics import Statistics

_RESERVE_SECONDS = 0.2
"""What is left of a client's deadline for the answer itself."""


class NotificationServicer:
    """Sends, and tells what became of it."""

    def __init__(self, sending: Sending, lookups: Lookups, statistics: Statistics) -> None:
        self._sending = sending
        self._lookups = lookups
        self._statistics = statistics

    async def SendSms(self, request: pb.SendSmsRequest, _context: Context) -> object:  # noqa: N802 - gRPC's name
        """Sends one text message."""
        return await self._sending.send(request, current())

    async def SendEmail(self, request: pb.SendEmailRequest, _context: Context) -> object:  # noqa: N802
        """Sends one email."""
        return await self._sending.send(request, current())

    async def GetNotification(  # noqa: N802
        self, request: pb.GetNotificationRequest, context: Context
    ) -> pb.GetNotificationResponse:
        """Shows one notification."""
        service, _ = current().as_service()
        left = context.time_remaining()
        patience = None if left is None else left - _RESERVE_SECONDS
        return pb.GetNotificationResponse(notification=await self._lookups.get(request, service, patience))

    async def ListNotifications(  # noqa: N802
        self, request: pb.ListNotificationsRequest, _context: Context
    ) -> pb.ListNotificationsResponse:
        """Shows a page of notifications."""
        service, _ = current().as_service()
        return await self._lookups.list(request, service)

    async def GetStatistics(  # noqa: N802
        self, request: pb.GetStatisticsRequest, _context: Context
    ) -> pb.GetStatisticsResponse:
        """Counts the service's notifications."""
        service, _ = current().as_service()
        return await self._statistics.get(request, service)
