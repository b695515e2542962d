"""The simulator as a process: it starts, survives its own death on disk, and ends when asked."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[3]
SMS = {"reqType": "BULK", "MSISDN": "447700900001", "msg": "Hi", "sender": "GOVUK", "cid": "ref-1", "multi": True}


@contextlib.asynccontextmanager
async def running(environment):
    """A running simulator: the process and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "deploy.local.simulator"),
        cwd=ROOT,
        env=os.environ | environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr
        started = await asyncio.wait_for(process.stderr.readline(), 20)
        port = re.search(rb"listening on port (\d+)", started)
        assert port
        yield process, f"http://127.0.0.1:{port[1].decode()}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def ledger(environment):
    return [json.loads(line) for line in Path(environment["SIMULATOR_LEDGER"]).read_bytes().splitlines()]


async def send(url):
    headers = {"Authorization": "Basic dXNlcjp3b3Jk"}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/mmg", json=SMS, headers=headers) as answer:
        return (await answer.json())["Reference"]


async def test_what_was_answered_outlives_a_kill_and_the_ledger_goes_on(environment):
    async with running(environment) as (process, url):
        first = await send(url)
        process.kill()
        await process.wait()
    async with running(environment) as (_, url):
        second = await send(url)

    assert [entry["provider_id"] for entry in ledger(environment)] == [first, second]


async def test_sigterm_ends_it_in_order_though_a_call_hangs_and_receipts_wait(environment):
    async with running(environment) as (process, url), aiohttp.ClientSession() as session:
        await send(url)
        async with session.put(f"{url}/behaviour", json={"mmg": {"accept_then_hang_share": 1}}) as answer:
            assert answer.status == 200
        hanging = asyncio.ensure_future(send(url))
        async with asyncio.timeout(5):
            while len(ledger(environment)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert b"Traceback" not in await process.stderr.read()
        await asyncio.gather(hanging, return_exceptions=True)


async def test_a_wrong_configuration_is_told_at_once_without_values():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "deploy.local.simulator"),
        cwd=ROOT,
        env={"SIMULATOR_PORT": "no-port", "PATH": os.environ["PATH"]},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode == 2
    assert b"SIMULATOR_PORT" in told
    assert b"OCTAVO_MMG_PASSWORD" in told
    assert b"no-port" not in told
