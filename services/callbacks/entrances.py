"""The door of every provider, one entry each; and the settings of a receiver that opens some of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from octavo.config import Settings, split
from octavo.providers.firetext import FiretextReceipts, FiretextReceiptSettings
from octavo.providers.mmg import MmgReceipts, MmgReceiptSettings
from octavo.providers.ses import SesReceipts
from octavo.providers.sns import SnsInbox
from octavo.providers.sns_certificates import FetchedCertificates, LocalCertificate
from services.callbacks.doors import Door, SesDoor, SmsDoor
from services.callbacks.settings import ReceiverSettings, SnsSettings


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


def settings_with(names: Sequence[str]) -> type[ReceiverSettings]:
    """The settings of a receiver with these doors: of others nothing needs to be known."""
    kinds = dict.fromkeys(ENTRANCES[name].settings for name in names)
    return type("ReceiverSettings", (ReceiverSettings, *kinds), {"__module__": __name__})


def doors(settings: ReceiverSettings) -> list[Door]:
    """The doors that are open, made of the settings that `settings_with` their names has."""
    return [ENTRANCES[name].make(settings) for name in settings.open_doors()]
