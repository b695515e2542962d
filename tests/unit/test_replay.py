"""Replaying dead letters: what is published again, what is left, and what is remembered when it is cut short."""

import pytest

from octavo.domain.errors import Malformed, Unavailable
from octavo.messaging import Partition, Record
from octavo.messaging.dead import dead_letter
from octavo.messaging.memory import Broker
from octavo.replay import listed, replayed
from octavo.topics import DB_SMS, Outgoing

GROUP = "replay"


class Letters:
    """Dead letters of a broker in memory, in batches of two."""

    def __init__(self, broker):
        self._source = broker.source(GROUP, DB_SMS.dead, at_most=2)

    def batches(self):
        while batch := self._source.poll(0):
            yield batch

    def passed(self, batch):
        self._source.commit({batch[-1].partition: batch[-1].offset + 1})


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def die(broker):
    """`die(value, …)` puts dead letters of such records on their topic."""

    def put(*values, topic=DB_SMS.name, why="no value"):
        for value in values:
            letter = dead_letter(Record(Partition(topic, 1), 5, b"key", value), Malformed(why))
            broker.publish([Outgoing(DB_SMS.dead, letter.key, letter.value, letter.headers)])

    return put


def replay(broker):
    """Replays all; how many were published again."""
    return sum(replayed(Letters(broker), broker, DB_SMS.name))


def test_replays_each_once(broker, die):
    die(b"1", b"2", b"3")

    assert replay(broker) == 3
    assert replay(broker) == 0

    assert broker.values(DB_SMS.name) == [b"1", b"2", b"3"]


def test_what_was_not_acknowledged_is_replayed_by_the_next_run(broker, die):
    die(b"1", b"2", b"3")
    broker.refuse_publish = 1

    with pytest.raises(Unavailable):
        replay(broker)

    assert replay(broker) == 3
    assert broker.values(DB_SMS.name) == [b"1", b"2", b"3"]


def test_a_run_that_ends_between_publishing_and_passing_has_one_batch_repeated(broker, die):
    die(b"1", b"2", b"3")
    broker.refuse_commit = 1

    with pytest.raises(Unavailable):
        replay(broker)
    replay(broker)

    assert broker.values(DB_SMS.name) == [b"1", b"2", b"1", b"2", b"3"]


def test_what_is_no_dead_letter_of_the_topic_is_told_and_keeps_none_behind_it(broker, die, capsys):
    broker.publish([Outgoing(DB_SMS.dead, b"", b"stranger")])
    die(b"other", topic="sms")
    die(b"1")

    assert replay(broker) == 1

    assert broker.values(DB_SMS.name) == [b"1"]
    assert capsys.readouterr().err.splitlines() == [
        "left: db-sms.dead 0 0: it does not say where it came from",
        "left: db-sms.dead 0 1: it came from sms",
    ]


def test_lists_where_when_and_why_and_counts_by_reason_without_content(broker, die):
    die(b"07700900111", b"07700900112", why="no value")
    die(b"07700900113", why="of another type")

    lines = list(listed(Letters(broker)))

    assert lines == [
        "db-sms.dead 0 0 1970-01-01T00:00:00Z no value",
        "db-sms.dead 0 1 1970-01-01T00:00:00Z no value",
        "db-sms.dead 0 2 1970-01-01T00:00:00Z of another type",
        "no value: 2",
        "of another type: 1",
    ]
    # Listing passes nothing.
    assert replay(broker) == 3
