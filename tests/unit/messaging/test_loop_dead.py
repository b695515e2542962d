"""What the consumer loop does with records that nobody can handle, and when they are too many."""

import pytest
from prometheus_client import REGISTRY
from tenacity import wait_none

from octavo.domain.errors import Unavailable
from octavo.messaging.dead import DeadShare, Halted
from octavo.messaging.loop import Consumer
from octavo.topics import JOBS, Outgoing
from tests.unit.messaging.looping import GARBAGE, GROUP, committed, garbage, given, published


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
