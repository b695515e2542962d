"""The simulator's configuration, from the environment."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All that the simulator is told when it starts; credentials have the names that Octavo knows them by."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", validation_alias="SIMULATOR_HOST")
    port: int = Field(ge=0, le=65535, validation_alias="SIMULATOR_PORT")
    ledger: Path = Field(validation_alias="SIMULATOR_LEDGER")
    receipts_url: str = Field(validation_alias="SIMULATOR_RECEIPTS_URL", pattern="^https?://")
    receipts_concurrency: int = Field(64, ge=1, validation_alias="SIMULATOR_RECEIPTS_CONCURRENCY")
    sns_key_file: Path = Field(validation_alias="SIMULATOR_SNS_KEY_FILE")
    # Octavo's local stack trusts a local certificate in place of fetching this address, which nobody serves.
    sns_certificate_url: str = Field(
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        validation_alias="SIMULATOR_SNS_CERTIFICATE_URL",
    )
    sns_topic_arn: str = Field(
        "arn:aws:sns:eu-west-1:000000000000:octavo-ses-events", validation_alias="SIMULATOR_SNS_TOPIC_ARN"
    )
    mmg_username: str = Field(validation_alias="OCTAVO_MMG_USERNAME")
    mmg_password: SecretStr = Field(validation_alias="OCTAVO_MMG_PASSWORD")
    mmg_receipt_token: SecretStr = Field(validation_alias="OCTAVO_MMG_RECEIPT_TOKEN")
    firetext_api_key: SecretStr = Field(validation_alias="OCTAVO_FIRETEXT_API_KEY")
    firetext_receipt_token: SecretStr = Field(validation_alias="OCTAVO_FIRETEXT_RECEIPT_TOKEN")

    @field_validator("receipts_url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")
