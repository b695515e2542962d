"""What sending asks of the limits."""

from datetime import datetime
from typing import Protocol

from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.directory import Service


class Limits(Protocol):
    """The limits of services."""

    def spend(
        self, service: Service, notification_type: NotificationType, key_type: KeyType, count: int, now: datetime
    ) -> bool:
        """Charges so many notifications to what is in hand; False, having charged nothing, if that does not suffice."""

    async def take(
        self, service: Service, notification_type: NotificationType, key_type: KeyType, count: int, now: datetime
    ) -> None:
        """Charges so many notifications. Raises LimitExceeded, having charged nothing, if they are too many."""

    def give_back(
        self, service: Service, notification_type: NotificationType, key_type: KeyType, count: int, now: datetime
    ) -> None:
        """Takes back what was charged for notifications that were certainly not accepted."""
