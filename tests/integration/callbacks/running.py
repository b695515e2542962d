"""Fixtures: a running callbacks process and those who post to it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from deploy.local.stack import Stack
from octavo.messaging.kafka.administration import create_topics
from octavo.messaging.security import KafkaSecurity
from tests.integration.callbacks.receiving import Callbacks, Sns


@pytest.fixture(scope="session")
def sns_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def sns(sns_key: rsa.RSAPrivateKey) -> Sns:
    """SNS, whose key the process trusts."""
    return Sns(sns_key)


@pytest.fixture(scope="session")
def stranger() -> Sns:
    """Somebody with another key."""
    return Sns(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="session")
def certificate(sns_key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the certificate of SNS's key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(sns_key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(sns_key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("sns") / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="session")
def receipts_broker(broker: Stack) -> str:
    """host:port of a broker that has Octavo's topics."""
    create_topics(broker.kafka_bootstrap, KafkaSecurity.plain())
    return broker.kafka_bootstrap


@pytest.fixture(scope="module")
def new_callbacks(
    certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[dict[str, str], str], Callbacks]]:
    """`new_callbacks(environment, roles)` is a process that is not started yet; it is ended with the module."""
    made: list[Callbacks] = []

    def make(environment: dict[str, str], roles: str = "receiver") -> Callbacks:
        made.append(Callbacks(tmp_path_factory.mktemp("callbacks"), certificate, environment, roles))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.stop()


@pytest.fixture(scope="module")
def callbacks(new_callbacks: Callable[[dict[str, str]], Callbacks], receipts_broker: str) -> Callbacks:
    """A receiver that is ready."""
    process = new_callbacks({"KAFKA_BOOTSTRAP": receipts_broker})
    process.start()
    return process
