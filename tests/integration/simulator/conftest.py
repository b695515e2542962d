"""A simulator and an Octavo that takes its receipts, in one process, over real sockets."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.simulator.app import build
from deploy.local.simulator.settings import Settings
from tests.waiting import comes_true

DEADLINE_SECONDS = 10


@dataclass
class Octavo:
    """What stands in for Octavo's callbacks: it keeps what it got, and answers as told."""

    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.match_info["provider"], dict(request.headers), await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition; fails after the deadline."""
        await comes_true(condition, DEADLINE_SECONDS, every=0.01)


@pytest.fixture(scope="session")
def sns_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def environment(tmp_path, sns_key):
    """The simulator's environment, without the address of the receipts."""
    key_file = tmp_path / "sns.pem"
    key_file.write_bytes(
        sns_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {
        "SIMULATOR_PORT": "0",
        "SIMULATOR_LEDGER": str(tmp_path / "ledger"),
        "SIMULATOR_RECEIPTS_URL": "http://127.0.0.1:9",
        "SIMULATOR_SNS_KEY_FILE": str(key_file),
        "OCTAVO_MMG_USERNAME": "user",
        "OCTAVO_MMG_PASSWORD": "word",
        "OCTAVO_MMG_RECEIPT_TOKEN": "mmg-token",
        "OCTAVO_FIRETEXT_API_KEY": "key",
        "OCTAVO_FIRETEXT_RECEIPT_TOKEN": "firetext-token",
    }


@pytest.fixture
async def octavo():
    stand_in = Octavo()
    app = web.Application()
    app.router.add_post("/receipts/{provider}", stand_in.take)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("/"))
        yield stand_in


@pytest.fixture
async def simulator(environment, octavo):
    """A client of a running simulator that sends its receipts at once."""
    app = build(Settings.model_validate(environment | {"SIMULATOR_RECEIPTS_URL": octavo.url}))
    async with TestClient(TestServer(app)) as client:
        at_once = {name: {"receipt_delay_ms": 0} for name in ("mmg", "firetext", "ses")}
        await client.put("/behaviour", json=at_once)
        yield client
