"""The door of every provider that sends receipts, one entry each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from octavo.config import Settings, split
from octavo.providers.firetext import FiretextReceipts, FiretextReceiptSettings
from octavo.providers.mmg import MmgReceipts, MmgReceiptSettings
from octavo.providers.ses import SesReceipts
from octavo.providers.sns import SnsInbox, SnsSettings
from octavo.providers.sns_certificates import FetchedCertificates, LocalCertificate
from services.callbacks.doors import Door, SesDoor, SmsDoor


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a door is made of: its settings, and the door."""

    settings: type[Settings]
    make: Callable[[Any], Door]


def _mmg(settings: MmgReceiptSettings) -> Door:
    return SmsDoor(MmgReceipts(settings.mmg_receipt_token.get_secret_value()))


def _firetext(settings: FiretextReceiptSettings) -> Door:
    return SmsDoor(FiretextReceipts(settings.firetext_receipt_token.get_secret_value()))


def _ses(settings: SnsSettings) -> Door:
    file = settings.sns_certificate_file
    certificates = LocalCertificate(file) if file else FetchedCertificates()
    return SesDoor(SesReceipts(), SnsInbox(settings.aws_region, split(settings.sns_topic_arns), certificates))


ENTRANCES: Mapping[str, Entrance] = MappingProxyType(
    {
        "mmg": Entrance(MmgReceiptSettings, _mmg),
        "firetext": Entrance(FiretextReceiptSettings, _firetext),
        "ses": Entrance(SnsSettings, _ses),
    }
)
