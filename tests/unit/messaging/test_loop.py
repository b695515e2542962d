"""What the consumer loop does with a batch, whatever happens on the way: read from what the broker in memory holds afterwards."""

from threading import Event

import pytest
from tenacity import wait_fixed, wait_none

from octavo.messaging.loop import LONGEST_PAUSE_SECONDS, MANY, Consumer
from octavo.topics import JOBS
from tests.unit.messaging.looping import GROUP, committed, garbage, given, published


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
