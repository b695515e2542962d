"""The audit finds what was planted, and nothing where all is well."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from deploy.local.instance import ROOT
from octavo import topics
from octavo.audit.findings import Fault, Finding, standing_still, taken_wrongly
from octavo.domain.ids import uuid7
from octavo.messaging.kafka import KafkaSink
from octavo.messaging.kafka.administration import create_topics
from octavo.messaging.security import KafkaSecurity
from octavo.storage import columns
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage

Audited = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def audited(kafka_bootstrap: str, database_url: str) -> Audited:
    """Runs the command; its status and what it printed."""
    create_topics(kafka_bootstrap, KafkaSecurity.plain())

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        environment = {**os.environ, "DATABASE_URL": database_url, "KAFKA_BOOTSTRAP": kafka_bootstrap}
        command = [sys.executable, "-m", "octavo.audit", "--json", "--stuck-seconds", "0.5", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=90
        )
        return done.returncode, json.loads(done.stdout)

    return run


def message() -> NotificationMessage:
    now = datetime.now(UTC)
    return NotificationMessage(
        id=uuid7(now, os.urandom(10)).bytes,
        service_id=uuid4().bytes,
        type=pb.NOTIFICATION_TYPE_SMS,
        template_id=uuid4().bytes,
        template_version=1,
        key_type=pb.KEY_TYPE_LIVE,
        sealed=b"sealed",
        recipient_hash=b"r" * 16,
        content_hash=b"c" * 16,
        created_at_micros=columns.micros(now),
    )


def persist(url: str, *messages: NotificationMessage) -> None:
    pool = engine(url)
    with transaction(pool) as connection:
        insert_notifications(connection, messages)
    pool.dispose()


def publish(bootstrap: str, *messages: topics.Outgoing) -> None:
    sink = KafkaSink(bootstrap)
    sink.publish(messages)
    sink.close()


def finish(bootstrap: str, topic: topics.Topic[Any]) -> None:
    """Commits all that is on a topic, as its consumer would."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=topic.group, enable_auto_commit=False)
    partitions = [TopicPartition(topic.name, number) for number in consumer.partitions_for_topic(topic.name) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    consumer.commit({one: OffsetAndMetadata(end, "", -1) for one, end in ends.items()})
    consumer.close()


def of_topic(found: dict[str, Any], topic: str) -> list[str]:
    return [one["subject"] for one in found["findings"] if one["topic"] == topic]


def subject(one: NotificationMessage) -> str:
    return str(UUID(bytes=one.id))


def test_a_record_that_was_finished_and_is_nowhere_is_lost(audited, kafka_bootstrap, database_url):
    whole, lost, dead = message(), message(), message()
    persist(database_url, whole)
    publish(kafka_bootstrap, *(topics.to(topics.BULK_SMS, one) for one in (whole, lost, dead)))
    publish(kafka_bootstrap, topics.Outgoing(topics.BULK_SMS.dead, dead.id, b"value"))
    finish(kafka_bootstrap, topics.BULK_SMS)

    status, found = audited()

    assert status == 1
    assert of_topic(found, "bulk-sms") == [subject(lost)]
    counted = {one["topic"]: one for one in found["hours"]}
    assert counted["bulk-sms"]["accepted"] >= 3


def test_what_the_persister_has_not_finished_is_not_lost_but_a_consumer_that_stands_still_is_told(
    audited, kafka_bootstrap
):
    publish(kafka_bootstrap, topics.to(topics.BULK_EMAIL, message()))

    status, found = audited()

    assert status == 1
    stuck = [one for one in found["findings"] if one["topic"] == "bulk-email"]
    assert [one["fault"] for one in stuck] == ["stuck"]
    finish(kafka_bootstrap, topics.BULK_EMAIL)


def test_a_row_that_waits_for_nothing_is_stranded(audited, database_url):
    waits, stranded = message(), message()
    persist(database_url, waits, stranded)
    pool = engine(database_url)
    with transaction(pool) as connection:
        connection.exec_driver_sql(
            "UPDATE notifications SET next_attempt_at = NULL WHERE id = %s", (subject(stranded),)
        )
    pool.dispose()

    _, found = audited()

    assert [one["subject"] for one in found["findings"] if one["fault"] == "stranded"] == [subject(stranded)]


def test_what_a_provider_took_twice_or_never_got_from_octavo_is_told(audited, database_url, tmp_path):
    once, twice, phantom = message(), message(), message()
    persist(database_url, once, twice)
    ledger = tmp_path / "ledger"
    taken = [once, twice, twice, phantom]
    ledger.write_text("".join(json.dumps({"reference": subject(one)}) + "\n" for one in taken))

    _, found = audited("--provider-ledger", str(ledger))

    told = {(one["fault"], one["subject"]) for one in found["findings"] if one["fault"] in {"twice", "phantom"}}
    assert told == {("twice", subject(twice)), ("phantom", subject(phantom))}


def test_what_was_sent_again_on_purpose_is_no_fault():
    one = uuid4()
    assert taken_wrongly([str(one), str(one)], {one}, {one}) == []
    assert taken_wrongly([str(one), str(one)], {one}, set()) == [Finding(Fault.TWICE, "", str(one))]


def test_only_a_partition_that_does_not_move_stands_still():
    before = {("db-sms", 0): 5, ("db-sms", 1): 7, ("sms", 0): 1}
    after = {("db-sms", 0): 5, ("db-sms", 1): 8}
    assert standing_still(before, after) == [Finding(Fault.STUCK, "db-sms", "partition 0 at 5")]
