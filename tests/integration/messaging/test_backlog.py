"""What waits on the topics, as Kafka tells it."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from octavo import topics
from octavo.domain.errors import Unavailable
from octavo.messaging import Backlog
from octavo.messaging.kafka import KafkaBacklog, KafkaSink, KafkaSource
from octavo.messaging.kafka.administration import create_topics
from octavo.messaging.security import KafkaSecurity
from octavo.v1.messages_pb2 import JobMessage
from tests.waiting import until


@pytest.fixture
def waiting(kafka_bootstrap: str) -> Callable[[str], Backlog]:
    create_topics(kafka_bootstrap, KafkaSecurity.plain())

    def read(name: str) -> Backlog:
        # A broker that has just started has no coordinator of groups for a moment.
        patient = Retrying(
            retry=retry_if_exception_type(Unavailable), stop=stop_after_delay(30), wait=wait_fixed(0.2), reraise=True
        )
        with closing(KafkaBacklog(kafka_bootstrap, KafkaSecurity.plain())) as backlog:
            return next(one for one in patient(backlog.read) if one.topic == name)

    return read


def handle(kafka_bootstrap: str, count: int) -> None:
    """So many jobs are read and committed, as by their consumer."""
    source = KafkaSource(kafka_bootstrap, topics.JOBS.group, [topics.JOBS.name])
    deadline = time.monotonic() + 30
    with closing(source):
        read = 0
        while read < count and time.monotonic() < deadline:
            records = source.poll(0.5)
            read += len(records)
            source.commit({record.partition: record.offset + 1 for record in records})


def test_tells_what_waits_while_nobody_consumes_and_that_nothing_does_once_it_is_committed(kafka_bootstrap, waiting):
    before = waiting(topics.JOBS.name)
    sink = KafkaSink(kafka_bootstrap)
    sink.publish([topics.to(topics.JOBS, JobMessage(job_id=bytes([n]) * 16)) for n in range(5)])

    seen = waiting(topics.JOBS.name)
    assert seen.records == before.records + 5
    assert seen.oldest
    assert datetime.now(UTC) - seen.oldest < timedelta(minutes=5)

    handle(kafka_bootstrap, seen.records)
    sink.close()
    assert waiting(topics.JOBS.name) == Backlog(topics.JOBS.name, 0, None)


def test_tells_the_age_of_what_goes_on_waiting_at_each_reading(kafka_bootstrap, waiting):
    sink = KafkaSink(kafka_bootstrap)
    sink.publish([topics.to(topics.JOBS, JobMessage(job_id=b"waits and waits."))])
    sink.close()
    with closing(KafkaBacklog(kafka_bootstrap, KafkaSecurity.plain())) as backlog:

        def oldest() -> datetime | None:
            with suppress(Unavailable):
                return next(one.oldest for one in backlog.read() if one.topic == topics.JOBS.name)
            return None

        first = until(oldest)
        assert [until(oldest) for _ in range(3)] == [first] * 3
    handle(kafka_bootstrap, waiting(topics.JOBS.name).records)


def test_counts_the_dead_letters(kafka_bootstrap, waiting):
    before = waiting(topics.JOBS.dead)
    sink = KafkaSink(kafka_bootstrap)
    sink.publish([topics.Outgoing(topics.JOBS.dead, b"key", b"value")])
    sink.close()
    assert waiting(topics.JOBS.dead).records == before.records + 1
