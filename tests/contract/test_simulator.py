"""Every provider before the simulator of the local stack: what it accepted stands in its ledger, once, under our reference."""

import asyncio
import json
from collections import Counter

import pytest
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.simulator.app import build
from deploy.local.simulator.behaviour import Behaviour
from deploy.local.simulator.settings import Settings
from octavo.domain.outcome import Accepted, Temporary, Uncertain
from tests.contract.dialects import new_reference

SHORT = 0.6


@pytest.fixture(scope="module")
def sns_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
async def simulator(tmp_path, sns_key):
    (tmp_path / "sns.pem").write_bytes(sns_key)
    settings = Settings.model_validate(
        {
            "SIMULATOR_PORT": "0",
            "SIMULATOR_LEDGER": str(tmp_path / "ledger"),
            "SIMULATOR_RECEIPTS_URL": "http://127.0.0.1:9",
            "SIMULATOR_SNS_KEY_FILE": str(tmp_path / "sns.pem"),
            "OCTAVO_MMG_USERNAME": "user",
            "OCTAVO_MMG_PASSWORD": "word",
            "OCTAVO_MMG_RECEIPT_TOKEN": "a token of MMG",
            "OCTAVO_FIRETEXT_API_KEY": "key",
            "OCTAVO_FIRETEXT_RECEIPT_TOKEN": "a token of Firetext",
        }
    )
    async with TestServer(build(settings)) as server:
        yield server


@pytest.fixture
def ledger(tmp_path):
    """`ledger()` is how often each reference was accepted."""
    return lambda: Counter(json.loads(line)["reference"] for line in (tmp_path / "ledger").read_text().splitlines())


@pytest.fixture
def sends(bench, simulator):
    """`sends(**behaviour)` is one send to the simulator that behaves so: its reference and its outcome."""
    url = f"http://127.0.0.1:{simulator.port}"

    async def send(seconds=10.0, **behaviour):
        import aiohttp

        told = {bench.name: Behaviour(receipts=False, **behaviour).model_dump()}
        async with aiohttp.ClientSession() as session, session.put(f"{url}/behaviour", json=told) as answer:
            assert answer.status == 200
        reference = new_reference()
        return str(reference), await bench.send(bench.client(url, seconds=seconds), reference)

    return send


async def test_accepted(sends, ledger):
    reference, outcome = await sends()

    assert isinstance(outcome, Accepted)
    assert outcome.reference
    assert ledger() == {reference: 1}


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_failure_is_not_accepted_and_says_when_to_come_again(sends, ledger, status):
    _, outcome = await sends(fail_share=1, fail_status=status, retry_after=7)

    assert isinstance(outcome, Temporary)
    assert outcome.retry_after is not None
    assert outcome.retry_after.total_seconds() == 7
    assert ledger() == {}


async def test_a_reset_is_uncertain(sends, ledger):
    _, outcome = await sends(reset_share=1)

    assert isinstance(outcome, Uncertain)
    assert ledger() == {}


async def test_a_reset_after_accepting_is_uncertain_and_is_accepted_once(sends, ledger):
    reference, outcome = await sends(accept_then_reset_share=1)

    assert isinstance(outcome, Uncertain)
    assert ledger() == {reference: 1}


async def test_a_time_out_after_accepting_is_uncertain_and_is_accepted_once(sends, ledger):
    reference, outcome = await sends(seconds=SHORT, accept_then_hang_share=1)

    assert isinstance(outcome, Uncertain)
    assert ledger() == {reference: 1}


async def test_a_hundred_sends_of_mixed_luck_are_accepted_once_at_most(bench, simulator, ledger, sends):
    await sends(fail_share=0.2, reset_share=0.1, accept_then_reset_share=0.2)
    client = bench.client(f"http://127.0.0.1:{simulator.port}", in_flight=50)
    references = [new_reference() for _ in range(100)]

    outcomes = await asyncio.gather(*(bench.send(client, reference) for reference in references))

    accepts = ledger()
    for reference, outcome in zip(references, outcomes, strict=True):
        match outcome:
            case Accepted():
                assert accepts[str(reference)] == 1
            case Uncertain():
                assert accepts[str(reference)] <= 1
            case _:
                assert accepts[str(reference)] == 0
