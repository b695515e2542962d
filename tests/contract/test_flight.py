"""Several hundred sends are in flight at once, and a slow one delays none of the others."""

import asyncio
from collections import Counter

from octavo.domain.outcome import Accepted
from tests.contract.dialects import new_reference
from tests.contract.scripted import answers

SENDS = 300


async def test_hundreds_are_in_flight_at_once(bench):
    everybody_is_here = asyncio.Event()

    async def play(request, writer):
        # Nobody is answered before all have asked: fewer calls at once would stand still.
        if len(bench.server.requests) == SENDS:
            everybody_is_here.set()
        await everybody_is_here.wait()
        await answers(bench.dialect.accepted)(request, writer)

    bench.server.play = play
    client = bench.client(in_flight=SENDS)
    references = [new_reference() for _ in range(SENDS)]

    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*(bench.send(client, reference) for reference in references))

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert Counter(map(bench.dialect.reference_in, bench.server.requests)) == Counter(map(str, references))


async def test_a_slow_one_delays_none(bench):
    slow, ended = new_reference(), asyncio.Event()

    async def play(request, writer):
        if bench.dialect.reference_in(request) == str(slow):
            await ended.wait()
        await answers(bench.dialect.accepted)(request, writer)

    bench.server.play = play
    client = bench.client(in_flight=10)
    waiting = asyncio.create_task(bench.send(client, slow))

    async with asyncio.timeout(20):
        for _ in range(10):
            await asyncio.gather(*(bench.send(client) for _ in range(9)))
    assert not waiting.done()

    ended.set()
    assert isinstance(await waiting, Accepted)


async def test_a_broken_one_harms_none(bench):
    broken = new_reference()

    async def play(request, writer):
        if bench.dialect.reference_in(request) == str(broken):
            writer.transport.abort()
        else:
            await answers(bench.dialect.accepted)(request, writer)

    bench.server.play = play
    client = bench.client(in_flight=5)
    references = [new_reference() for _ in range(20)]

    outcomes = await asyncio.gather(*(bench.send(client, one) for one in [*references, broken]))

    assert [type(outcome) for outcome in outcomes[:-1]] == [Accepted] * 20
    assert len(bench.server.requests) == 21
