"""Every provider of the registry, before a server that plays a script."""

import os
from collections.abc import AsyncIterator, Callable

import pytest

from octavo.providers.registry import PROVIDERS
from tests.contract.bench import Bench
from tests.contract.dialects import DIALECTS
from tests.contract.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that nobody has, and no other place to look for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as scripted:
        yield scripted


@pytest.fixture
async def bench_of(server: ScriptedServer) -> AsyncIterator[Callable[[str], Bench]]:
    """`bench_of(name)` is a provider of the registry before the scripted server."""
    benches: list[Bench] = []

    def make(name: str) -> Bench:
        benches.append(Bench(name, DIALECTS[name](), server))
        return benches[-1]

    yield make
    # Calls that wait for a silent server end with its connections.
    await server.disconnect()
    for bench in benches:
        for client in bench.clients:
            await client.close()


@pytest.fixture(params=sorted(PROVIDERS))
def bench(request: pytest.FixtureRequest, bench_of: Callable[[str], Bench]) -> Bench:
    """Each provider in turn."""
    return bench_of(request.param)
