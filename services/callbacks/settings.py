"""What the callbacks service is told."""

from collections.abc import Sequence

from pydantic import Field, field_validator

from octavo.config import Settings, split
from services.callbacks.entrances import ENTRANCES


class OpenDoors(Settings):
    """Whose receipts are taken."""

    receipts_from: str = Field(
        default=",".join(ENTRANCES),
        description="Providers whose receipts are taken, comma-separated; one that is called no more may still send some.",
    )

    @field_validator("receipts_from")
    @classmethod
    def _known(cls, value: str) -> str:
        names = split(value)
        if not names or not {*names} <= ENTRANCES.keys():
            raise ValueError(f"needs names of providers, of {', '.join(ENTRANCES)}")
        return value

    def open_doors(self) -> list[str]:
        """The names of the providers, each once."""
        return list(dict.fromkeys(split(self.receipts_from)))


class ReceiverSettings(OpenDoors):
    """The receiver of receipts. What its doors need comes with them."""

    receipts_host: str = Field(default="127.0.0.1", description="Address that receipts are received on.")
    receipts_port: int = Field(default=8080, ge=0, le=65535, description="Port that receipts are received on.")
    receipts_connections: int = Field(
        default=800, ge=1, description="Connections of providers at most; what comes beyond is closed at once."
    )


def settings_with(names: Sequence[str]) -> type[ReceiverSettings]:
    """The settings of a receiver with these doors: of others nothing needs to be known."""
    kinds = dict.fromkeys(ENTRANCES[name].settings for name in names)
    return type("ReceiverSettings", (ReceiverSettings, *kinds), {"__module__": __name__})
