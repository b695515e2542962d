"""Receipts go out as told, and again until they are taken."""

import asyncio
import json
from base64 import b64decode
from collections import Counter
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from deploy.local.simulator.sns import canonical_string

MMG = {"Authorization": "Basic dXNlcjp3b3Jk"}
SES = {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}


async def send_mmg(simulator, reference, number="447700900001"):
    body = {"reqType": "BULK", "MSISDN": number, "msg": "Hi", "sender": "GOVUK", "cid": reference, "multi": True}
    async with simulator.post("/mmg", json=body, headers=MMG) as answer:
        assert answer.status == 200


async def send_email(simulator, recipient):
    body = {
        "FromEmailAddress": "from@example.com",
        "Destination": {"ToAddresses": [recipient]},
        "Content": {"Simple": {"Subject": {"Data": "S"}, "Body": {"Text": {"Data": "B"}}}},
        "EmailTags": [{"Name": "notification_id", "Value": "ref-1"}],
    }
    async with simulator.post("/v2/email/outbound-emails", json=body, headers=SES) as answer:
        return (await answer.json())["MessageId"]


async def tell(simulator, **behaviour):
    at_once = {"receipt_delay_ms": 0} | behaviour
    async with simulator.put("/behaviour", json=dict.fromkeys(("mmg", "firetext", "ses"), at_once)) as answer:
        assert answer.status == 200


async def pending(simulator):
    async with simulator.get("/receipts") as answer:
        return (await answer.json())["pending"]


@pytest.mark.parametrize(("number", "status"), [("447700900001", "3"), ("447700900002", "5"), ("447700900003", "4")])
async def test_the_test_numbers_decide_mmgs_receipt(simulator, octavo, number, status):
    await send_mmg(simulator, "ref-1", number)
    await octavo.until(lambda: len(octavo.got) == 1)

    [(provider, headers, body)] = octavo.got
    assert provider == "mmg"
    assert headers["Authorization"] == "Bearer mmg-token"
    assert json.loads(body) | {"reference": ""} == {
        "CID": "ref-1",
        "MSISDN": number,
        "reference": "",
        "status": status,
        "substatus": json.loads(body)["substatus"],
    }


async def test_firetext_reports_pending_and_then_the_outcome(simulator, octavo):
    await tell(simulator, pending_first=True)
    form = {"apiKey": "key", "from": "GOVUK", "to": "447700900002", "message": "Hi", "reference": "ref-1"}
    async with simulator.post("/firetext", data=form) as answer:
        assert answer.status == 200
    await octavo.until(lambda: len(octavo.got) == 2)

    forms = [parse_qs(body.decode()) for _, _, body in octavo.got]
    assert [(form["status"], form.get("code")) for form in forms] == [(["2"], None), (["1"], ["101"])]


async def test_an_email_is_settled_by_a_signed_envelope(simulator, octavo, sns_key):
    message_id = await send_email(simulator, "jo@example.com")
    await octavo.until(lambda: len(octavo.got) == 1)

    [(provider, headers, body)] = octavo.got
    envelope = json.loads(body)
    event = json.loads(envelope["Message"])
    sns_key.public_key().verify(
        b64decode(envelope["Signature"]), canonical_string(envelope), padding.PKCS1v15(), hashes.SHA256()
    )
    assert (provider, headers["x-amz-sns-message-type"]) == ("ses", "Notification")
    assert (event["eventType"], event["mail"]["messageId"]) == ("Delivery", message_id)
    assert event["mail"]["tags"] == {"notification_id": ["ref-1"]}


async def test_a_refused_receipt_is_sent_again_unchanged_until_it_is_taken(simulator, octavo):
    octavo.answers = [503, 302]

    await send_email(simulator, "jo@example.com")
    await octavo.until(lambda: len(octavo.got) == 1)
    assert await pending(simulator) == 1
    await octavo.until(lambda: len(octavo.got) == 3)

    assert len({body for _, _, body in octavo.got}) == 1
    async with simulator.get("/receipts") as answer:
        assert await answer.json() == {"pending": 0, "accepted": 1, "attempts": 3, "dropped_repeats": 0}


async def test_receipts_are_repeated_as_often_as_told(simulator, octavo):
    await tell(simulator, receipt_repeat=10)

    await send_email(simulator, "jo@example.com")
    await octavo.until(lambda: len(octavo.got) == 10)

    envelopes = [json.loads(body) for _, _, body in octavo.got]
    assert len({envelope["MessageId"] for envelope in envelopes}) == 10
    assert len({json.loads(envelope["Message"])["mail"]["messageId"] for envelope in envelopes}) == 1


async def test_receipts_are_reordered_when_told(simulator, octavo):
    await tell(simulator, receipt_reorder=True)

    for number in range(30):
        await send_mmg(simulator, f"{number:02}")
    await octavo.until(lambda: len(octavo.got) == 30)

    references = [json.loads(body)["CID"] for _, _, body in octavo.got]
    assert len(set(references)) == 30
    assert references != sorted(references)


async def test_receipts_can_be_off_and_some_recipients_never_have_one(simulator, octavo):
    await tell(simulator, receipts=False)
    await send_mmg(simulator, "off")
    await tell(simulator)
    await send_mmg(simulator, "silent", "447700900004")
    await send_email(simulator, "no-receipt@example.com")

    await send_mmg(simulator, "last")
    await octavo.until(lambda: len(octavo.got) == 1)

    assert [json.loads(body)["CID"] for _, _, body in octavo.got] == ["last"]
    assert await pending(simulator) == 0


async def test_a_receipt_can_come_before_the_answer(simulator, octavo):
    await tell(simulator, latency_ms=60_000, receipt_before_answer=True)

    call = asyncio.ensure_future(send_mmg(simulator, "early"))
    await octavo.until(lambda: len(octavo.got) == 1)

    assert not call.done()
    call.cancel()


async def test_many_receipts_all_arrive_once(simulator, octavo):
    await asyncio.gather(*(send_mmg(simulator, f"ref-{number}") for number in range(500)))
    await octavo.until(lambda: len(octavo.got) == 500)

    assert set(Counter(json.loads(body)["CID"] for _, _, body in octavo.got).values()) == {1}
