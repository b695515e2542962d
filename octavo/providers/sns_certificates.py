"""The certificates that sign for Amazon SNS: from where one may come, and the fetching, once for each address."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Protocol

import aiohttp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from octavo.domain.errors import Unavailable
from octavo.providers.sns_envelope import Envelope, Forged, Refusal

FETCH_SECONDS = 5.0
MAX_CERTIFICATE_BYTES = 64 * 1024
CACHED = 16
"""Certificates kept. AWS uses one of a region at a time, and changes it once a year or so."""
FETCHES_PER_MINUTE = 10
"""Whoever invents addresses that look right makes Octavo fetch this often at most."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A key and the time in which it may sign."""

    key: RSAPublicKey
    since: datetime
    until: datetime

    @classmethod
    def of_pem(cls, pem: bytes) -> "Certificate":
        """The certificate of a PEM file. Raises ValueError if it is none, or its key is no RSA key."""
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("no RSA key")  # noqa: TRY004 - it is what the file holds
        return cls(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)

    def verify(self, envelope: Envelope, now: datetime) -> None:
        """Raises Forged unless this certificate, in force now, signed the envelope."""
        if not self.since <= now <= self.until:
            raise Forged(Refusal.CERTIFICATE)
        try:
            self.key.verify(envelope.signature, envelope.signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as error:
            raise Forged(Refusal.SIGNATURE) from error


class Certificates(Protocol):
    """Where certificates come from."""

    async def at(self, url: str) -> Certificate:
        """The certificate of an address that was found to be right.

        Raises Forged if there is none, and Unavailable if that can't be told now.
        """


class LocalCertificate:
    """One certificate, whatever the address: for the stack of one machine, which signs by itself."""

    def __init__(self, file: Path) -> None:
        self._certificate = Certificate.of_pem(file.read_bytes())

    async def at(self, url: str) -> Certificate:  # noqa: ARG002 - it trusts no other
        """The certificate."""
        return self._certificate


Fetch = Callable[[str], Awaitable[bytes]]


class FetchedCertificates:
    """Certificates fetched from AWS and kept. Who asks while one is being fetched waits for it."""

    def __init__(self, fetch: Fetch | None = None) -> None:
        self._fetch = fetch or fetch_certificate
        self._known: dict[str, Certificate] = {}
        self._fetches: deque[float] = deque(maxlen=FETCHES_PER_MINUTE)
        self._lock = asyncio.Lock()

    async def at(self, url: str) -> Certificate:
        """The certificate, fetched if it is not known."""
        if known := self._known.get(url):
            return known
        async with self._lock:
            if known := self._known.get(url):
                return known
            self._spend()
            try:
                certificate = Certificate.of_pem(await self._fetch(url))
            except ValueError as error:
                raise Forged(Refusal.CERTIFICATE) from error
            while len(self._known) >= CACHED:
                del self._known[next(iter(self._known))]
            self._known[url] = certificate
            return certificate

    def _spend(self) -> None:
        now = monotonic()
        if len(self._fetches) == FETCHES_PER_MINUTE and now - self._fetches[0] < 60:  # noqa: PLR2004 - a minute
            raise Unavailable("too many certificates asked for")
        self._fetches.append(now)


async def fetch_certificate(url: str) -> bytes:
    """The file at the address, without following a redirect.

    Raises Forged if AWS has none there, and Unavailable if AWS does not answer.
    """
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status >= 500:  # noqa: PLR2004 - a server's error
                raise Unavailable(f"AWS answers {response.status} for a certificate")
            if response.status != 200:  # noqa: PLR2004 - found
                raise Forged(Refusal.CERTIFICATE)
            pem = await response.content.read(MAX_CERTIFICATE_BYTES)
            while not response.content.at_eof() and len(pem) < MAX_CERTIFICATE_BYTES:
                pem += await response.content.read(MAX_CERTIFICATE_BYTES)
            return pem
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"no certificate: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses that belong to SNS in one region. The whole address must match, so there is nothing to parse apart."""

    certificate: re.Pattern[str]
    subscription: re.Pattern[str]

    @classmethod
    def of_region(cls, region: str) -> "Addresses":
        """Those of `sns.<region>.amazonaws.com`."""
        host = re.escape(f"https://sns.{region}.amazonaws.com/")
        return cls(
            certificate=re.compile(host + r"SimpleNotificationService-[0-9a-fA-F]{1,128}\.pem", re.ASCII),
            subscription=re.compile(host + r"(\?[A-Za-z0-9%&=:_.~+-]*)?", re.ASCII),
        )
