"""KafkaSink and KafkaPublisher over a real broker."""

import asyncio
import time
import uuid
from contextlib import asynccontextmanager, closing

import pytest
from kafka import KafkaAdminClient, KafkaConsumer

from octavo.domain.errors import Invalid, Reason, Unavailable
from octavo.messaging.kafka import KafkaPublisher, KafkaSink
from octavo.messaging.publisher import NotSent
from octavo.topics import Outgoing


@pytest.fixture
def sink(kafka_bootstrap, closed_later):
    return closed_later(KafkaSink(kafka_bootstrap))


@asynccontextmanager
async def publishing(bootstrap, *topics, **options):
    """A publisher that has reached its broker."""
    publisher = KafkaPublisher(bootstrap, topics, **options)
    await publisher.start()
    async with asyncio.timeout(30):
        # A process asks in the same way before it says that it is ready.
        while publisher.unready():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    try:
        yield publisher
    finally:
        await publisher.drain()


async def refused(publisher, message):
    try:
        await publisher.publish([message])
    except Unavailable:
        return True
    return False


def test_a_sink_returns_when_all_is_there(sink, kafka, new_topic):
    topic = new_topic(3)
    values = [b"%d" % number for number in range(1000)]

    sink.publish([Outgoing(topic, value, value) for value in values])

    assert sorted(kafka.values(topic)) == sorted(values)


def test_messages_of_one_key_keep_their_order(sink, kafka, new_topic):
    topic = new_topic(3)

    for batch in range(10):
        sink.publish([Outgoing(topic, b"one key", b"%d" % (batch * 10 + number)) for number in range(10)])

    assert kafka.values(topic) == [b"%d" % number for number in range(100)]


def test_a_sink_refuses_what_is_too_large_and_publishes_nothing_of_it(sink, kafka, new_topic):
    topic = new_topic()

    with pytest.raises(Invalid) as refused:
        sink.publish([Outgoing(topic, b"", b"small"), Outgoing(topic, b"", b"x" * 4 * 1024 * 1024)])

    assert refused.value.reason is Reason.CONTENT_TOO_LONG
    assert kafka.values(topic) == []
    sink.publish([Outgoing(topic, b"", b"next")])
    assert kafka.values(topic) == [b"next"]


def test_a_topic_that_is_missing_is_not_made_by_publishing(sink, kafka, new_topic):
    with pytest.raises(Unavailable):
        sink.publish([Outgoing(f"{new_topic()}-missing", b"", b"value")])


@pytest.fixture
def narrow_topic(kafka_bootstrap):
    """A topic that takes less than those of Octavo, as if somebody had changed it."""
    name = f"test-{uuid.uuid4().hex}"
    options = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "100000"}}
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
        admin.create_topics({name: options})
    return name


def test_a_sink_survives_a_message_that_only_the_broker_finds_too_large(sink, kafka, narrow_topic):
    with pytest.raises(Unavailable):
        sink.publish([Outgoing(narrow_topic, b"", b"x" * 200_000)])

    sink.publish([Outgoing(narrow_topic, b"", b"next")])

    assert kafka.values(narrow_topic) == [b"next"]


async def test_a_publisher_survives_it_too(kafka_bootstrap, kafka, narrow_topic):
    async with publishing(kafka_bootstrap, narrow_topic) as publisher:
        with pytest.raises(Unavailable):
            await publisher.publish([Outgoing(narrow_topic, b"", b"x" * 200_000)])

        async with asyncio.timeout(20):
            # Its producer is made anew; until then it says that it is unavailable.
            while await refused(publisher, Outgoing(narrow_topic, b"", b"next")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    assert await asyncio.to_thread(kafka.values, narrow_topic) == [b"next"]


async def test_a_publisher_returns_when_all_is_there(kafka_bootstrap, kafka, new_topic):
    topic = new_topic(3)
    async with publishing(kafka_bootstrap, topic) as publisher:
        await publisher.publish([Outgoing(topic, b"", b"%d" % number) for number in range(10)])

        assert len(await asyncio.to_thread(kafka.values, topic)) == 10


async def test_hundreds_of_acknowledgements_wake_the_loop_a_few_times(kafka_bootstrap, kafka, new_topic, monkeypatch):
    topic = new_topic()
    wakes: list[int] = []
    loop = asyncio.get_running_loop()
    call = loop.call_soon_threadsafe
    async with publishing(kafka_bootstrap, topic) as publisher:

        def wake(*given, **named):
            wakes.append(1)
            return call(*given, **named)

        monkeypatch.setattr(loop, "call_soon_threadsafe", wake)
        await asyncio.gather(*(publisher.publish([Outgoing(topic, b"", b"%d" % one)]) for one in range(500)))

        monkeypatch.undo()
    assert len(wakes) <= 100
    assert len(await asyncio.to_thread(kafka.values, topic)) == 500


async def test_a_publisher_refuses_what_is_too_large_and_publishes_nothing_of_it(kafka_bootstrap, kafka, new_topic):
    topic = new_topic()
    async with publishing(kafka_bootstrap, topic) as publisher:
        with pytest.raises(Invalid) as refused:
            await publisher.publish([Outgoing(topic, b"", b"small"), Outgoing(topic, b"", b"x" * 4 * 1024 * 1024)])
        await publisher.publish([Outgoing(topic, b"", b"next")])

    assert refused.value.reason is Reason.CONTENT_TOO_LONG
    assert await asyncio.to_thread(kafka.values, topic) == [b"next"]


@pytest.mark.parametrize("bound", [{"most_messages": 20}, {"most_bytes": 20}])
async def test_what_is_in_flight_is_bounded(kafka_bootstrap, kafka, new_topic, bound):
    topic = new_topic()
    async with publishing(kafka_bootstrap, topic, **bound) as publisher:

        async def publish():
            await publisher.publish([Outgoing(topic, b"", b"x")])

        ends = await asyncio.gather(*(publish() for _ in range(50)), return_exceptions=True)
        refused = [end for end in ends if end]
        assert len(refused) == 30
        for error in refused:
            assert isinstance(error, NotSent)
            assert error.reason is Reason.OVERLOADED
        # Once these are through there is room again.
        await publisher.publish([Outgoing(topic, b"", b"x")])

    assert len(await asyncio.to_thread(kafka.values, topic)) == 21


async def test_a_publisher_ends_what_it_was_given_before_it_drains(kafka_bootstrap, kafka, new_topic):
    topic = new_topic()
    async with publishing(kafka_bootstrap, topic) as publisher:
        under_way = [
            asyncio.ensure_future(publisher.publish([Outgoing(topic, b"", b"%d" % number)])) for number in range(100)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*under_way)

    assert len(await asyncio.to_thread(kafka.values, topic)) == 100
    with pytest.raises(NotSent):
        await publisher.publish([Outgoing(topic, b"", b"late")])


async def test_a_publisher_waits_for_a_topic_that_is_missing(kafka_bootstrap, new_topic):
    publisher = KafkaPublisher(kafka_bootstrap, [f"{new_topic()}-missing"])
    await publisher.start()

    await asyncio.sleep(2)

    assert publisher.unready()
    await publisher.drain()


def test_what_fills_several_batches_is_all_there(sink, kafka, new_topic):
    topic = new_topic()
    sizes = [1, 300_000, 10, 200_000, 100_000, 700_000, 1]

    sink.publish([Outgoing(topic, b"one key", b"%d" % place * size) for place, size in enumerate(sizes)])

    assert [len(value) for value in kafka.values(topic)] == sizes


def test_headers_and_keys_travel_along(sink, kafka_bootstrap, new_topic):
    topic = new_topic()

    sink.publish(
        [Outgoing(topic, b"key", b"value", (("name", b"text"), ("other", b""))), Outgoing(topic, b"", b"bare")]
    )

    with closing(KafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")) as consumer:
        first, second = (next(consumer) for _ in range(2))
    assert (first.key, first.value, first.headers) == (b"key", b"value", [("name", b"text"), ("other", b"")])
    assert (second.key, second.value, second.headers) == (b"", b"bare", [])
    assert abs(first.timestamp / 1000 - time.time()) < 60


def test_a_sink_splits_what_only_the_broker_finds_too_large(sink, kafka, narrow_topic):
    # Split more than once: 40 records of 10,000 bytes where 100,000 are taken.
    values = [b"%02d" % number * 5_000 for number in range(40)]

    sink.publish([Outgoing(narrow_topic, b"one key", value) for value in values])

    assert kafka.values(narrow_topic) == values


async def test_a_publisher_splits_it_too(kafka_bootstrap, kafka, narrow_topic):
    values = [b"%02d" % number * 5_000 for number in range(40)]
    async with publishing(kafka_bootstrap, narrow_topic) as publisher:
        await asyncio.gather(*(publisher.publish([Outgoing(narrow_topic, b"one key", value)]) for value in values))

        assert publisher.fill == 0
    assert await asyncio.to_thread(kafka.values, narrow_topic) == values


async def test_one_departure_serves_several_topics(kafka_bootstrap, kafka, new_topic):
    one, other = new_topic(3), new_topic(3)
    async with publishing(kafka_bootstrap, one, other) as publisher:
        await asyncio.gather(
            *(
                publisher.publish([Outgoing(one, b"%d" % key, b"a"), Outgoing(other, b"%d" % key, b"b")])
                for key in range(20)
            )
        )

    assert await asyncio.to_thread(kafka.values, one) == [b"a"] * 20
    assert await asyncio.to_thread(kafka.values, other) == [b"b"] * 20


async def test_a_producer_that_was_closed_takes_nothing_and_says_so(kafka_bootstrap, kafka, new_topic):
    topic = new_topic()
    async with publishing(kafka_bootstrap, topic) as publisher:
        publisher._keeper.producer.close()

        with pytest.raises(NotSent) as refused_once:
            await publisher.publish([Outgoing(topic, b"", b"early")])
        async with asyncio.timeout(20):
            while await refused(publisher, Outgoing(topic, b"", b"next")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    assert refused_once.value.reason is Reason.QUEUE_UNAVAILABLE
    assert await asyncio.to_thread(kafka.values, topic) == [b"next"]
