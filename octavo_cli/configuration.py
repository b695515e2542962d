"""Where Octavo is, and with which key: from the environment or a file; never from the command line, which others see."""

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TEXTS = ("address", "api_key", "admin_key", "tls_name", "tls_certificate", "tls_key")
NAMES = (*TEXTS, "tls")
_SECRETS = frozenset({"api_key", "admin_key"})


class ConfigurationError(Exception):
    """Something that is needed to call Octavo is missing or wrong. The message says what, and never quotes a key."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the environment and the file say. `tls`: whether, or the file with the authorities to trust.

    `tls_name`: whose certificate is expected, if not that of the address. `tls_certificate`, `tls_key`: the files with what is
    shown to a server that asks for it.
    """

    file: Path
    address: str = ""
    api_key: str = field(default="", repr=False)
    admin_key: str = field(default="", repr=False)
    tls: bool | Path = False
    tls_name: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    warnings: tuple[str, ...] = ()

    def need_address(self) -> str:
        """host:port. Raises ConfigurationError if nothing says where Octavo is."""
        return self.address or self._missing("address", "where Octavo is (host:port)")

    def need_api_key(self) -> str:
        """The key of a service. Raises ConfigurationError if there is none."""
        return self.api_key or self._missing("api_key", "the API key of your service")

    def need_admin_key(self) -> str:
        """The key of the platform team. Raises ConfigurationError if there is none."""
        return self.admin_key or self._missing("admin_key", "the admin key, which this command needs")

    def need_tls(self) -> bool | Path:
        """Whether with TLS, or whom to trust.

        Raises ConfigurationError if that is a file which is not there, or if a certificate is expected or shown without TLS; if
        there is a certificate without its key, or the other way round.
        """
        for name in ("tls_name", "tls_certificate", "tls_key"):
            if getattr(self, name) and not self.tls:
                raise ConfigurationError(f"{self._told(name)}, is of no use without OCTAVO_TLS, or `tls`")
        for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
            if getattr(self, name) and not getattr(self, other):
                raise ConfigurationError(f"{self._told(name)}, needs {_variable(other)}, or `{other}`")
        for name in ("tls", "tls_certificate", "tls_key"):
            file = getattr(self, name)
            if isinstance(file, Path) and not file.is_file():
                raise ConfigurationError(f"{file}: there is no such file ({self._told(name)}, names it)")
        return self.tls

    def _told(self, name: str) -> str:
        return f"{_variable(name)}, or `{name}` in {self.file}"

    def _missing(self, name: str, meaning: str) -> str:
        raise ConfigurationError(f"set OCTAVO_{name.upper()}, or `{name}` in {self.file}, to {meaning}")


def load(environment: Mapping[str, str]) -> Configuration:
    """The configuration of this user. A variable goes before the file. Raises ConfigurationError, naming all that is wrong."""
    path = where(environment)
    found, warnings = _read(path, explicit="OCTAVO_CONFIG" in environment)
    wrong = [f"{name} is none of {', '.join(NAMES)}" for name in found if name not in NAMES]
    given = {**found, **{name: environment[_variable(name)] for name in NAMES if environment.get(_variable(name))}}
    wrong += [f"{name} must be a text" for name in TEXTS if not isinstance(given.get(name, ""), str)]
    tls = _tls(given.get("tls", False), path.parent)
    if tls is None:
        wrong.append("tls must be true, false or the path of a file")
    if wrong or tls is None:
        raise ConfigurationError(f"{path}: {'; '.join(wrong)}")
    return Configuration(
        path,
        str(given.get("address", "")).strip(),
        str(given.get("api_key", "")).strip(),
        str(given.get("admin_key", "")).strip(),
        tls,
        str(given.get("tls_name", "")).strip(),
        _file(given.get("tls_certificate"), path.parent),
        _file(given.get("tls_key"), path.parent),
        warnings,
    )


def where(environment: Mapping[str, str]) -> Path:
    """The configuration file: $OCTAVO_CONFIG, or octavo/config.toml in $XDG_CONFIG_HOME or ~/.config."""
    if given := environment.get("OCTAVO_CONFIG"):
        return Path(given)
    home = Path(environment.get("HOME") or Path.home())
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else home / ".config") / "octavo" / "config.toml"


def _variable(name: str) -> str:
    return f"OCTAVO_{name.upper()}"


def _read(path: Path, *, explicit: bool) -> tuple[dict[str, object], tuple[str, ...]]:
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            found = tomllib.load(file)
    except FileNotFoundError:
        if explicit:
            raise ConfigurationError(f"{path}: there is no such file (OCTAVO_CONFIG names it)") from None
        return {}, ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # The message of a TOML error gives a line and column, not the text.
        raise ConfigurationError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if _SECRETS & found.keys() and mode & (stat.S_IRGRP | stat.S_IROTH):
        return found, (f"others can read the keys in {path}: chmod 600 {path}",)
    return found, ()


def _tls(value: object, base: Path) -> bool | Path | None:
    """What `tls` says; None if it says nothing that makes sense. A path is relative to the file that holds it."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    known = {"true": True, "1": True, "false": False, "0": False, "": False}
    return known[value.lower()] if value.lower() in known else base / value


def _file(value: object, base: Path) -> Path | None:
    """A file that is named; None if none is. A path is relative to the file that holds it."""
    return base / str(value).strip() if value else None
