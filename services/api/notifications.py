"""octavo.v1.NotificationService: each method reads who calls, and leaves the work to what is made for it."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing

from octavo.v1 import notification_service_pb2 as pb
from services.api.following.cancelling import Cancelling
from services.api.following.lookups import Lookups
from services.api.following.statistics import Statistics
from services.api.following.watching import Watching
from services.api.sending.batch import Batches
from services.api.sending.send import Sending
from services.api.serving.caller import current
from services.api.serving.calls import Context

_RESERVE_SECONDS = 0.2
"""What is left of a client's deadline for the answer itself."""


class NotificationServicer:
    """Sends, and tells what became of it."""

    def __init__(
        self,
        sending: Sending,
        batches: Batches,
        lookups: Lookups,
        cancelling: Cancelling,
        watching: Watching,
        statistics: Statistics,
    ) -> None:
        self._sending = sending
        self._batches = batches
        self._lookups = lookups
        self._cancelling = cancelling
        self._watching = watching
        self._statistics = statistics

    def SendSms(self, request: pb.SendSmsRequest, _context: Context) -> Awaitable[object]:  # noqa: N802 - gRPC's name
        """Sends one text message."""
        return self._sending.send(request, current())

    def SendEmail(self, request: pb.SendEmailRequest, _context: Context) -> Awaitable[object]:  # noqa: N802
        """Sends one email."""
        return self._sending.send(request, current())

    def SendBatch(  # noqa: N802
        self, request: pb.SendBatchRequest, _context: Context
    ) -> Awaitable[pb.SendBatchResponse]:
        """Sends several messages."""
        return self._batches.send(request, current())

    async def GetNotification(  # noqa: N802
        self, request: pb.GetNotificationRequest, context: Context
    ) -> pb.GetNotificationResponse:
        """Shows one notification."""
        service, _ = current().as_service()
        found = await self._lookups.get(request, service, _patience(context))
        return pb.GetNotificationResponse(notification=found)

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

    async def CancelNotification(  # noqa: N802
        self, request: pb.CancelNotificationRequest, context: Context
    ) -> pb.CancelNotificationResponse:
        """Withdraws one notification."""
        service, _ = current().as_service()
        cancelled = await self._cancelling.cancel(request, service, _patience(context))
        return pb.CancelNotificationResponse(notification=cancelled)

    async def WatchNotifications(  # noqa: N802
        self, request: pb.WatchNotificationsRequest, context: Context
    ) -> AsyncIterator[pb.WatchNotificationsResponse]:
        """Streams status changes."""
        service, key = current().as_service()

        async def begun(token: str) -> None:
            # Whoever loses the stream before anything moved goes on from here.
            await context.send_initial_metadata((("octavo-resume-token", token),))

        async with aclosing(self._watching.watch(request, service, key, begun)) as responses:
            async for response in responses:
                yield response


def _patience(context: Context) -> float | None:
    left = context.time_remaining()
    return None if left is None else left - _RESERVE_SECONDS
