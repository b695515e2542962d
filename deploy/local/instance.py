"""An instance of the stack: a directory with everything of it, and where in it what is found."""

import base64
import datetime as dt
import getpass
import hashlib
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from deploy.local.files import read_json, write_json, write_private

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: programs run from here."""

CACHE = ROOT / ".local"
"""What instances share (Kafka's jars) and where they lie by default; ignored by git."""

_LONGEST_SOCKET = 90
"""Bytes of a Unix socket's path. The kernel's limit is 107; the program manager adds its process id for a moment."""


@dataclass(frozen=True)
class Instance:
    """The directory of an instance."""

    directory: Path

    @property
    def logs(self) -> Path:
        """Directory of the programs' logs, one file each."""
        return self.directory / "logs"

    @property
    def run(self) -> Path:
        """Directory of what describes the running programs; it may be lost while they are stopped."""
        return self.directory / "run"

    @property
    def ports_file(self) -> Path:
        """The ports of this instance."""
        return self.directory / "ports.json"

    @property
    def seed_file(self) -> Path:
        """What the seed command printed: the first service, its key and its templates."""
        return self.directory / "seed.json"

    @property
    def ledger(self) -> Path:
        """The simulator's ledger of what it accepted."""
        return self.directory / "simulator" / "ledger.jsonl"

    @property
    def sns_key(self) -> Path:
        """The key with which the simulator signs SNS messages."""
        return self.directory / "sns.key"

    @property
    def sns_certificate(self) -> Path:
        """The certificate of that key, which only this instance trusts."""
        return self.directory / "sns.pem"

    @cached_property
    def elsewhere(self) -> Path:
        """A directory outside that an unprivileged user reaches, for PostgreSQL when this one is closed to it."""
        return Path("/var/tmp") / f"octavo-{self._digest}"  # noqa: S108 - its owner is checked where it is made

    @cached_property
    def socket(self) -> Path:
        """The program manager's control socket, in a short directory of this user's when the path would be too long."""
        inside = self.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET:
            return inside
        return Path(tempfile.gettempdir()) / f"octavo-{os.getuid()}-{self._digest}" / "supervisor.sock"

    @property
    def _digest(self) -> str:
        """A short name that no other directory's instance has."""
        return hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]

    def prepare(self) -> None:
        """Make the directory, its secrets and its certificate, unless they are there."""
        for directory in (self.directory, self.logs, self.run, self.ledger.parent):
            directory.mkdir(parents=True, exist_ok=True)
        # Everything secret in it has mode 600; PostgreSQL's own user has to pass through.
        self.directory.chmod(0o711)
        for directory in (self.logs, self.run, self.ledger.parent):
            directory.chmod(0o700)
        if self.socket.parent != self.run:
            make_own_directory(self.socket.parent, os.getuid(), os.getgid())
        if not (self.directory / "secrets.json").exists():
            write_json(self.directory / "secrets.json", _new_secrets())
        if not self.sns_certificate.exists():
            key, certificate = _new_certificate()
            write_private(self.sns_key, key)
            write_private(self.sns_certificate, certificate)

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Keys and passwords, made for this instance alone."""
        return {name: str(value) for name, value in read_json(self.directory / "secrets.json").items()}

    def remove(self) -> None:
        """Remove all its data. It must not be running."""
        if self.socket.parent != self.run:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
        shutil.rmtree(self.elsewhere, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def make_own_directory(directory: Path, uid: int, gid: int) -> None:
    """Make a directory (mode 700) of the given user in a place where others may write.

    Raises PermissionError when something else already lies there, so that nobody can lay a trap.
    """
    try:
        directory.mkdir(mode=0o700)
        os.chown(directory, uid, gid)
    except FileExistsError:
        found = directory.lstat()
        if directory.is_symlink() or not directory.is_dir() or found.st_uid != uid:
            raise PermissionError(f"{directory} is not a directory of user {uid}") from None


def _new_secrets() -> dict[str, str]:
    """Return fresh keys and passwords."""
    return {
        "sealing_keys": Fernet.generate_key().decode(),
        "hash_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "admin_key": secrets.token_urlsafe(32),
        "postgres_password": secrets.token_urlsafe(24),
        "database_password": secrets.token_urlsafe(24),
        "mmg_username": "octavo",
        "mmg_password": secrets.token_urlsafe(24),
        "firetext_api_key": secrets.token_urlsafe(24),
        "mmg_receipt_token": secrets.token_urlsafe(24),
        "firetext_receipt_token": secrets.token_urlsafe(24),
        "aws_access_key_id": "local",
        "aws_secret_access_key": secrets.token_urlsafe(24),
    }


def _new_certificate() -> tuple[bytes, bytes]:
    """Return a new RSA key and its self-signed certificate, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Octavo's local SNS of {getpass.getuser()}"[:64])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
