"""A source whose records end later and in any order."""

from collections.abc import Callable, Sequence

import pytest

from octavo.domain.errors import Unavailable
from octavo.messaging import Partition, Place, Record, deferred
from octavo.messaging.deferred import Deferred
from octavo.messaging.memory import Broker
from octavo.topics import Outgoing

TOPIC = "send-sms"
PARTITION = Partition(TOPIC, 0)


@pytest.fixture
def broker() -> Broker:
    broker = Broker()
    broker.publish([Outgoing(TOPIC, b"key", str(number).encode()) for number in range(6)])
    return broker


def committed(broker: Broker) -> int | None:
    return broker.committed.get(("group", PARTITION))


def deferring(broker: Broker, at_most: int = 100, batch: int = 3) -> Deferred:
    # No pause between commits: each poll commits what has ended.
    return Deferred(broker.source("group", TOPIC, at_most=batch), at_most, commit_seconds=0, batch=batch)


def begin(source: Deferred, records: Sequence[Record], size: int = 0) -> None:
    source.begin({record.place: size for record in records})


def finish(source: Deferred, records: Sequence[Record]) -> None:
    source.finish([record.place for record in records])


def test_commits_up_to_the_lowest_record_that_has_not_ended(broker):
    source = deferring(broker)
    batch = source.poll(0)
    begin(source, batch)
    source.commit({PARTITION: 3})
    finish(source, batch[1:])
    source.poll(0)
    assert committed(broker) == 0
    finish(source, batch[:1])
    source.poll(0)
    assert committed(broker) == 3


def test_what_was_not_handed_on_ends_with_its_batch(broker):
    source = deferring(broker)
    source.poll(0)
    source.commit({PARTITION: 3})
    source.poll(0)
    assert committed(broker) == 3


def test_never_has_more_under_way_than_it_may_though_records_come_in_batches(broker):
    source = deferring(broker, at_most=4)
    batch = source.poll(0)
    begin(source, batch)
    source.commit({PARTITION: 3})
    # One more has its place, but three come at once.
    assert source.poll(0) == ()
    finish(source, batch[:1])
    assert source.poll(0) == ()
    finish(source, batch[1:2])
    begin(source, source.poll(0))
    assert source.unfinished == 4


def test_reads_nothing_while_too_many_records_are_under_way(broker):
    source = deferring(broker, at_most=3)
    batch = source.poll(0)
    begin(source, batch)
    source.commit({PARTITION: 3})
    assert source.poll(0) == ()
    finish(source, batch)
    assert [record.offset for record in source.poll(0)] == [3, 4, 5]


def test_reads_nothing_while_what_is_under_way_fills_the_memory(broker):
    source = deferring(broker)
    batch = source.poll(0)
    begin(source, batch, size=deferred.MOST_BYTES // 2)
    source.commit({PARTITION: 3})
    assert source.poll(0) == ()
    finish(source, batch[:2])
    assert [record.offset for record in source.poll(0)] == [3, 4, 5]


def test_the_rest_of_a_batch_waits_until_its_beginning_leaves_room(broker):
    inner = broker.source("group", TOPIC, at_most=3)
    source = Deferred(inner, 100, batch=3)
    batch = source.poll(0)
    begin(source, batch[:2], size=deferred.MOST_BYTES)
    held: list[float] = []

    def end_one(seconds: float) -> None:
        held.append(seconds)
        finish(source, [batch[len(held) - 1]])

    inner.hold = end_one
    source.make_room()
    assert len(held) == 2
    source.make_room()
    assert len(held) == 2


def test_a_batch_that_gets_no_room_is_handled_again_later(broker, monkeypatch):
    monkeypatch.setattr(deferred, "ROOM_SECONDS", 0)
    source = deferring(broker)
    begin(source, source.poll(0), size=deferred.MOST_BYTES)
    with pytest.raises(Unavailable):
        source.make_room()


def test_a_partition_that_went_to_another_member_takes_its_memory_along(broker):
    inner = broker.source("group", TOPIC, at_most=3)
    source = Deferred(inner, 100, commit_seconds=0)
    begin(source, source.poll(0), size=deferred.MOST_BYTES)
    inner.goes()
    source.poll(0)
    source.make_room()


def test_what_the_group_did_not_note_is_committed_again(broker):
    source = deferring(broker)
    source.poll(0)
    broker.pass_over_commit = 1
    source.commit({PARTITION: 3})
    source.poll(0)
    assert committed(broker) is None
    source.poll(0)
    assert committed(broker) == 3


def test_a_partition_that_went_and_came_back_is_not_committed_over_what_was_done_meanwhile(broker):
    inner = broker.source("group", TOPIC, at_most=3)
    source = Deferred(inner, 100, commit_seconds=0)
    source.poll(0)
    broker.pass_over_commit = 1
    source.commit({PARTITION: 3})
    broker.committed["group", PARTITION] = 5
    inner.goes()
    inner.comes()
    assert [record.offset for record in source.poll(0)] == [5]
    source.poll(0)
    assert committed(broker) == 5


def test_looks_for_records_no_longer_than_until_the_next_commit_if_there_is_one_to_make(broker):
    inner = broker.source("group", TOPIC, at_most=6)
    source = Deferred(inner, 100, commit_seconds=0.1, batch=6)
    poll: Callable[[float], Sequence[Record]] = inner.poll
    looked: list[float] = []

    def looking(seconds: float) -> Sequence[Record]:
        looked.append(seconds)
        return poll(0)

    inner.poll = looking
    begin(source, source.poll(0.5))
    source.commit({PARTITION: 6})
    source.poll(0.5)
    source.finish([Place(PARTITION, offset) for offset in range(6)])
    source.poll(0.5)
    source.close()
    assert committed(broker) == 6
    source.poll(0.5)
    assert looked == [0.5, 0.1, 0.1, 0.5]


def test_closing_waits_for_what_is_under_way_and_commits_it(broker):
    inner = broker.source("group", TOPIC, at_most=3)
    source = Deferred(inner, 100, commit_seconds=60)
    batch = list(source.poll(0))
    begin(source, batch)
    source.commit({PARTITION: 3})

    def end_one(_seconds: float) -> None:
        finish(source, [batch.pop()])

    inner.hold = end_one
    source.close()
    assert committed(broker) == 3
    assert inner.closed


def test_closing_ends_though_something_is_under_way_and_leaves_it_uncommitted(broker, monkeypatch):
    monkeypatch.setattr(deferred, "CLOSE_SECONDS", 0.01)
    source = deferring(broker)
    batch = source.poll(0)
    begin(source, batch[2:])
    source.commit({PARTITION: 3})
    source.close()
    assert committed(broker) == 2


def test_forgets_a_partition_that_went_to_another_member(broker):
    inner = broker.source("group", TOPIC, at_most=3)
    source = Deferred(inner, 100, commit_seconds=0)
    begin(source, source.poll(0))
    source.commit({PARTITION: 3})
    inner.goes()
    source.poll(0)
    assert source.unfinished == 0
    source.poll(0)
    assert committed(broker) in {None, 0}


def test_what_ends_after_its_partition_went_does_not_count_when_the_partition_comes_back(broker):
    inner = broker.source("group", TOPIC, at_most=3)
    source = Deferred(inner, 100, commit_seconds=0)
    batch = source.poll(0)
    inner.goes()
    source.hold(0)
    # The batch was being handled while its partition went to another member, which has read on.
    begin(source, batch[1:])
    source.commit({PARTITION: 3})
    broker.committed["group", PARTITION] = 6

    # As with Kafka, in a poll.
    def comes_back(_seconds: float) -> list[Record]:
        inner.comes()
        return []

    inner.poll = comes_back
    source.poll(0)
    source.poll(0)
    assert source.unfinished == 0
    assert committed(broker) == 6
