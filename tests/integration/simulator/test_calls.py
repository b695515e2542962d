"""Calls at the simulated providers: what is accepted, in the ledger, and broken off as told."""

import asyncio
import json
import time

import aiohttp
import pytest

AUTHORIZATION = {"Authorization": "Basic dXNlcjp3b3Jk"}


def sms(reference="ref-1", number="447700900001"):
    return {"reqType": "BULK", "MSISDN": number, "msg": "Hi", "sender": "GOVUK", "cid": reference, "multi": True}


async def send(simulator, reference="ref-1", **how):
    async with simulator.post("/mmg", json=sms(reference), headers=AUTHORIZATION, **how) as answer:
        return answer.status, await answer.json(), answer.headers


async def told(simulator, seed=None, **behaviour):
    async with simulator.put("/behaviour", json={"mmg": behaviour, "seed": seed}) as answer:
        assert answer.status == 200


async def ledger(simulator, since=0):
    async with simulator.get(f"/ledger?since={since}") as answer:
        return [json.loads(line) for line in (await answer.read()).splitlines()]


async def counts(simulator):
    async with simulator.get("/stats") as answer:
        return (await answer.json())["mmg"]


async def test_an_accepted_message_is_in_the_ledger_without_its_recipient(simulator):
    status, body, _ = await send(simulator)

    [entry] = await ledger(simulator)
    assert status == 200
    assert (entry["provider"], entry["reference"], entry["provider_id"]) == ("mmg", "ref-1", body["Reference"])
    assert "447700900001" not in json.dumps(entry)


async def test_the_ledger_is_read_from_any_line(simulator):
    for number in range(3):
        await send(simulator, f"ref-{number}")

    assert [entry["reference"] for entry in await ledger(simulator, 2)] == ["ref-2"]
    assert await ledger(simulator, 3) == []
    async with simulator.get("/ledger/count") as answer:
        assert await answer.json() == {"count": 3}


async def test_refuses_a_senseless_place_in_the_ledger(simulator):
    async with simulator.get("/ledger?since=-1") as answer:
        assert answer.status == 400


async def test_wrong_credentials_leave_no_line(simulator):
    async with simulator.post("/mmg", json=sms(), headers={"Authorization": "Basic eDp5"}) as answer:
        assert answer.status == 401
    async with simulator.post("/firetext", data={"apiKey": "wrong"}) as answer:
        assert answer.status == 200
        assert (await answer.json())["code"] != 0

    assert await ledger(simulator) == []


async def test_a_form_is_accepted_by_firetext(simulator):
    form = {"apiKey": "key", "from": "GOVUK", "to": "447700900001", "message": "£ & more", "reference": "ref-1"}
    async with simulator.post("/firetext", data=form) as answer:
        assert (await answer.json())["code"] == 0

    [entry] = await ledger(simulator)
    assert (entry["provider"], entry["reference"]) == ("firetext", "ref-1")


async def test_a_failure_has_its_status_and_pause_and_no_line(simulator):
    await told(simulator, fail_share=1, fail_status=429, retry_after=3)

    status, _, headers = await send(simulator)

    assert (status, headers["Retry-After"]) == (429, "3")
    assert await ledger(simulator) == []


async def test_a_reset_call_is_not_accepted(simulator):
    await told(simulator, reset_share=1)

    with pytest.raises(aiohttp.ClientConnectionError):
        await send(simulator)

    assert await ledger(simulator) == []
    assert (await counts(simulator))["reset"] == 1


async def test_an_accepted_call_can_be_reset_without_an_answer(simulator, octavo):
    await told(simulator, accept_then_reset_share=1, receipt_delay_ms=0)

    with pytest.raises(aiohttp.ClientConnectionError):
        await send(simulator)

    assert len(await ledger(simulator)) == 1
    await octavo.until(lambda: len(octavo.got) == 1)


async def test_an_accepted_call_can_hang_until_its_caller_gives_up(simulator, octavo):
    await told(simulator, accept_then_hang_share=1, receipt_delay_ms=0)

    with pytest.raises(TimeoutError):
        await send(simulator, timeout=aiohttp.ClientTimeout(total=0.3))

    assert len(await ledger(simulator)) == 1
    await octavo.until(lambda: len(octavo.got) == 1)
    deadline = time.monotonic() + 5
    while (await counts(simulator))["in_flight"]:
        assert time.monotonic() < deadline, "a hanging call outlived its caller"


async def test_a_slow_call_delays_no_other(simulator):
    await told(simulator, slow_share=1, slow_ms=60_000)
    slow = asyncio.ensure_future(send(simulator, "slow"))
    deadline = time.monotonic() + 5
    while not await ledger(simulator):
        assert time.monotonic() < deadline
    await told(simulator)

    status, _, _ = await send(simulator, "quick")

    assert status == 200
    assert not slow.done()
    slow.cancel()


async def test_the_most_calls_in_flight_are_counted(simulator):
    await told(simulator, latency_ms=300)

    await asyncio.gather(*(send(simulator, f"ref-{number}") for number in range(20)))

    counted = await counts(simulator)
    assert (counted["calls"], counted["accepted"], counted["in_flight"]) == (20, 20, 0)
    assert counted["max_in_flight"] == 20
    async with simulator.delete("/stats") as answer:
        assert (await answer.json())["mmg"]["max_in_flight"] == 0


async def test_a_deduplicating_provider_answers_alike_and_writes_one_line(simulator, octavo):
    before = (await send(simulator, "old"))[1]
    await told(simulator, deduplicate=True, receipt_delay_ms=0)

    answers = await asyncio.gather(*(send(simulator, "new") for _ in range(5)))
    again = (await send(simulator, "old"))[1]

    assert len({body["Reference"] for _, body, _ in answers}) == 1
    assert again == before
    assert [entry["reference"] for entry in await ledger(simulator)] == ["old", "new"]
    await octavo.until(lambda: len(octavo.got) == 2)


async def test_a_provider_that_does_not_deduplicate_writes_each_accept(simulator):
    await send(simulator)
    await send(simulator)

    assert len(await ledger(simulator)) == 2


async def test_equal_seeds_give_equal_luck(simulator):
    async def statuses():
        await told(simulator, seed=42, fail_share=0.5)
        return [(await send(simulator))[0] for _ in range(20)]

    first = await statuses()

    assert set(first) == {200, 500}
    assert await statuses() == first


async def test_an_unnamed_provider_goes_on_as_before_and_delete_resets_all(simulator):
    await told(simulator, fail_share=0.25)
    async with simulator.put("/behaviour", json={"ses": {"latency_ms": 5}}) as answer:
        assert (await answer.json())["mmg"]["fail_share"] == 0.25

    async with simulator.delete("/behaviour") as answer:
        behaviour = await answer.json()

    assert (behaviour["mmg"]["fail_share"], behaviour["ses"]["latency_ms"]) == (0, 0)
    async with simulator.get("/behaviour") as answer:
        assert await answer.json() == behaviour


@pytest.mark.parametrize("wrong", [{"mmg": {"fail_share": 2}}, {"unknown": {}}, {"mmg": {"fail": 1}}, []])
async def test_an_impossible_behaviour_is_refused(simulator, wrong):
    async with simulator.put("/behaviour", json=wrong) as answer:
        assert answer.status == 400
