"""KafkaSource: from where it reads, what it commits, and how it stays a member of its group."""

from contextlib import closing
from time import monotonic

import pytest
from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove

from octavo.messaging import Partition
from octavo.messaging.deferred import Deferred
from octavo.messaging.kafka import KafkaSink, KafkaSource
from octavo.topics import Outgoing
from tests.waiting import until


@pytest.fixture
def sink(kafka_bootstrap, closed_later):
    return closed_later(KafkaSink(kafka_bootstrap))


@pytest.fixture
def source(kafka_bootstrap, group, closed_later):
    """`source(topic, …)` is a new member of the test's group."""
    return lambda topic, **options: closed_later(KafkaSource(kafka_bootstrap, group, [topic], **options))


def numbered(topic, count, first=0):
    return [Outgoing(topic, str(number).encode(), b"%d" % number) for number in range(first, first + count)]


def read(source, count):
    """So many records, or more if they come together."""
    records = []

    def enough():
        records.extend(source.poll(0.2))
        return len(records) >= count

    until(enough)
    return records


def values(records):
    return [int(record.value) for record in records]


def test_reads_what_was_published_in_order_and_whole(source, sink, new_topic):
    topic = new_topic()
    sink.publish([Outgoing(topic, b"key", b"first", (("trace", b"1"),)), Outgoing(topic, b"", b"second")])

    first, second = read(source(topic), 2)

    assert (first.partition, first.offset, first.key, first.value) == (Partition(topic, 0), 0, b"key", b"first")
    assert first.headers == (("trace", b"1"),)
    assert first.timestamp_ms > 1_600_000_000_000
    assert (second.offset, second.key, second.value) == (1, b"", b"second")


def test_resumes_where_the_group_committed(source, sink, kafka, group, new_topic):
    topic = new_topic()
    sink.publish(numbered(topic, 10))
    first = source(topic)
    assert values(read(first, 10)) == list(range(10))
    first.commit({Partition(topic, 0): 4})
    first.close()

    assert kafka.committed(group) == {(topic, 0): 4}
    assert values(read(source(topic), 6)) == list(range(4, 10))


def test_commits_nothing_by_itself(source, sink, kafka, group, new_topic):
    topic = new_topic()
    sink.publish(numbered(topic, 10))
    first = source(topic)
    read(first, 10)
    first.close()

    assert kafka.committed(group) == {}
    assert values(read(source(topic), 10)) == list(range(10))


def test_yields_at_most_what_it_is_told(source, sink, new_topic):
    topic = new_topic()
    sink.publish(numbered(topic, 25))
    member = source(topic, at_most=10)
    batches = []

    def all_there():
        batches.append(member.poll(0.2))
        return sum(map(len, batches)) == 25

    until(all_there)

    assert max(map(len, batches)) == 10
    assert values(record for batch in batches for record in batch) == list(range(25))


def shared(first, second):
    """Whether both have their part of two partitions."""
    return len(first.owned) == len(second.owned) == 1 and first.owned != second.owned


def test_what_left_to_another_member_is_not_committed_over_it(reader, kafka, group, new_topic):
    topic = new_topic(2)
    first = reader(topic)
    until(lambda: len(first.owned) == 2)
    second = reader(topic)
    until(lambda: shared(first, second))
    (gone,), (kept,) = second.owned, first.owned
    second.does(lambda source: source.commit({gone: 3}))

    first.does(lambda source: source.commit({gone: 50, kept: 7}))

    assert kafka.committed(group) == {(gone.topic, gone.number): 3, (kept.topic, kept.number): 7}


def test_a_member_that_leaves_is_replaced_at_once(reader, new_topic):
    topic = new_topic(2)
    first, second = reader(topic), reader(topic)
    until(lambda: shared(first, second))

    first.stop()

    # A member that is lost is missed after ten seconds; one that says goodbye is not waited for.
    until(lambda: len(second.owned) == 2, seconds=8)


@pytest.fixture
def put_out(kafka_bootstrap, group):
    """`put_out()` puts all members out of the test's group, as a broker does with those that were silent too long."""

    def put_out():
        with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
            members = admin.describe_groups([group])[group]["members"]
            admin.remove_group_members(group, [MemberToRemove(one["member_id"]) for one in members])

    return put_out


def test_a_member_that_was_put_out_and_is_in_again_tells_that_it_reads_anew(source, sink, new_topic, put_out):
    topic = new_topic()
    sink.publish(numbered(topic, 5))
    member, mine = source(topic), {Partition(topic, 0)}
    read(member, 5)
    assert member.changed() == mine
    assert not member.changed()

    put_out()
    assert member.commit({Partition(topic, 0): 5}) == frozenset()
    assert values(read(member, 5)) == list(range(5))

    assert (member.owned(), member.changed()) == (mine, mine)
    assert member.commit({Partition(topic, 0): 5}) == mine


def test_a_member_that_was_put_out_while_it_held_gets_all_that_it_reads_anew(source, sink, new_topic, put_out):
    topic = new_topic()
    sink.publish(numbered(topic, 5))
    member = source(topic)
    read(member, 5)
    put_out()
    # So it learns of it.
    assert not member.commit({Partition(topic, 0): 5})
    member.hold(4)
    assert values(read(member, 5)) == list(range(5))


def test_what_could_not_be_committed_by_a_member_that_was_put_out_is_committed_later(
    source, sink, kafka, group, new_topic, put_out
):
    topic = new_topic()
    sink.publish(numbered(topic, 5))
    member = Deferred(source(topic), 10, commit_seconds=0)
    read(member, 5)
    member.commit({Partition(topic, 0): 5})

    put_out()

    # The last records of a partition: nothing comes after them, whose end would be committed instead.

    def committed():
        for one in member.poll(0.2):
            member.commit({one.partition: one.offset + 1})
        return kafka.committed(group)

    until(committed)
    assert kafka.committed(group) == {(topic, 0): 5}


def test_polls_shorter_than_a_join_end_in_an_assignment_when_the_topic_comes_later(
    source, kafka, new_topic, kafka_bootstrap, sink
):
    topic = f"{new_topic()}-later"
    member = source(topic)
    for _ in range(5):
        assert member.poll(0.2) == []
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})

    # Each poll ends while the coordinator still works: what was begun has to go on in the next one.
    deadline = monotonic() + 15
    while len(member.owned()) < 2:
        member.poll(0.001)
        assert monotonic() < deadline

    sink.publish(numbered(topic, 10))
    assert len(read(member, 10)) == 10


def test_who_holds_longer_than_a_poll_may_take_stays_a_member(source, sink, kafka, group, new_topic):
    topic = new_topic()
    sink.publish(numbered(topic, 5))
    member = source(topic, most_seconds=3)
    read(member, 5)
    sink.publish(numbered(topic, 5, first=5))

    member.hold(5)

    assert member.owned() == {Partition(topic, 0)}
    member.commit({Partition(topic, 0): 5})
    assert kafka.committed(group) == {(topic, 0): 5}
    # Nothing was read meanwhile, and nothing is left out or comes twice.
    assert values(read(member, 5)) == [5, 6, 7, 8, 9]


def test_what_comes_in_while_it_holds_waits_for_the_next_poll(reader, sink, new_topic):
    topic = new_topic(2)
    first, second = reader(topic), reader(topic)
    until(lambda: shared(first, second))
    (moving,) = second.owned
    sink.publish(numbered(topic, 100))
    until(lambda: len(first.records) + len(second.records) == 100)
    taken_over = set(second.records)

    second.stop()
    # It gets the partition in the middle of a hold. Nobody has committed, so its records come again: after the hold.
    first.does(lambda source: until(lambda: (source.hold(0.3), 1) and moving in source.owned()))

    until(lambda: set(first.records) >= taken_over)


def test_closes_though_it_was_never_opened(group):
    with closing(KafkaSource("127.0.0.1:9", group, ["topic"])) as member:
        assert member.owned() == frozenset()
