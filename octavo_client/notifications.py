"""Calls that send, find, follow and count notifications."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from octavo.v1 import notification_service_pb2 as pb
from octavo.v1 import notification_service_pb2_grpc as pb_grpc
from octavo_client import sending
from octavo_client.call import Caller
from octavo_client.errors import OctavoError
from octavo_client.paging import Items, paged
from octavo_client.reading import enum_number, read, timestamp
from octavo_client.values import (
    Change,
    Email,
    Filter,
    Notification,
    NotificationType,
    Personalisation,
    Sent,
    Sms,
    StatisticsLine,
    Status,
    day,
)
from octavo_client.watching import resuming

EVERYTHING = Filter()
_TYPE = pb.ListNotificationsRequest.DESCRIPTOR.fields_by_name["type"]
_STATUSES = pb.ListNotificationsRequest.DESCRIPTOR.fields_by_name["statuses"]


class Notifications:
    """NotificationService. Every method raises OctavoError."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._stub = pb_grpc.NotificationServiceStub(caller.channel)

    def send_sms(
        self,
        template_id: str,
        to: str,
        personalisation: Personalisation | None = None,
        *,
        reference: str = "",
        send_at: datetime | None = None,
        sender: str = "",
        request_id: str = "",
    ) -> Sent:
        """Sends a text message; once, however often the call has to be repeated.

        Give a `request_id` (`new_request_id()`) that you keep to make it repeatable beyond this call, too.
        """
        return self.send(Sms(template_id, to, personalisation or {}, reference, send_at, sender, request_id))

    def send_email(
        self,
        template_id: str,
        to: str,
        personalisation: Personalisation | None = None,
        *,
        reference: str = "",
        send_at: datetime | None = None,
        reply_to: str = "",
        request_id: str = "",
    ) -> Sent:
        """Sends an email; once, however often the call has to be repeated. `request_id` as for `send_sms`."""
        return self.send(Email(template_id, to, personalisation or {}, reference, send_at, reply_to, request_id))

    def send(self, message: Sms | Email) -> Sent:
        """Sends one message."""
        if isinstance(message, Sms):
            answer = self._caller(self._stub.SendSms, sending.sms(message))
            return read(Sent, answer, type=NotificationType.SMS)
        answer = self._caller(self._stub.SendEmail, sending.email(message))
        return read(Sent, answer, type=NotificationType.EMAIL)

    def send_batch(self, messages: Sequence[Sms | Email]) -> list[Sent | OctavoError]:
        """Sends any number of messages, up to 500 in a call; the result or the error of each, in their order.

        Raises OctavoError if the first call fails as a whole. Should a later one fail, that is the result of its messages. Those
        that failed for want of something (Unavailable, QuotaExceeded, …) can be given again as they are.
        """
        results: list[Sent | OctavoError] = []
        for request in sending.batches(messages):
            try:
                answer = self._caller(self._stub.SendBatch, request)
            except OctavoError as error:
                if not results:
                    raise
                results += [error] * len(request.items)
            else:
                results += [sending.result(item) for item in answer.results]
        return results

    def get(self, notification_id: str) -> Notification:
        """One notification with its history."""
        answer = self._caller(self._stub.GetNotification, pb.GetNotificationRequest(id=notification_id))
        return read(Notification, answer.notification)

    def list(self, where: Filter = EVERYTHING, *, page_size: int = 0, page_token: str = "") -> Items[Notification]:
        """All notifications that the filter lets through, newest first; pages are fetched as they are reached."""
        request = pb.ListNotificationsRequest(
            page_size=page_size,
            type=enum_number(_TYPE, where.type),
            statuses=[enum_number(_STATUSES, status) for status in where.statuses],
            template_id=where.template_id,
            reference=where.reference,
            job_id=where.job_id,
            created_from=timestamp(where.created_from),
            created_before=timestamp(where.created_before),
            recipient=where.recipient,
        )
        return paged(
            self._caller, self._stub.ListNotifications, request, "notifications", Notification, page_token=page_token
        )

    def cancel(self, notification_id: str) -> Notification:
        """Withdraws a notification that no provider has; raises FailedPrecondition if one has it, or may have it."""
        answer = self._caller(self._stub.CancelNotification, pb.CancelNotificationRequest(id=notification_id))
        return read(Notification, answer.notification)

    def watch(
        self,
        notification_id: str = "",
        *,
        resume_token: str = "",
        give_up_after: timedelta = timedelta(minutes=1),
        timeout: timedelta | None = None,
    ) -> Iterator[Change]:
        """Status changes as they happen: of one notification until its final status, or of the whole service for ever.

        It goes on by itself after an interruption of less than `give_up_after`, without losing or repeating a change that
        came after the first. Close the iterator to stop. Raises DeadlineExceeded when `timeout` is over.
        """
        changes = resuming(
            self._caller,
            self._stub.WatchNotifications,
            lambda token: pb.WatchNotificationsRequest(notification_id=notification_id, resume_token=token),
            token=resume_token,
            endless=not notification_id,
            give_up_after=give_up_after,
            timeout=timeout,
        )
        for message in changes:
            yield read(Change, message)

    def wait(self, notification_id: str, timeout: timedelta | None = None) -> Status:
        """The final status of a notification, once it has one. Raises DeadlineExceeded when `timeout` is over.

        A text to a phone that is off can take 72 hours to settle, a scheduled one begins at its time.
        """
        last = Status.UNKNOWN
        for change in self.watch(notification_id, timeout=timeout):
            last = change.change.status
        return last

    def statistics(
        self,
        from_day: date | str | None = None,
        to_day: date | str | None = None,
        *,
        template_id: str = "",
        type: NotificationType | str | None = None,  # noqa: A002 - its name in the API.
    ) -> tuple[StatisticsLine, ...]:
        """Counts by day, template, type and status; of the last seven days if none are given."""
        request = pb.GetStatisticsRequest(
            from_day=day(from_day),
            to_day=day(to_day),
            template_id=template_id,
            type=enum_number(_TYPE, type),
        )
        answer = self._caller(self._stub.GetStatistics, request)
        return tuple(read(StatisticsLine, line) for line in answer.lines)
