"""What the api is configured by."""

from datetime import UTC, datetime

from pydantic import Field, SecretStr, field_validator, model_validator

from octavo.config import DatabaseSettings, OpsSettings, RegionSettings, SealingSettings
from octavo.messaging.security import KafkaConnection
from octavo.objects import StoreSettings
from services.api.serving.tls import Files

LEAST_ADMIN_KEY = 32


class ApiSettings(DatabaseSettings, SealingSettings, RegionSettings, OpsSettings, KafkaConnection, StoreSettings):
    """The api, with all that it works with."""

    api_host: str = Field(default="127.0.0.1", description="Address that gRPC listens on.")
    api_port: int = Field(default=50051, ge=0, le=65535, description="Port that gRPC listens on.")
    admin_key: SecretStr = Field(
        description="Key of the platform team: services, keys and templates of everybody. At least 32 characters."
    )
    reflection: bool = Field(default=False, description="Whether clients may ask for the API's description.")
    tls_cert_file: str = Field(default="", description="Certificate chain of the server, PEM; TLS when set.")
    tls_key_file: str = Field(default="", description="Private key of that certificate, PEM.")
    tls_client_ca_file: str = Field(
        default="", description="Authority of the clients' certificates, PEM; clients must have one when set."
    )
    health_port: int = Field(
        default=0, ge=0, le=65535, description="Port on which health alone is told, without TLS, for probes; 0 is none."
    )
    most_calls: int = Field(
        default=2_000, ge=1, description="Calls under way at once, half of them of one service; more are refused."
    )
    connection_age_seconds: int = Field(
        default=300, ge=1, description="After so long a connection is renewed, so that load spreads over new processes."
    )
    drain_delay_seconds: float = Field(
        default=0.0, ge=0, le=60, description="How long it goes on after SIGTERM, until load balancers have noticed."
    )
    key_use_seconds: float = Field(
        default=30.0, gt=0, le=60, description="How often it is written which API keys were used since the last time."
    )
    most_streams: int = Field(default=20, ge=1, description="WatchNotifications streams of a service in one process.")

    @field_validator("admin_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < LEAST_ADMIN_KEY:
            raise ValueError(f"needs at least {LEAST_ADMIN_KEY} characters")
        return value

    @model_validator(mode="after")
    def _both_or_none(self) -> "ApiSettings":
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("OCTAVO_TLS_CERT_FILE and OCTAVO_TLS_KEY_FILE go together")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("OCTAVO_TLS_CLIENT_CA_FILE needs OCTAVO_TLS_CERT_FILE")
        if files := self.tls_files():
            # Read here, so that a bad certificate is reported with all else that is misconfigured.
            files.read(datetime.now(UTC))
        return self

    def tls_files(self) -> Files | None:
        """Where the certificate, its key and the clients' authority are; None without TLS."""
        return Files.of(self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file)
