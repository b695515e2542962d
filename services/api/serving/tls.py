"""The TLS of the API: certificates that are checked when they are read, and read again when they change on disk."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import grpc
import structlog

from octavo.telemetry import metrics

if TYPE_CHECKING:
    # Only who serves with TLS waits for it at the start.
    from cryptography import x509

log = structlog.get_logger()


class Unusable(ValueError):  # noqa: N818 - it says what is the matter
    """A certificate, key or authority that can't be used, and why."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a server shows, and whom it believes."""

    chain: bytes
    key: bytes
    authority: bytes | None
    expires: datetime

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """As gRPC takes it."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.authority)


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificate chain, key and the clients' authority are, PEM. With an authority, clients must have a certificate."""

    chain: Path
    key: Path
    authority: Path | None = None

    @classmethod
    def of(cls, chain: str, key: str, authority: str) -> "Files | None":
        """The files as they are configured; None without a certificate."""
        return cls(Path(chain), Path(key), Path(authority) if authority else None) if chain else None

    def read(self, now: datetime) -> Material:
        """What they hold. Raises Unusable if they can't be read, are no certificates, don't fit together or have expired."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

        chain, key = _read(self.chain), _read(self.key)
        authority = _read(self.authority) if self.authority else None
        leaf = _certificates(chain, self.chain)[0]
        if self.authority and authority is not None:
            _certificates(authority, self.authority)
        try:
            public = load_pem_private_key(key, password=None).public_key()
        except (ValueError, TypeError):
            # The reason is left out: it may quote the key.
            raise Unusable(f"{self.key} is no private key in PEM, without a password") from None
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if public.public_bytes(*form) != leaf.public_key().public_bytes(*form):
            raise Unusable(f"{self.key} is not the key of {self.chain}")
        if leaf.not_valid_after_utc <= now:
            raise Unusable(f"{self.chain} expired at {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        return Material(chain, key, authority, leaf.not_valid_after_utc)

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes whenever one of the files does. Raises Unusable if one is not there."""
        try:
            found = [path.stat() for path in (self.chain, self.key, self.authority) if path]
        except OSError as error:
            raise Unusable(f"{error.filename} can't be read: {error.strerror}") from error
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


class Reloading:
    """Asked at every handshake: tells what to use from then on, if the files have changed since.

    What can't be used is logged, and the old goes on to be used: a half-written file is whole the next time.
    """

    def __init__(self, files: Files, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._files = files
        self._clock = clock
        self._lock = Lock()
        # Noted first: what changes while it is read is read again.
        self._stamp = files.stamp()
        self.first = self._noted(files.read(clock()))
        self._said = ""

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """The new configuration; None if there is none."""
        with self._lock:
            try:
                stamp = self._files.stamp()
                if stamp == self._stamp:
                    return None
                material = self._files.read(self._clock())
            except Unusable as error:
                if str(error) != self._said:
                    log.exception("the new certificate can't be used, the old one is", reason=str(error))
                self._said = str(error)
                return None
            self._stamp, self._said = stamp, ""
            log.info("the certificate was read again", expires=material.expires.isoformat())
            return self._noted(material)

    @staticmethod
    def _noted(material: Material) -> grpc.ServerCertificateConfiguration:
        metrics.CERTIFICATE_EXPIRES.labels("api").set(material.expires.timestamp())
        return material.configuration()


def credentials(files: Files | None) -> grpc.ServerCredentials | None:
    """What a port is opened with; None without TLS. Raises Unusable."""
    if files is None:
        return None
    reloading = Reloading(files)
    return grpc.dynamic_ssl_server_credentials(
        reloading.first,
        reloading,  # type: ignore[arg-type]  # the stubs do not know that None means no change
        require_client_authentication=files.authority is not None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path} can't be read: {error.strerror}") from error


def _certificates(content: bytes, path: Path) -> list["x509.Certificate"]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise Unusable(f"{path} holds no certificate in PEM") from error
