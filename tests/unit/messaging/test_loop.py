"""What the consumer loop does with a batch, whatever happens on the way: read from what the broker in memory holds afterwards."""

from threading import Event

import pytest
from prometheus_client import REGISTRY
from tenacity import wait_fixed, wait_none

from octavo.domain.errors import Malformed, Unavailable
from octavo.messaging import Partition
from octavo.messaging.dead import DeadShare, Halted
from octavo.messaging.loop import LONGEST_PAUSE_SECONDS, MANY, Consumer
from octavo.messaging.memory import Broker
from octavo.topics import JOBS, RECEIPTS, Outgoing, to
from octavo.v1.messages_pb2 import JobMessage, ReceiptMessage

GROUP = "a group"
GARBAGE = b"\xff\xff\xff"


class Handler:
    """Publishes a receipt for each job. `bad` jobs are malformed; `away` is for how many runs the database is away."""

    def __init__(self):
        self.away = 0
        self.bad = set()
        self.handled = []
        self.before = lambda: None

    def __call__(self, batch):
        self.before()
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")
        ids = [received.message.job_id for received in batch]
        if self.bad & set(ids):
            raise Malformed("a job without rows")
        self.handled += ids
        return [to(RECEIPTS, ReceiptMessage(provider_reference=job.decode())) for job in ids]


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def stop():
    return Event()


@pytest.fixture
def source(broker):
    return broker.source(GROUP, JOBS.name)


@pytest.fixture
def consumer(broker, handler, source):
    return Consumer(JOBS, source, handler, broker, wait=wait_none())


def given(broker, *jobs):
    broker.publish([to(JOBS, JobMessage(job_id=job.encode())) for job in jobs])


def garbage(broker, count=1):
    broker.publish([Outgoing(JOBS.name, b"key", GARBAGE, (("trace", b"1"),))] * count)


def published(broker):
    return [ReceiptMessage.FromString(value).provider_reference for value in broker.values(RECEIPTS.name)]


def committed(broker):
    return broker.committed.get((GROUP, Partition(JOBS.name, 0)))


def test_handles_publishes_and_commits(consumer, broker, handler, stop):
    given(broker, "a", "b")

    consumer.step(stop)

    assert handler.handled == [b"a", b"b"]
    assert published(broker) == ["a", "b"]
    assert committed(broker) == 2


def test_publishes_before_it_commits(consumer, broker, stop):
    given(broker, "a")
    broker.refuse_commit = 1

    consumer.step(stop)

    assert published(broker) == ["a"]
    assert committed(broker) == 1


def test_tells_what_is_published_before_it_is_committed(broker, handler, source, stop):
    told = []
    given(broker, "a")

    Consumer(
        JOBS, source, handler, broker, on_published=lambda: told.append((published(broker), committed(broker)))
    ).step(stop)

    assert told == [(["a"], None)]
    assert committed(broker) == 1


def test_does_not_commit_what_the_broker_refused(consumer, broker, handler, stop):
    given(broker, "a")
    broker.refuse_publish = 1
    # Told to stop while the publish is refused, it can't try again.
    handler.before = stop.set

    consumer.step(stop)

    assert handler.handled == [b"a"]
    assert committed(broker) is None


def test_publishes_again_what_the_broker_refused_and_handles_it_once(consumer, broker, handler, stop):
    given(broker, "a")
    broker.refuse_publish = 3

    consumer.step(stop)

    assert handler.handled == [b"a"]
    assert published(broker) == ["a"]
    assert committed(broker) == 1


def test_another_member_begins_where_the_group_committed(consumer, broker, handler, stop):
    given(broker, "a", "b")
    consumer.step(stop)
    given(broker, "c")

    Consumer(JOBS, broker.source(GROUP, JOBS.name), handler, broker).step(stop)

    assert handler.handled == [b"a", b"b", b"c"]


def test_tries_again_in_place_while_something_is_away(consumer, broker, handler, stop):
    given(broker, "a", "b")
    handler.away = 5

    consumer.step(stop)

    assert handler.handled == [b"a", b"b"]
    assert published(broker) == ["a", "b"]
    assert committed(broker) == 2


def test_waits_between_attempts_as_a_member_of_its_group(broker, handler, source, stop):
    given(broker, "a")
    handler.away = 2

    Consumer(JOBS, source, handler, broker, wait=wait_fixed(0.2)).step(stop)

    assert source.held == [0.2, 0.2]


def test_waits_in_pieces_so_that_it_can_be_stopped(broker, handler, source, stop):
    given(broker, "a")
    handler.away = 1

    Consumer(JOBS, source, handler, broker, wait=wait_fixed(15)).step(stop)

    assert sum(source.held) == pytest.approx(15)
    assert max(source.held) <= 0.5


def test_says_of_each_retry_what_is_tried_again(broker, handler, source, stop):
    given(broker, "a", "b")
    garbage(broker)
    handler.away = 2
    told = []

    def on_retry(batch, attempt):
        told.append(([received.message.job_id for received in batch], attempt))

    Consumer(JOBS, source, handler, broker, wait=wait_none(), on_retry=on_retry).step(stop)

    assert told == [([b"a", b"b"], 1), ([b"a", b"b"], 2)]


def test_stops_without_committing_when_told_to_while_something_is_away(consumer, broker, handler, stop, source):
    given(broker, "a")
    handler.away = 1_000_000
    attempts = []

    def count():
        attempts.append(1)
        if len(attempts) == 3:
            stop.set()

    handler.before = count

    consumer.run(stop)

    assert len(attempts) == 3
    assert published(broker) == []
    assert committed(broker) is None
    assert source.closed


def test_ends_the_batch_in_hand_when_told_to_stop(consumer, broker, handler, stop, source):
    given(broker, "a", "b")
    handler.before = stop.set

    consumer.run(stop)

    assert committed(broker) == 2
    assert source.closed


def test_leaves_the_group_even_if_the_handler_has_a_mistake(broker, source, stop):
    given(broker, "a")

    def mistaken(_batch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Consumer(JOBS, source, mistaken, broker).run(stop)

    assert source.closed
    assert committed(broker) is None


def test_a_record_that_cant_be_decoded_goes_to_the_dead_letters_with_its_origin(consumer, broker, handler, stop):
    given(broker, "a")
    garbage(broker)
    given(broker, "b")

    consumer.step(stop)

    (dead,) = broker.records[JOBS.dead]
    assert (dead.key, dead.value) == (b"key", GARBAGE)
    headers = dict(dead.headers)
    assert headers.pop("dead.error").startswith(b"jobs: ")
    assert headers == {"trace": b"1", "dead.topic": b"jobs", "dead.partition": b"0", "dead.offset": b"1"}
    assert published(broker) == ["a", "b"]
    assert committed(broker) == 3


def test_an_empty_record_is_dead_too(consumer, broker, stop):
    broker.publish([Outgoing(JOBS.name, b"", b"")])

    consumer.step(stop)

    assert len(broker.records[JOBS.dead]) == 1
    assert committed(broker) == 1


@pytest.mark.parametrize("bad", [["c"], ["a"], ["h"], ["a", "h"], ["d", "e"], ["a", "b", "c"]])
def test_a_malformed_record_is_found_and_its_neighbours_go_on(consumer, broker, handler, stop, bad):
    given(broker, *"abcdefgh")
    handler.bad = {one.encode() for one in bad}

    consumer.step(stop)

    assert published(broker) == [one for one in "abcdefgh" if one not in bad]
    dead = {dict(record.headers)["dead.offset"]: record for record in broker.records[JOBS.dead]}
    assert dead.keys() == {str("abcdefgh".index(one)).encode() for one in bad}
    assert {dict(record.headers)["dead.error"] for record in dead.values()} == {b"a job without rows"}
    assert committed(broker) == 8


def test_says_once_of_a_record_that_could_be_decoded_that_it_is_dead(broker, handler, source, stop):
    given(broker, "a", "b")
    garbage(broker)
    handler.bad = {b"b"}
    told = []

    Consumer(
        JOBS,
        source,
        handler,
        broker,
        on_dead=lambda received, error: told.append((received.message.job_id, str(error))),
    ).step(stop)

    assert told == [(b"b", "a job without rows")]


def test_a_dead_record_is_counted_once_however_often_its_batch_is_tried(broker, handler, source, stop):
    given(broker, "b", "a")
    garbage(broker)
    handler.bad = {b"b"}
    runs = iter(range(1000))

    def away_after_it_was_found():
        # Both together, "b" alone, then "a" alone: here the database goes away for some attempts.
        if 2 <= next(runs) < 6:
            raise Unavailable("the database is away")

    handler.before = away_after_it_was_found
    told = []
    before = REGISTRY.get_sample_value("notifications_dead_letters_total", {"topic": JOBS.name}) or 0

    Consumer(
        JOBS,
        source,
        handler,
        broker,
        wait=wait_none(),
        on_dead=lambda received, _: told.append(received.message.job_id),
    ).step(stop)

    assert told == [b"b"]
    assert len(broker.records[JOBS.dead]) == 2
    assert REGISTRY.get_sample_value("notifications_dead_letters_total", {"topic": JOBS.name}) == before + 2
    assert committed(broker) == 3


def test_when_all_are_dead_it_halts_and_commits_nothing(consumer, broker, stop, source):
    garbage(broker, 30)

    with pytest.raises(Halted):
        consumer.run(stop)

    assert broker.records[JOBS.dead] == []
    assert committed(broker) is None
    assert source.closed


def test_when_all_are_malformed_it_halts_too(consumer, broker, handler, stop):
    jobs = [str(number) for number in range(30)]
    given(broker, *jobs)
    handler.bad = {job.encode() for job in jobs}

    with pytest.raises(Halted):
        consumer.run(stop)

    assert committed(broker) is None


def test_malformed_records_that_come_one_by_one_halt_it_as_well(broker, handler, stop):
    jobs = [str(number) for number in range(30)]
    given(broker, *jobs)
    handler.bad = {job.encode() for job in jobs}
    consumer = Consumer(JOBS, broker.source(GROUP, JOBS.name, at_most=1), handler, broker)

    with pytest.raises(Halted):
        consumer.run(stop)

    assert len(broker.records[JOBS.dead]) == committed(broker) == 19


def test_few_dead_records_among_many_halt_nothing(consumer, broker, handler, stop):
    for number in range(100):
        given(broker, f"{number}-a", f"{number}-b")
        garbage(broker)

    consumer.step(stop)

    assert len(broker.records[JOBS.dead]) == 100
    assert len(handler.handled) == 200
    assert committed(broker) == 300


def test_the_share_is_that_of_the_last_records():
    share = DeadShare(window=200, at_least=20, share=0.5)
    for _ in range(1000):
        share.note(1, 0)
    for _ in range(100):
        share.note(1, 1)

    with pytest.raises(Halted, match="101 of the last 200"):
        share.note(1, 1)


def test_a_large_batch_is_judged_as_a_whole():
    share = DeadShare(window=200, at_least=20, share=0.5)

    share.note(500, 249)
    with pytest.raises(Halted):
        share.note(500, 251)


def test_nothing_to_do_is_no_work(consumer, broker, handler, stop):
    consumer.step(stop)

    assert handler.handled == []
    assert broker.committed == {}


class Patient(Event):
    """Notes how long it is waited for."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return False


def test_what_comes_during_a_batch_is_waited_for_and_what_comes_alone_is_not(
    broker, handler, source, consumer, monkeypatch
):
    stop = Patient()
    given(broker, "a")
    consumer.step(stop)
    assert [0 < wait <= LONGEST_PAUSE_SECONDS for wait in stop.waits] == [True]
    given(broker, "b")
    # As if it came only after it was asked for.
    monkeypatch.setattr("octavo.messaging.loop.AT_ONCE_SECONDS", -1.0)
    consumer.step(stop)
    assert len(stop.waits) == 1
    assert handler.handled == [b"a", b"b"]


def test_no_pause_follows_a_batch_that_is_worth_it(broker, consumer):
    stop = Patient()
    given(broker, *map(str, range(MANY)))
    consumer.step(stop)
    assert stop.waits == []
