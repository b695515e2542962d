"""What consumers have finished, read beside others: gently, each record once."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaAdminClient

from octavo.messaging import Partition
from octavo.messaging.kafka import KafkaSink, KafkaSource
from octavo.messaging.kafka.published import AT_ONCE, MOST_A_SECOND, FinishedRecords
from octavo.messaging.security import KafkaSecurity
from octavo.topics import JOBS, Outgoing, Topic
from octavo.v1.messages_pb2 import JobMessage
from tests.waiting import until

COUNT = 3 * AT_ONCE


@pytest.fixture
def topic(new_topic: Callable[..., str]) -> Topic[JobMessage]:
    return replace(JOBS, name=new_topic(), spread=False)


def publish(bootstrap: str, topic: str, *numbers: int) -> None:
    sink = KafkaSink(bootstrap)
    sink.publish([Outgoing(topic, b"%d" % number, b"value") for number in numbers])
    sink.close()


def finish(bootstrap: str, topic: Topic[JobMessage], end: int) -> None:
    """Commits up to there, as its consumer would."""
    consumer = KafkaSource(bootstrap, topic.group, [topic.name])
    until(lambda: [consumer.poll(0.1), consumer.owned()][1])
    assert consumer.commit({Partition(topic.name, 0): end})
    consumer.close()


@pytest.fixture
def records(kafka_bootstrap: str, topic: Topic[JobMessage], closed_later: Callable[..., object]) -> FinishedRecords:
    """Of a topic on which all is finished."""
    publish(kafka_bootstrap, topic.name, *range(COUNT))
    finish(kafka_bootstrap, topic, COUNT)
    since = datetime.now(UTC) - timedelta(hours=1)
    made = FinishedRecords(kafka_bootstrap, KafkaSecurity.plain(), [topic], since)
    closed_later(made)
    return made


def test_pauses_so_that_it_is_no_faster_than_it_may_be(records, topic):
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    read = records.read(pause)
    assert sorted(map(int, read[topic.name].keys)) == list(range(COUNT))
    # Not after the last ones.
    assert sum(pauses) >= (COUNT - AT_ONCE) / MOST_A_SECOND
    assert max(pauses) <= AT_ONCE / MOST_A_SECOND + 1e-9


def test_a_dead_letter_that_was_read_before_its_record_is_not_forgotten(records, topic, kafka_bootstrap):
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
        admin.create_topics({topic.dead: {"num_partitions": 1, "replication_factor": 1}})
    late, later = COUNT, COUNT + 1
    publish(kafka_bootstrap, topic.dead, late)
    # What the consumer has not finished, while the rest is read.
    assert records.read()[topic.name].dead == {b"%d" % late}

    publish(kafka_bootstrap, topic.name, late)
    finish(kafka_bootstrap, topic, COUNT + 1)
    read = records.read()[topic.name]
    assert (list(read.keys), read.dead) == ([b"%d" % late], {b"%d" % late})

    publish(kafka_bootstrap, topic.name, later)
    finish(kafka_bootstrap, topic, COUNT + 2)
    read = records.read()[topic.name]
    assert (list(read.keys), read.dead) == ([b"%d" % later], frozenset())


def test_who_is_told_to_end_early_goes_on_where_that_was(records, topic):
    first = records.read(lambda _seconds: True)[topic.name].keys
    assert 0 < len(first) <= AT_ONCE
    second = records.read()[topic.name].keys
    assert sorted(map(int, [*first, *second])) == list(range(COUNT))
    assert records.read()[topic.name].keys == []
