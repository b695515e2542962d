"""The topics of the code, those that the command makes on a real broker, and those of docs/topics.md are the same."""

import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from octavo import topics
from octavo.messaging.kafka.administration import DEAD_RETENTION
from octavo.messaging.kafka.size import LARGEST, LARGEST_DEAD

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/topics.md"


@pytest.fixture(scope="module")
def command(broker):
    """`command("create-topics")` is what the command prints."""

    def run(name, status=0):
        environment = {**os.environ, "KAFKA_BOOTSTRAP": broker.kafka_bootstrap}
        done = subprocess.run(
            [sys.executable, "-m", "octavo.messaging", name],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def created(broker, command):
    """Every topic of the broker, by name: its partitions and its settings."""
    command("create-topics")
    with closing(KafkaAdminClient(bootstrap_servers=broker.kafka_bootstrap)) as admin:
        names = [name for name in admin.list_topics() if not name.startswith("test-")]
        partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)}
        told = admin.describe_configs([ConfigResource("TOPIC", name) for name in names])
    settings = {
        name: {key: value["value"] for key, value in given.items()}
        for given_by_name in told.values()
        for name, given in given_by_name.items()
    }
    return {name: (partitions[name], settings[name]) for name in names if not name.startswith("__")}


@pytest.mark.asked("C1")
def test_the_broker_has_the_topics_of_the_code_and_no_other(created):
    assert created.keys() == set(topics.names())


def test_partitions_and_retention_are_those_of_the_code(created):
    for topic in topics.ALL:
        partitions, settings = created[topic.name]
        assert partitions == topic.partitions
        assert timedelta(milliseconds=int(settings["retention.ms"])) == topic.retention
        assert int(settings["max.message.bytes"]) == LARGEST

        partitions, settings = created[topic.dead]
        assert partitions == 1
        assert timedelta(milliseconds=int(settings["retention.ms"])) == DEAD_RETENTION
        assert int(settings["max.message.bytes"]) == LARGEST_DEAD


def test_the_page_tells_the_same(created):
    page = PAGE.read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| (\d+) \| (\d+) days \|$", page, flags=re.MULTILINE)

    assert {name: (carries, int(partitions), int(days)) for name, carries, partitions, days in rows} == {
        topic.name: (
            topic.message.DESCRIPTOR.name,
            created[topic.name][0],
            int(created[topic.name][1]["retention.ms"]) // 86_400_000,
        )
        for topic in topics.ALL
    }
    dead = re.search(r"`\.dead` topic of one partition.* kept for (\d+) days", page)
    assert dead
    assert int(dead[1]) == DEAD_RETENTION.days


def test_the_command_can_be_repeated_and_checked(created, command):
    assert "all were there" in command("create-topics")
    assert "all topics are there" in command("check-topics")
