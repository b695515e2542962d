"""Every provider, one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from octavo.config import Settings
from octavo.domain.notification import NotificationType
from octavo.providers import Provider
from octavo.providers.firetext import Firetext, FiretextSettings
from octavo.providers.mmg import Mmg, MmgSettings
from octavo.providers.ses import Ses, SesSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """What a provider is made of: its settings, and how many calls are in flight to it at most."""

    sends: NotificationType
    settings: type[Settings]
    make: Callable[[Any, int], Provider]


PROVIDERS: Mapping[str, Entry] = MappingProxyType(
    {
        "mmg": Entry(NotificationType.SMS, MmgSettings, Mmg),
        "firetext": Entry(NotificationType.SMS, FiretextSettings, Firetext),
        "ses": Entry(NotificationType.EMAIL, SesSettings, Ses),
    }
)


def names_of(notification_type: NotificationType) -> list[str]:
    """The providers of a type."""
    return [name for name, entry in PROVIDERS.items() if entry.sends is notification_type]
