"""What consumers have finished, read beside others: gently, each record once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

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


@pytest.fixture
def records(kafka_bootstrap: str, topic: Topic[JobMessage], closed_later: Callable[..., object]) -> FinishedRecords:
    """Of a topic on which all is finished."""
    sink = KafkaSink(kafka_bootstrap)
    sink.publish([Outgoing(topic.name, b"%d" % number, b"value") for number in range(COUNT)])
    sink.close()
    consumer = KafkaSource(kafka_bootstrap, topic.group, [topic.name])
    until(lambda: [consumer.poll(0.1), consumer.owned()][1])
    assert consumer.commit({Partition(topic.name, 0): COUNT})
    consumer.close()
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


def test_who_is_told_to_end_early_goes_on_where_that_was(records, topic):
    first = records.read(lambda _seconds: True)[topic.name].keys
    assert 0 < len(first) <= AT_ONCE
    second = records.read()[topic.name].keys
    assert sorted(map(int, [*first, *second])) == list(range(COUNT))
    assert records.read()[topic.name].keys == []
