"""Withdrawing notifications: a compare-and-set against whoever claims them at the same moment."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from octavo.domain.errors import FailedPrecondition, Reason
from octavo.domain.notification import Status
from octavo.storage.changes import cancel_notification
from octavo.storage.columns import STATUS_OF
from octavo.storage.directory import Service
from octavo.v1 import notification_pb2
from octavo.v1 import notification_service_pb2 as pb
from services.api.fields import read_id
from services.api.following.arrivals import Arrivals
from services.api.following.lookups import Lookups, not_found
from services.api.transactions import Transactions

_FREE = frozenset({Status.SCHEDULED, Status.CREATED})


class Cancelling:
    """Cancels notifications of a service."""

    def __init__(
        self, transactions: Transactions, lookups: Lookups, arrivals: Arrivals, clock: Callable[[], datetime]
    ) -> None:
        self._transactions = transactions
        self._lookups = lookups
        self._arrivals = arrivals
        self._clock = clock

    async def cancel(
        self, request: pb.CancelNotificationRequest, service: Service, patience: float | None = None
    ) -> notification_pb2.Notification:
        """The notification, cancelled; one accepted moments ago is waited for. Harmless to repeat.

        Raises NotFound if the service has no such one, FailedPrecondition if it is on its way or settled.
        """
        notification_id = read_id("id", request.id)
        cancelled, found = await self._attempt(service, notification_id)
        if found is None:
            await self._arrivals.wait(service.id, notification_id, self._clock(), patience)
        if not cancelled and (found is None or STATUS_OF[found.status] in _FREE):
            # It may have been persisted between the two looks: then it was there to be seen, and not to be cancelled.
            cancelled, found = await self._attempt(service, notification_id)
        if found is None:
            raise not_found()
        status = STATUS_OF[found.status]
        if not cancelled and status is not Status.CANCELLED:
            raise FailedPrecondition(
                Reason.NOT_CANCELLABLE,
                "a worker has the notification" if status is Status.CREATED else f"the notification is {status}",
                field="id",
                metadata={"status": status.value},
            )
        return found

    async def _attempt(
        self, service: Service, notification_id: UUID
    ) -> tuple[bool, notification_pb2.Notification | None]:
        cancelled = await self._cancel(service.id, notification_id)
        return cancelled, await self._lookups.find(service, notification_id)

    async def _cancel(self, service_id: UUID, notification_id: UUID) -> bool:
        return await self._transactions.run(
            lambda connection: cancel_notification(connection, service_id, notification_id)
        )
