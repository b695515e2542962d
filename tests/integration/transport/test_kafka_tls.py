"""Kafka over TLS with SCRAM, against a real broker with an authorizer."""

import asyncio
import os
import subprocess
import sys
from ssl import SSLSocket
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from deploy.local.instance import ROOT
from octavo import topics
from octavo.domain.errors import Unavailable
from octavo.messaging.kafka import KafkaPublisher, KafkaSink, KafkaSource
from octavo.topics import Outgoing
from tests.certificates import Authority
from tests.waiting import comes_true

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def _command(broker, *arguments, username="admin", **further):
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        "OCTAVO_KAFKA_CA_FILE": broker.ca_file,
        "OCTAVO_KAFKA_USERNAME": username,
        "OCTAVO_KAFKA_PASSWORD": broker.password,
        **further,
    }
    command = [sys.executable, "-m", "octavo.messaging", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def topics_made(secure_broker):
    """Every topic, made by the command that the manifests run; the user `api` may write to db-sms alone."""
    done = _command(secure_broker, "create-topics")
    assert done.returncode == 0, done.stderr
    admin = KafkaAdminClient(bootstrap_servers=secure_broker.bootstrap, **secure_broker.security().options())
    pattern = ResourcePattern(ResourceType.TOPIC, topics.DB_SMS.name)
    admin.create_acls(
        [
            ACL("User:api", "*", operation, ACLPermissionType.ALLOW, pattern)
            for operation in (ACLOperation.WRITE, ACLOperation.DESCRIBE)
        ]
    )
    admin.close()


@pytest.mark.asked("C6")
def test_what_is_published_is_read(secure_broker, topics_made):
    sink = KafkaSink(secure_broker.bootstrap, secure_broker.security())
    value = uuid4().bytes
    sink.publish([Outgoing(topics.DB_EMAIL.name, b"key", value)])
    source = KafkaSource(
        secure_broker.bootstrap, "persister.db-email", [topics.DB_EMAIL.name], security=secure_broker.security()
    )
    found = []
    while value not in found:
        found += [record.value for record in source.poll(1.0)]
    sink.close()
    source.close()


def _secured(connection):
    """Whether this is TLS, its certificate checked."""
    return isinstance(connection.socket, SSLSocket) and bool(connection.socket.getpeercert())


async def test_a_publisher_has_a_connection_of_its_own_secured_as_all(secure_broker, topics_made):
    publisher = KafkaPublisher(secure_broker.bootstrap, [topics.DB_SMS.name], secure_broker.security("api"))
    await publisher.start()
    async with asyncio.timeout(30):
        await comes_true(lambda: not publisher.unready())
        await publisher.publish([Outgoing(topics.DB_SMS.name, b"key", b"first")])
        await comes_true(lambda: publisher._connections._open)
        [one] = publisher._connections._open.values()
        for size in (1, 700_000, 1):
            await publisher.publish(
                [Outgoing(topics.DB_SMS.name, b"key", b"%d" % number * size) for number in range(3)]
            )

        # It carried them all: what a connection can't carry ends it.
        assert list(publisher._connections._open.values()) == [one]
        assert _secured(one.connection)
    await publisher.drain()


def test_topics_that_a_user_may_see_are_found_by_name(secure_broker, topics_made):
    assert _command(secure_broker, "check-topics", "db-sms", username="api").returncode == 0
    done = _command(secure_broker, "check-topics", "db-sms", "send-sms", username="api")
    assert (done.returncode, done.stdout) == (1, "send-sms\n")


def test_a_user_does_no_more_than_it_was_granted(secure_broker, topics_made):
    sink = KafkaSink(secure_broker.bootstrap, secure_broker.security("api"))
    sink.publish([Outgoing(topics.DB_SMS.name, b"key", b"value")])
    with pytest.raises(Unavailable):
        sink.publish([Outgoing(topics.DB_EMAIL.name, b"key", b"value")])
    sink.close()


def test_a_wrong_password_is_told(secure_broker):
    done = _command(secure_broker, "check-topics", OCTAVO_KAFKA_PASSWORD="wrong")
    assert (done.returncode, done.stderr.splitlines()[-1][:16]) == (1, "no broker answer")


def test_a_broker_of_another_authority_is_not_spoken_to(secure_broker, tmp_path):
    other = tmp_path / "other.crt"
    other.write_bytes(Authority("another").chain)
    done = _command(secure_broker, "check-topics", OCTAVO_KAFKA_CA_FILE=str(other))
    assert (done.returncode, done.stderr.splitlines()[-1][:16]) == (1, "no broker answer")
