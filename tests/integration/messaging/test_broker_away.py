"""A broker that is not there yet, dies, is frozen, or comes back: what is lost (nothing), and who is told what."""

import asyncio
import time
import uuid
from contextlib import closing, suppress
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from kafka import KafkaAdminClient

from octavo.domain.errors import Unavailable
from octavo.messaging import Partition
from octavo.messaging.kafka import KafkaPublisher, KafkaSink, KafkaSource
from octavo.messaging.publisher import NotSent
from octavo.topics import Outgoing
from tests.integration.looking import Kafka
from tests.waiting import comes_true, until

STILL_SECONDS = 12

pytestmark = pytest.mark.slow


@pytest.fixture
def topic(mortal):
    """A new topic on the mortal broker, which runs."""
    name = f"test-{uuid.uuid4().hex}"
    with closing(KafkaAdminClient(bootstrap_servers=mortal.kafka_bootstrap)) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    return name


def test_no_broker_is_something_to_wait_for(closed_later, group):
    member = closed_later(KafkaSource("127.0.0.1:9", group, ["topic"]))
    threads = set(enumerate_threads())

    for _ in range(2):
        with pytest.raises(Unavailable):
            member.poll(0.1)
    # What was made in vain is taken apart.
    assert set(enumerate_threads()) == threads
    member.hold(0.1)
    member.commit({Partition("topic", 0): 1})
    assert not member.joined


def test_a_sink_without_a_broker_says_so(closed_later):
    threads = set(enumerate_threads())

    with pytest.raises(Unavailable):
        closed_later(KafkaSink("127.0.0.1:9")).publish([Outgoing("topic", b"", b"value")])

    assert set(enumerate_threads()) == threads


async def test_a_publisher_without_a_broker_is_unready_and_refuses_at_once():
    publisher = KafkaPublisher("127.0.0.1:9", ["topic"])
    await publisher.start()

    assert publisher.unready()
    async with asyncio.timeout(0.5):
        with pytest.raises(NotSent) as refused:
            await publisher.publish([Outgoing("topic", b"", b"value")])
    assert refused.value.retry_after
    await publisher.drain()


def test_a_consumer_goes_on_where_it_was_when_its_broker_was_killed(mortal, topic, group, closed_later):
    sink = closed_later(KafkaSink(mortal.kafka_bootstrap))
    member = closed_later(KafkaSource(mortal.kafka_bootstrap, group, [topic]))
    sink.publish([Outgoing(topic, b"", b"%d" % number) for number in range(10)])
    seen: list[int] = []

    def poll():
        seen.extend(int(record.value) for record in member.poll(0.2))
        return len(seen)

    until(lambda: poll() == 10)
    member.commit({Partition(topic, 0): 10})

    mortal.kill("kafka")
    # Whatever it says, it says it without dying.
    for _ in range(5):
        with suppress(Unavailable):
            assert member.poll(0.2) == []
    with pytest.raises(Unavailable):
        member.commit({Partition(topic, 0): 10})
    mortal.start_program("kafka")

    sink.publish([Outgoing(topic, b"", b"%d" % number) for number in range(10, 20)])
    until(lambda: poll() >= 20, seconds=60)
    assert seen == list(range(20))
    member.commit({Partition(topic, 0): 20})
    assert Kafka(mortal.kafka_bootstrap).committed(group) == {(topic, 0): 20}


def test_a_consumer_waits_calmly_for_a_broker_that_stands_still(mortal, topic, group, closed_later):
    member = closed_later(KafkaSource(mortal.kafka_bootstrap, group, [topic], session_seconds=2))
    until(lambda: [member.poll(0.2), member.owned()][1])
    fetcher, looks = member._consumer._fetcher, 0
    look = fetcher.fetch_records

    def counted(*arguments, **options):
        nonlocal looks
        looks += 1
        return look(*arguments, **options)

    fetcher.fetch_records = counted
    mortal.pause("kafka")
    try:
        began = time.monotonic()
        while time.monotonic() < began + STILL_SECONDS:
            with suppress(Unavailable):
                member.poll(0.5)
    finally:
        mortal.resume("kafka")

    # Each leaves something behind until the fetch ends: a consumer that spins fills the memory.
    assert 0 < looks < 15 * STILL_SECONDS


def test_a_sink_publishes_again_after_its_producer_waited_in_vain(mortal, topic, closed_later):
    sink = closed_later(KafkaSink(mortal.kafka_bootstrap))
    sink.publish([Outgoing(topic, b"", b"first")])
    threads = set(enumerate_threads())
    # What a broker that goes away at a bad moment leaves behind: its producer waits for an answer, and nothing expires.
    sink._producer._sender._transaction_manager.next_in_flight_request_correlation_id()

    with pytest.raises(Unavailable):
        sink.publish([Outgoing(topic, b"", b"second")])
    sink.publish([Outgoing(topic, b"", b"third")])

    assert Kafka(mortal.kafka_bootstrap).values(topic)[-1] == b"third"
    assert len(set(enumerate_threads())) == len(threads)


def test_a_publish_waits_for_a_broker_that_comes_back(mortal, topic, closed_later):
    sink = closed_later(KafkaSink(mortal.kafka_bootstrap))
    sink.publish([Outgoing(topic, b"", b"first")])
    mortal.kill("kafka")
    ended = Event()

    def publish():
        # On a slow machine the broker may need longer than a message is offered to it.
        with suppress(Unavailable):
            sink.publish([Outgoing(topic, b"", b"second")])
            ended.set()

    waiting = Thread(target=publish)
    waiting.start()
    assert not ended.wait(1)
    mortal.start_program("kafka")
    waiting.join(40)

    there = Kafka(mortal.kafka_bootstrap).values(topic)
    assert there == [b"first", b"second"] if ended.is_set() else there[0] == b"first"


def test_a_sink_gives_up_and_works_again_when_the_broker_is_back(mortal, topic, closed_later):
    sink = closed_later(KafkaSink(mortal.kafka_bootstrap))
    sink.publish([Outgoing(topic, b"", b"first")])
    mortal.kill("kafka")
    with pytest.raises(Unavailable):
        sink.publish([Outgoing(topic, b"", b"second")])
    mortal.start_program("kafka")

    def published():
        try:
            sink.publish([Outgoing(topic, b"", b"third")])
        except Unavailable:
            return False
        return True

    until(published, seconds=60)
    values = Kafka(mortal.kafka_bootstrap).values(topic)
    assert values[0] == b"first"
    assert values[-1] == b"third"


@pytest.mark.parametrize("disturbance", ["kill", "pause"])
async def test_no_acknowledgement_of_a_publisher_is_false(mortal, topic, disturbance):
    publisher = KafkaPublisher(mortal.kafka_bootstrap, [topic])
    await publisher.start()
    acknowledged, refused = [], []
    going_on = True

    async def publish(worker):
        number = 0
        while going_on:
            number += 1
            value = b"%d-%d" % (worker, number)
            try:
                async with asyncio.timeout(20):
                    await publisher.publish([Outgoing(topic, b"", value)])
            except Unavailable:
                refused.append(value)
                await asyncio.sleep(0.05)
            else:
                acknowledged.append(value)

    workers = [asyncio.create_task(publish(worker)) for worker in range(20)]
    await comes_true(lambda: len(acknowledged) > 200, 60)
    refused.clear()
    await asyncio.to_thread(getattr(mortal, disturbance), "kafka")
    before = len(acknowledged)
    await comes_true(lambda: refused, 60)
    await asyncio.to_thread(mortal.start_program if disturbance == "kill" else mortal.resume, "kafka")
    await comes_true(lambda: len(acknowledged) > before + 200, 60)
    going_on = False
    await asyncio.gather(*workers)
    await publisher.drain()

    there = await asyncio.to_thread(Kafka(mortal.kafka_bootstrap).values, topic)
    assert set(acknowledged) <= set(there)
    # What was under way in that moment may be there twice: the producer has offered it again.
    assert len(there) - len(set(there)) <= len(workers)


async def test_what_a_publisher_could_not_deliver_until_it_drains_is_told(mortal, topic):
    publisher = KafkaPublisher(mortal.kafka_bootstrap, [topic])
    await publisher.start()
    async with asyncio.timeout(30):
        while not publisher._connections._open:
            with suppress(Unavailable):
                await publisher.publish([Outgoing(topic, b"", b"first")])
            await asyncio.sleep(0.05)
    mortal.pause("kafka")
    try:
        second = publisher.publish([Outgoing(topic, b"", b"second")])
        await publisher.drain()
    finally:
        mortal.resume("kafka")

    async with asyncio.timeout(1):
        with pytest.raises(Unavailable):
            await second


async def test_a_publisher_goes_on_soon_after_its_broker_stood_still(mortal):
    """Also if several requests were under way, which kafka-python's producer never gets over; and it waits without spinning."""
    topic = f"test-{uuid.uuid4().hex}"
    with closing(KafkaAdminClient(bootstrap_servers=mortal.kafka_bootstrap)) as admin:
        admin.create_topics({topic: {"num_partitions": 8, "replication_factor": 1}})
    publisher = KafkaPublisher(mortal.kafka_bootstrap, [topic])
    await publisher.start()

    async def published(number, after=0.0):
        await asyncio.sleep(after)
        try:
            await publisher.publish([Outgoing(topic, b"%d" % number, b"%d" % number)])
        except Unavailable:
            return False
        return True

    async def until_published(seconds):
        async with asyncio.timeout(seconds):
            while not await published(0):  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.05)

    await until_published(30)
    mortal.pause("kafka")
    try:
        began = time.process_time()
        answers = await asyncio.gather(*(published(number, after=0.02 * number) for number in range(16)))
        assert time.process_time() - began < STILL_SECONDS / 4
    finally:
        mortal.resume("kafka")
    assert answers == [False] * 16
    # Well below the time after which a publisher gives up what is not settled.
    await until_published(8)
    assert [await published(number) for number in range(16)] == [True] * 16
    await publisher.drain()
