"""Calling providers, with providers that answer as they are told."""

import asyncio
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from octavo import topics
from octavo.domain.notification import KeyType, NotificationType, Status
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.domain.recipient import parse_phone
from octavo.domain.weights import Weights
from octavo.messaging import Partition, Place
from octavo.messaging.memory import Broker
from octavo.providers import TextMessage
from octavo.v1.messages_pb2 import ReceiptMessage
from services.dispatcher.claims import Claimed
from services.dispatcher.outcomes import Ended
from services.dispatcher.sending import LATEST_CALL_SECONDS, YOUNG, Sending
from services.dispatcher.unsent import Unsent


class Answering:
    """A provider that gives the same answer to all."""

    def __init__(self, name: str, outcome: Outcome) -> None:
        self.name = name
        self.outcome = outcome
        self.sent: list[Any] = []

    async def send(self, message: Any) -> Outcome:
        self.sent.append(message)
        return self.outcome


class Kept:
    """Keeps what became of claims."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []
        self.given_back: list[Claimed] = []
        self._arrivals: asyncio.Queue[Ended] = asyncio.Queue()

    def put(self, ended: Ended) -> None:
        self.ended.append(ended)
        self._arrivals.put_nowait(ended)

    async def next(self, count: int) -> set[UUID]:
        """The ids of the next so many."""
        async with asyncio.timeout(10):
            return {(await self._arrivals.get()).claimed.id for _ in range(count)}

    def give_back(self, claimed: Claimed) -> None:
        self.given_back.append(claimed)


class Bench:
    """A Sending between two providers, the first of which is chosen always."""

    def __init__(self, first: Outcome, second: Outcome | None = None) -> None:
        self.first = Answering("mmg", first)
        self.second = Answering("firetext", second or Accepted("second"))
        self.kept = Kept()
        self.broker = Broker()
        # The second has almost no weight: it is chosen when the first is excluded.
        weights = Weights({"mmg": 10**9, "firetext": 1})
        providers = {"mmg": self.first, "firetext": self.second}
        self.sending = Sending("send-sms", providers, weights, Unsent(self.broker), self.kept, at_once=1_000)

    async def send(self, claimed: Claimed) -> Ended:
        await self.sending.send(claimed)
        (ended,) = self.kept.ended
        return ended


def claimed(number: str = "07700900111", **changed: Any) -> Claimed:
    notification_id = uuid4()
    message = TextMessage(notification_id, parse_phone(number), "Hello", "Octavo")
    given: dict[str, Any] = {
        "id": notification_id,
        "type": NotificationType.SMS,
        "key_type": KeyType.LIVE,
        "message": message,
        "place": Place(Partition("send-sms", 0), 0),
        "token": uuid4(),
        "attempt": 1,
        "claimed_at": monotonic(),
        "accepted_at_micros": 0,
    }
    return Claimed(**given | changed)


async def test_a_claim_is_offered_once_with_its_id_as_reference():
    bench = Bench(Accepted("theirs"))
    one = claimed()
    ended = await bench.send(one)
    assert (ended.provider, ended.outcome) == ("mmg", Accepted("theirs"))
    assert [message.reference for message in bench.first.sent] == [one.id]
    assert bench.second.sent == []


async def test_what_is_certainly_not_sent_goes_to_another_provider_at_once():
    bench = Bench(Temporary("busy"))
    ended = await bench.send(claimed())
    assert (ended.provider, ended.outcome) == ("firetext", Accepted("second"))


async def test_without_a_clear_answer_no_other_provider_gets_it():
    bench = Bench(Uncertain("time-out"))
    ended = await bench.send(claimed())
    assert (ended.provider, ended.outcome) == ("mmg", Uncertain("time-out"))
    assert bench.second.sent == []


async def test_a_refusal_for_good_goes_to_no_other_provider():
    bench = Bench(Permanent("no such number"))
    assert (await bench.send(claimed())).provider == "mmg"
    assert bench.second.sent == []


async def test_only_the_first_attempt_goes_to_another_provider_at_once():
    bench = Bench(Temporary("busy"))
    ended = await bench.send(claimed(attempt=2))
    assert (ended.provider, bench.second.sent) == ("mmg", [])


async def test_a_claim_that_grew_old_is_given_back_and_not_sent():
    bench = Bench(Accepted())
    old = claimed(claimed_at=monotonic() - LATEST_CALL_SECONDS - 1)
    await bench.sending.send(old)
    assert bench.kept.given_back == [old]
    assert bench.first.sent == bench.kept.ended == []


async def test_what_could_not_be_rendered_is_recorded_and_not_sent():
    bench = Bench(Accepted())
    refusal = Permanent("can't be rendered", Status.TECHNICAL_FAILURE)
    ended = await bench.send(claimed(message=refusal))
    assert (ended.provider, ended.outcome, bench.first.sent) == (None, refusal, [])


async def test_where_no_receipt_comes_the_providers_word_is_the_last():
    ended = await Bench(Accepted("theirs")).send(claimed("+12025550123"))
    assert ended.outcome == Accepted("theirs", final_without_receipt=True)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("07700900111", "DELIVERED"),
        ("07700900002", "PERMANENT_FAILURE"),
        ("07700900003", "TEMPORARY_FAILURE"),
        ("+12025550123", "DELIVERED"),
    ],
)
async def test_a_test_key_sends_nothing_and_its_recipient_decides_the_receipt(number, status):
    bench = Bench(Accepted())
    one = claimed(number, key_type=KeyType.TEST)
    ended = await bench.send(one)
    assert (ended.provider, ended.outcome) == ("test", Accepted())
    assert bench.first.sent == bench.second.sent == []
    (value,) = bench.broker.values(topics.RECEIPTS.name)
    receipt = ReceiptMessage.FromString(value)
    assert receipt.notification_id == one.id.bytes
    assert str(receipt).count(f"NOTIFICATION_STATUS_{status}") == 1


async def test_a_test_key_is_tried_again_while_the_broker_is_away():
    bench = Bench(Accepted())
    bench.broker.refuse_publish = 1
    ended = await bench.send(claimed(key_type=KeyType.TEST))
    assert isinstance(ended.outcome, Temporary)


async def test_a_client_that_fails_leaves_the_send_unconfirmed_and_tells_no_personal_data():
    bench = Bench(Accepted())

    async def fail(message: Any) -> Outcome:
        raise RuntimeError(message.to.e164)

    bench.first.send = fail  # type: ignore[method-assign]
    with capture_logs() as lines:
        ended = await bench.send(claimed())
    assert ended.outcome == Uncertain("the client failed: RuntimeError")
    assert bench.second.sent == []
    (line,) = lines
    assert line["notification_id"] == str(ended.claimed.id)
    assert "7700900111" not in str(line)


async def test_a_slow_call_delays_no_other():
    bench = Bench(Accepted())
    slow, others = claimed(), [claimed() for _ in range(300)]
    gate = asyncio.Event()
    answer = bench.first.send

    async def send(message: Any) -> Outcome:
        if message.reference == slow.id:
            await gate.wait()
        return await answer(message)

    bench.first.send = send  # type: ignore[method-assign]
    bench.sending.begin([slow, *others])
    assert await bench.kept.next(len(others)) == {one.id for one in others}
    gate.set()
    assert await bench.kept.next(1) == {slow.id}


class Silent(Answering):
    """A provider that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__("mmg", Accepted())
        self.told = asyncio.Event()

    async def send(self, message: Any) -> Outcome:
        await super().send(message)
        await self.told.wait()
        return self.outcome


async def reached(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a provider tells nobody what it got
            await asyncio.sleep(0.001)


def held_back(monkeypatch, seconds: float, at_once: int = 1_000) -> tuple[Sending, Silent, Kept]:
    monkeypatch.setattr("services.dispatcher.sending.YOUNG_SECONDS", seconds)
    provider, kept = Silent(), Kept()
    sending = Sending("send-sms", {"mmg": provider}, Weights({"mmg": 1}), Unsent(Broker()), kept, at_once=at_once)
    return sending, provider, kept


async def test_a_provider_gets_a_few_of_a_batch_and_more_as_it_answers(monkeypatch):
    sending, provider, kept = held_back(monkeypatch, 60)
    batch = [claimed() for _ in range(3 * YOUNG)]
    sending.begin(batch)
    await reached(lambda: len(provider.sent) == YOUNG)
    sending.begin([claimed()])
    await asyncio.sleep(0.01)
    assert len(provider.sent) == YOUNG
    provider.told.set()
    await kept.next(len(batch) + 1)
    assert [message.reference for message in provider.sent[:-1]] == [one.id for one in batch]


async def test_a_provider_that_does_not_answer_delays_no_others(monkeypatch):
    sending, provider, kept = held_back(monkeypatch, 0.01)
    sending.begin([claimed() for _ in range(4 * YOUNG)])
    await reached(lambda: len(provider.sent) == 4 * YOUNG)
    assert kept.ended == []
    provider.told.set()
    await kept.next(4 * YOUNG)


async def test_a_claim_that_grew_old_while_others_were_sent_is_given_back(monkeypatch):
    sending, provider, kept = held_back(monkeypatch, 0.001, at_once=2)
    batch = [claimed(), claimed(), claimed(claimed_at=monotonic() - LATEST_CALL_SECONDS + 0.05), claimed()]
    sending.begin(batch)
    await asyncio.sleep(0.1)
    assert len(provider.sent) == 2
    provider.told.set()
    await kept.next(3)
    assert kept.given_back == [batch[2]]
    assert [message.reference for message in provider.sent] == [batch[0].id, batch[1].id, batch[3].id]
