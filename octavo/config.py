"""Configuration: declared where it is used, read from the environment or mounted files (octavo/loading.py)."""

import os
import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from octavo.authorities import check_authorities

PREFIX = "OCTAVO_"
"""Of the variables of settings."""

_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_LAST_PORT = 65_535
_SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}


class Settings(BaseSettings):
    """Base of every configuration class.

    A field `x` is read from the variable `OCTAVO_X`, or from a file `OCTAVO_X` in the folder that `OCTAVO_SECRETS_DIR` names.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)


class DatabaseSettings(Settings):
    """PostgreSQL."""

    database_url: SecretStr = Field(
        validation_alias="DATABASE_URL", description="PostgreSQL, as postgresql://user:password@host:port/name."
    )
    database_pool: int = Field(default=8, ge=1, le=100, description="Connections that a process keeps at most.")

    @field_validator("database_url")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            url = None
        if url is None or url.get_backend_name() != "postgresql" or not url.database:
            raise ValueError("needs postgresql://user:password@host:port/name") from None
        if url.query.get("sslmode", "prefer") not in _SSL_MODES:
            raise ValueError(f"sslmode needs one of {', '.join(sorted(_SSL_MODES))}")
        authority = url.query.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
        if isinstance(authority, str) and authority != "system":
            check_authorities(authority)
        return value


class KafkaSettings(Settings):
    """Kafka."""

    kafka_bootstrap: str = Field(
        validation_alias="KAFKA_BOOTSTRAP", min_length=1, description="Brokers, as host:port, comma-separated."
    )

    @field_validator("kafka_bootstrap")
    @classmethod
    def _brokers(cls, value: str) -> str:
        found = [_BROKER.fullmatch(broker) for broker in split(value)]
        if not found or not all(one and 0 < int(one[2]) <= _LAST_PORT for one in found):
            raise ValueError("needs brokers as host:port, comma-separated")
        return ",".join(split(value))


class SealingSettings(Settings):
    """Keys for personal data."""

    sealing_keys: SecretStr = Field(
        description="Fernet keys, comma-separated: the first seals, all open. Each 32 bytes in URL-safe base64."
    )
    sealed_form: Literal["fernet", "aes-gcm"] = Field(
        default="fernet",
        description="How it is sealed: fernet, or aes-gcm once no process of release 0.1.0 runs. Both are opened.",
    )
    hash_key: SecretStr = Field(description="Key of the keyed hashes: at least 32 characters. It never rotates.")

    @field_validator("hash_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:  # noqa: PLR2004
            raise ValueError("needs at least 32 characters")
        return value

    @field_validator("sealing_keys")
    @classmethod
    def _fernet_keys(cls, value: SecretStr) -> SecretStr:
        from octavo.crypto import Sealer

        Sealer(split(value.get_secret_value()))
        return value

    def keys(self) -> list[str]:
        """The sealing keys, first the one that seals."""
        return split(self.sealing_keys.get_secret_value())

    def key_of_hashes(self) -> bytes:
        """The key of the keyed hashes."""
        return self.hash_key.get_secret_value().encode()


class RegionSettings(Settings):
    """Phone numbers."""

    default_region: str = Field(
        default="GB", description="Country of phone numbers without a country code, whose own are not international."
    )

    @field_validator("default_region")
    @classmethod
    def _dialled(cls, value: str) -> str:
        from phonenumbers import SUPPORTED_REGIONS

        if value not in SUPPORTED_REGIONS:
            raise ValueError("needs the two letters of a country, as GB")
        return value


class OpsSettings(Settings):
    """What operators see."""

    ops_host: str = Field(default="127.0.0.1", description="Address that /metrics, /livez and /readyz listen on.")
    ops_port: int = Field(default=9100, ge=0, le=65535, description="Port of /metrics, /livez and /readyz.")
    log_format: str = Field(
        default="auto", pattern="^(auto|json|console)$", description="json, console, or auto: console on a terminal."
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged.")
    statsd_address: str = Field(
        default="",
        pattern=r"^(\S+:\d{1,5})?$",
        description="StatsD server, as host:port, that gets the main events, too (docs/operations/statsd.md).",
    )
    traces_endpoint: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Where traces go, as OTLP over HTTP: http://collector:4318/v1/traces. Off without it.",
    )
    traces_share: float = Field(
        default=0.01, ge=0, le=1, description="Share of the notifications that are traced; the same for all processes."
    )
    niceness: int = Field(
        default=0,
        ge=0,
        le=19,
        description="How far the process yields to others on its machine: with 19, the CSV lanes yield to the API lanes.",
    )
    faultpoint: str = Field(default="", description="For fault tests only: where the process is to end as killed.")


def split(value: str) -> list[str]:
    """The items of a comma-separated list."""
    return [item.strip() for item in value.split(",") if item.strip()]


def variable(kind: type[Settings], name: str) -> str:
    """The environment variable of a field."""
    field = kind.model_fields.get(name)
    if field is not None and isinstance(field.validation_alias, str):
        return field.validation_alias
    return f"{PREFIX}{name}".upper()
