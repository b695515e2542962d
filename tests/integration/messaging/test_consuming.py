"""The consumer loop over a real broker: rebalances, dead letters, halts."""

from collections import Counter
from threading import Event, Lock

import pytest
from tenacity import wait_fixed

from octavo.domain.errors import Invalid, Malformed, Unavailable
from octavo.messaging.dead import Halted
from octavo.messaging.kafka import KafkaSink, KafkaSource
from octavo.messaging.loop import Consumer
from octavo.topics import Outgoing, to
from octavo.v1.messages_pb2 import JobMessage
from tests.waiting import until

RECORDS = 400


class Handled:
    """What the members of a group have handled between them, and a way to hold one of them up."""

    def __init__(self):
        self.count: Counter[bytes] = Counter()
        self.by: Counter[str] = Counter()
        self.hindrance = lambda: None
        self._lock = Lock()

    def by_member(self, name):
        def handle(batch):
            self.hindrance()
            with self._lock:
                self.count.update(received.message.job_id for received in batch)
                self.by[name] += len(batch)
            return ()

        return handle


@pytest.fixture
def handled():
    return Handled()


@pytest.fixture
def sink(kafka_bootstrap, closed_later):
    return closed_later(KafkaSink(kafka_bootstrap))


@pytest.fixture
def consumer(kafka_bootstrap, group, handled, sink):
    """`consumer(topic, name)` is a member of the test's group."""

    def make(topic, name="only", handler=None, **options):
        source = KafkaSource(kafka_bootstrap, group, [topic.name], at_most=20)
        return Consumer(topic, source, handler or handled.by_member(name), sink, **options)

    return make


def jobs(topic, *ids):
    return [to(topic, JobMessage(job_id=str(one).encode())) for one in ids]


def everything(count=RECORDS, first=0):
    return {str(number).encode() for number in range(first, first + count)}


def test_two_members_share_the_work_and_every_record_is_handled(
    job_topic, consumer, members, handled, sink, kafka, group
):
    topic = job_topic(4)
    first = members(consumer(topic, "first"))
    sink.publish(jobs(topic, *range(RECORDS)))
    until(lambda: handled.count.keys() >= everything())

    second = members(consumer(topic, "second"))
    until(lambda: len(second.consumer.source.owned()) == 2 == len(first.consumer.source.owned()))
    sink.publish(jobs(topic, *range(RECORDS, 2 * RECORDS)))
    until(lambda: handled.count.keys() >= everything(2 * RECORDS))
    assert min(handled.by["first"], handled.by["second"]) > 0

    first.stop()
    sink.publish(jobs(topic, *range(2 * RECORDS, 3 * RECORDS)))
    until(lambda: handled.count.keys() >= everything(3 * RECORDS))
    second.stop()

    # Members that come and go in peace repeat nothing, and leave everything committed.
    assert set(handled.count.values()) == {1}
    assert sum(kafka.committed(group).values()) == 3 * RECORDS


@pytest.mark.slow
def test_members_that_come_and_go_under_load_miss_no_record(job_topic, consumer, members, handled, sink, kafka, group):
    topic = job_topic(4)
    staying = members(consumer(topic, "staying"))
    pause = Event()
    handled.hindrance = lambda: pause.wait(0.005)
    for round_ in range(4):
        coming = members(consumer(topic, f"coming-{round_}"))
        sink.publish(jobs(topic, *range(round_ * RECORDS, (round_ + 1) * RECORDS)))
        until(coming.consumer.source.owned)
        coming.stop()

    until(lambda: handled.count.keys() >= everything(4 * RECORDS), seconds=60)
    staying.stop()
    assert sum(kafka.committed(group).values()) == 4 * RECORDS


def test_a_poison_record_is_put_aside_and_its_neighbours_go_on_at_once(
    job_topic, consumer, members, handled, sink, kafka, group
):
    topic = job_topic()
    members(consumer(topic))
    sink.publish(jobs(topic, "before"))
    until(lambda: handled.count[b"before"])

    sink.publish([*jobs(topic, "left"), Outgoing(topic.name, b"key", b"\xff"), *jobs(topic, "right")])

    until(lambda: handled.count[b"left"] and handled.count[b"right"], seconds=1)
    until(lambda: kafka.values(topic.dead) == [b"\xff"])
    until(lambda: kafka.committed(group) == {(topic.name, 0): 4})


def test_when_every_record_is_poison_it_halts_and_commits_nothing(job_topic, consumer, members, sink, kafka, group):
    topic = job_topic()
    sink.publish([Outgoing(topic.name, b"", b"\xff")] * 60)

    # Twenty records come at a time, and twenty dead ones are enough.
    halted = members(consumer(topic))
    halted.join()

    assert isinstance(halted.error, Halted)
    assert kafka.committed(group) == {}
    assert kafka.values(topic.dead) == []


def test_offsets_wait_while_the_database_is_away(job_topic, consumer, members, handled, sink, kafka, group):
    topic = job_topic()
    back, tried = Event(), Event()

    def hindrance():
        if not back.is_set():
            tried.set()
            raise Unavailable("the database is away")

    handled.hindrance = hindrance
    member = members(consumer(topic, wait=wait_fixed(0.1)))
    sink.publish(jobs(topic, *range(10)))
    assert tried.wait(30)
    assert kafka.committed(group) == {}

    back.set()

    until(lambda: kafka.committed(group) == {(topic.name, 0): 10})
    assert handled.count.keys() == everything(10)
    member.stop()


def test_stopped_while_the_database_is_away_it_leaves_its_records_to_the_next(
    job_topic, consumer, members, handled, sink, kafka, group
):
    topic = job_topic()
    tried = Event()

    def away(_batch):
        tried.set()
        raise Unavailable("the database is away")

    sink.publish(jobs(topic, *range(10)))
    first = members(consumer(topic, handler=away))
    assert tried.wait(30)
    first.stop()
    assert kafka.committed(group) == {}

    members(consumer(topic, "next"))

    until(lambda: handled.count.keys() == everything(10))


def test_a_dead_letter_fits_however_large_its_record_is(job_topic, consumer, members, sink, kafka):
    topic = job_topic()
    # The largest that goes in, with as much in its headers as its dead letter will add.
    large = b"\xff" * (4 * 1024 * 1024 - 2048)
    sink.publish([Outgoing(topic.name, b"key", large)])

    members(consumer(topic))

    until(lambda: kafka.values(topic.dead) == [large])


def test_an_effect_that_no_topic_takes_stops_the_consumer(job_topic, consumer, members, sink, kafka, group):
    topic = job_topic()
    sink.publish(jobs(topic, "one"))

    def handler(_batch):
        return [Outgoing(topic.name, b"", b"x" * 5 * 1024 * 1024)]

    stopped = members(consumer(topic, handler=handler))
    stopped.join()

    assert isinstance(stopped.error, Invalid)
    assert kafka.committed(group) == {}


def test_a_batch_of_which_some_are_malformed_is_handled_but_for_those(
    job_topic, consumer, members, handled, sink, kafka, group
):
    topic = job_topic()

    def handler(batch):
        if any(received.message.job_id in {b"3", b"7"} for received in batch):
            raise Malformed("without rows")
        return handled.by_member("only")(batch)

    sink.publish(jobs(topic, *range(10)))
    members(consumer(topic, handler=handler))

    until(lambda: kafka.committed(group) == {(topic.name, 0): 10})
    assert handled.count.keys() == everything(10) - {b"3", b"7"}
    assert len(kafka.values(topic.dead)) == 2
