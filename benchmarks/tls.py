"""What TLS costs the api: the rate of calls over connections that are kept alive, beside the same without."""

import ipaddress
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.amount import amount
from benchmarks.api import SEND_SMS
from benchmarks.apis import Api, api
from benchmarks.figure import Figure, alternate, median
from benchmarks.load import offered, warm
from benchmarks.stacks import stack, texts

ROUNDS = amount(5, 1)
SECONDS = amount(4.0, 0.5)


def figures() -> Iterator[Figure]:
    """The rate with TLS, beside that without; and the CPU of a call."""
    with stack({"kafka", "postgres"}) as (around, known), tempfile.TemporaryDirectory() as folder:
        requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        key = known["OCTAVO_API_KEY"]
        chain, secret = _certificate(Path(folder))
        secure = {"OCTAVO_TLS_CERT_FILE": str(chain), "OCTAVO_TLS_KEY_FILE": str(secret)}
        with api(around.environment) as plain, api({**around.environment, **secure}) as tls:
            cpu: dict[str, list[float]] = {"plain": [], "tls": []}

            def of(name: str, one: Api, authority: str) -> Callable[[], float]:
                def once() -> float:
                    rate, used = offered(
                        one.pid, one.address, SEND_SMS, requests, key=key, seconds=SECONDS, authority=authority
                    )
                    cpu[name].append(used)
                    return rate

                return once

            warm(plain.address, SEND_SMS, requests, key)
            warm(tls.address, SEND_SMS, requests, key, str(chain))
            rates = alternate(ROUNDS, plain=of("plain", plain, ""), tls=of("tls", tls, str(chain)))
            yield Figure("tls.send_sms.rate", median(rates["tls"]), "/s", median(rates["plain"]), ">= 0.85")
            yield Figure("tls.send_sms.cpu", median(cpu["tls"]), "µs", median(cpu["plain"]))


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(local, critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "tls.crt", folder / "tls.key"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, secret
