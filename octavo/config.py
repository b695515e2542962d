"""Configuration: declared where it is used, read from the environment or mounted files, all faults reported at once."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from octavo.authorities import check_authorities

EXIT_MISCONFIGURED = 78
"""EX_CONFIG of sysexits.h."""

S = TypeVar("S", bound="Settings")

_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_LAST_PORT = 65_535
_SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
_NOT_SET = "is not set"


class Settings(BaseSettings):
    """Base of every configuration class.

    A field `x` is read from the variable `OCTAVO_X`, or from a file `OCTAVO_X` in the folder that `OCTAVO_SECRETS_DIR` names.
    """

    model_config = SettingsConfigDict(env_prefix="OCTAVO_", frozen=True, extra="ignore", hide_input_in_errors=True)


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
        description="How far the process yields to others on its machine: with 10, the CSV lanes yield to the API lanes.",
    )
    faultpoint: str = Field(default="", description="For fault tests only: where the process is to end as killed.")


def split(value: str) -> list[str]:
    """The items of a comma-separated list."""
    return [item.strip() for item in value.split(",") if item.strip()]


class Misconfigured(Exception):  # noqa: N818 - the name says what the process is
    """The process can't work as it is configured, and won't until somebody changes that."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


def loaded(kind: type[S]) -> S:
    """An instance of a class. Raises ValidationError with all its faults."""
    folder = os.environ.get("OCTAVO_SECRETS_DIR")
    return kind(_secrets_dir=folder if folder and Path(folder).is_dir() else None)  # type: ignore[call-arg]


def load(*kinds: type[S], beside: Callable[[], Sequence[str]] = tuple) -> tuple[Any, ...]:
    """An instance of each class; or all faults of all of them on standard error and the end, with status 78.

    `beside` tells what else is at fault. It is only asked when something is, so that all is reported at once.
    """
    made: list[Settings] = []
    faults: list[str] = []
    folder = os.environ.get("OCTAVO_SECRETS_DIR")
    for kind in kinds:
        try:
            made.append(loaded(kind))
        except ValidationError as error:
            faults += _faults(kind, error)
        except SettingsError:
            faults += _faults_of_files(kind, Path(folder or ""))
    if folder and not Path(folder).is_dir():
        # What is not set was to come from there.
        faults = [fault for fault in faults if not fault.endswith(_NOT_SET)]
        faults.append(f"OCTAVO_SECRETS_DIR: {folder} is no folder")
    if faults:
        refuse(sorted({*faults, *beside()}))
    return tuple(made)


def report(faults: Sequence[str]) -> None:
    """Reports what is misconfigured, all at once, on standard error."""
    lines = "\n".join(f"  - {fault}" for fault in faults)
    sys.stderr.write(f"octavo: misconfigured, {len(faults)} fault(s):\n{lines}\n")


def refuse(faults: Sequence[str]) -> NoReturn:
    """Reports what is misconfigured, and ends with status 78."""
    report(faults)
    raise SystemExit(EXIT_MISCONFIGURED)


def variable(kind: type[Settings], name: str) -> str:
    """The environment variable of a field."""
    field = kind.model_fields.get(name)
    if field is not None and isinstance(field.validation_alias, str):
        return field.validation_alias
    return f"{kind.model_config.get('env_prefix', '')}{name}".upper()


def _faults(kind: type[Settings], error: ValidationError) -> list[str]:
    return [_fault(kind, dict(item)) for item in error.errors()]


def _faults_of_files(kind: type[Settings], folder: Path) -> list[str]:
    """Which mounted files can't be read, and what is wrong beside."""
    read: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for field in kind.model_fields:
        name = variable(kind, field)
        if name in os.environ:
            # It comes first, as it does when all can be read.
            continue
        given_as = name if name == kind.model_fields[field].validation_alias else field
        try:
            read[given_as] = (folder / name).read_text("utf-8").strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            unreadable[name] = f"{name}: {folder / name} can't be read: {why}"
    try:
        kind(_secrets_dir=None, **read)  # type: ignore[call-arg]
    except ValidationError as error:
        others = [fault for fault in _faults(kind, error) if fault.partition(":")[0] not in unreadable]
        return [*unreadable.values(), *others]
    return list(unreadable.values())


def _fault(kind: type[Settings], item: dict[str, Any]) -> str:
    message = _NOT_SET if item["type"] == "missing" else str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        # What is wrong with several variables together names them itself.
        return message
    place = str(item["loc"][0])
    name = place if place.isupper() else variable(kind, place)
    return f"{name}: {message}"
