"""What the callbacks service is told."""

import re
from pathlib import Path

from pydantic import Field, field_validator

from octavo.config import Settings, split
from octavo.providers.registry import PROVIDERS

_TOPIC_ARN = re.compile(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", re.ASCII)


class OpenDoors(Settings):
    """Whose receipts are taken."""

    receipts_from: str = Field(
        default=",".join(PROVIDERS),
        description="Providers whose receipts are taken, comma-separated; one that is called no more may still send some.",
    )

    @field_validator("receipts_from")
    @classmethod
    def _known(cls, value: str) -> str:
        names = split(value)
        if not names or not {*names} <= PROVIDERS.keys():
            raise ValueError(f"needs names of providers, of {', '.join(PROVIDERS)}")
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


class SnsSettings(Settings):
    """Receipts that come by SNS."""

    aws_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d{1,2}$", description="Region of SES and SNS, as eu-west-1.")
    sns_topic_arns: str = Field(min_length=1, description="SNS topics that may send receipts: ARNs, comma-separated.")
    sns_certificate_file: Path | None = Field(
        default=None,
        description="For the stack of one machine only: the certificate (PEM) trusted in place of those of AWS.",
    )

    @field_validator("sns_topic_arns")
    @classmethod
    def _arns(cls, value: str) -> str:
        if not split(value) or not all(_TOPIC_ARN.fullmatch(arn) for arn in split(value)):
            raise ValueError("needs ARNs of SNS topics, as arn:aws:sns:eu-west-1:123456789012:name")
        return value

    @field_validator("sns_certificate_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None
