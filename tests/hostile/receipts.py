"""The callbacks service with all that it works with, for those who mean it no good."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local.environment import SNS_TOPIC
from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from tests.integration.callbacks.receiving import Reached, Sns, basic, bearer, mmg, new_id

ROOM = 40
"""Megabytes that the process may grow under attack."""


@pytest.fixture(scope="session")
def receipts_stack():
    """Kafka, PostgreSQL and the callbacks service with both its roles."""
    with Stack(CACHE / f"test-{os.getpid()}-receipts", {"kafka", "postgres", "callbacks"}, restart=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def reached(receipts_stack):
    """The service as strangers reach it."""

    class Service(Reached):
        def pid(self):
            return receipts_stack.pid("callbacks")

    addresses = receipts_stack.addresses
    port, ops_port = (
        int(addresses[name].rpartition(":")[2].partition("/")[0]) for name in ("RECEIPTS_URL", "CALLBACKS_METRICS_URL")
    )
    return Service(port, ops_port)


@pytest.fixture
def service(reached, receipts_stack):
    """The service, which after the test lives, has not grown, and has not complained of a mistake of its own."""
    log = receipts_stack.instance.logs / "callbacks.log"
    pid, before, logged = reached.pid(), reached.megabytes(), log.stat().st_size
    yield reached
    assert reached.pid() == pid
    assert reached.ask("/livez")[0] == 200
    assert reached.megabytes() < before + ROOM
    complaints = log.read_bytes()[logged:].decode()
    assert "Error handling request" not in complaints
    assert "Traceback" not in complaints


@pytest.fixture
def honest(receipts_stack):
    """`honest(id)` is a receipt of MMG as it should be."""
    token = receipts_stack.instance.secrets["mmg_receipt_token"]

    def post(notification=None):
        path, _, body = mmg(notification or new_id())
        return path, bearer(token), body

    return post


@pytest.fixture
def credentials(receipts_stack):
    """The right headers by provider."""
    secrets = receipts_stack.instance.secrets
    return {
        "mmg": bearer(secrets["mmg_receipt_token"]),
        "firetext": basic(secrets["firetext_receipt_token"]),
        "ses": {},
    }


@pytest.fixture(scope="session")
def sns(receipts_stack):
    key = load_pem_private_key(receipts_stack.instance.sns_key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return Sns(key, SNS_TOPIC)


@pytest.fixture
def refused(service):
    """`refused(provider, reason)` is how often that was counted."""
    return lambda provider, reason: service.counted(
        "notifications_receipts_refused_total", provider=provider, reason=reason
    )
