"""A service of the stack, as its clients know it."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from octavo.v1 import notification_pb2 as pb
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub

UNSETTLED = {
    pb.NOTIFICATION_STATUS_SCHEDULED,
    pb.NOTIFICATION_STATUS_CREATED,
    pb.NOTIFICATION_STATUS_SENDING,
    pb.NOTIFICATION_STATUS_PENDING,
}


@dataclass(frozen=True, slots=True)
class Account:
    """A service to send for: its stub, its key and its templates."""

    stub: NotificationServiceStub
    key: str
    sms_template_id: str
    email_template_id: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return bearer(self.key)


def seeded(channel: grpc.Channel, known: Mapping[str, str]) -> Account:
    """The account that the stack was seeded with."""
    return Account(
        NotificationServiceStub(channel),
        known["OCTAVO_API_KEY"],
        known["OCTAVO_SMS_TEMPLATE_ID"],
        known["OCTAVO_EMAIL_TEMPLATE_ID"],
    )


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a key."""
    return (("authorization", f"Bearer {key}"),)
