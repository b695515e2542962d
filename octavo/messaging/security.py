"""How a process reaches Kafka: plain inside one machine, TLS with SASL elsewhere."""

from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from octavo.authorities import check_authorities
from octavo.config import KafkaSettings

RECONNECT = {"reconnect_backoff_ms": 50, "reconnect_backoff_max_ms": 1000, "retry_backoff_ms": 100}
"""A broker that is back is found within a second or two."""


class KafkaConnection(KafkaSettings):
    """Kafka, with its security."""

    kafka_ca_file: str = Field(default="", description="Certificate authority of the brokers, PEM; TLS when set.")
    kafka_username: str = Field(default="", description="SASL user name; SCRAM-SHA-512 when set.")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="SASL password.")
    least_partitions: int = Field(
        default=8,
        ge=1,
        le=10_000,
        description="Partitions that each topic in use has at least: with fewer the process ends at start.",
    )

    @field_validator("kafka_ca_file")
    @classmethod
    def _authority(cls, value: str) -> str:
        if value:
            check_authorities(value)
        return value

    @model_validator(mode="after")
    def _with_its_password(self) -> Self:
        if self.kafka_username and not self.kafka_password.get_secret_value():
            raise ValueError("OCTAVO_KAFKA_USERNAME needs OCTAVO_KAFKA_PASSWORD")
        return self

    def security(self) -> "KafkaSecurity":
        """What the connections need."""
        return KafkaSecurity(self.kafka_ca_file, self.kafka_username, self.kafka_password.get_secret_value())


class ConsumerConnection(KafkaConnection):
    """Kafka, for those who read from it."""

    consumer_session_seconds: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description="A consumer that died or stands still loses its partitions after so long.",
    )


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Certificate authority and credentials; empty where there are none."""

    ca_file: str
    username: str
    password: str

    @classmethod
    def plain(cls) -> "KafkaSecurity":
        """Neither TLS nor credentials."""
        return cls("", "", "")

    def options(self) -> dict[str, Any]:
        """The options of a kafka-python client."""
        options: dict[str, Any] = {}
        if self.ca_file:
            options["ssl_cafile"] = self.ca_file
        if self.username:
            options |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        options["security_protocol"] = ("SASL_" if self.username else "") + ("SSL" if self.ca_file else "PLAINTEXT")
        return options
