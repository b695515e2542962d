"""`python -m octavo.replay` on a real broker: what comes back on the topic, and what a second run does."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.instance import ROOT
from octavo.domain.errors import Malformed, Unavailable
from octavo.messaging import Partition, Record
from octavo.messaging.dead import dead_letter
from octavo.messaging.kafka import KafkaSink
from octavo.messaging.kafka.administration import create_topics
from octavo.messaging.kafka.dead_letters import DeadLetters
from octavo.messaging.security import KafkaSecurity
from octavo.topics import EMAIL


@pytest.fixture
def bury(kafka_bootstrap, closed_later):
    """`bury(value, …)` puts dead letters of such records of the topic `email` on the broker."""
    create_topics(kafka_bootstrap, KafkaSecurity.plain())
    sink = closed_later(KafkaSink(kafka_bootstrap))

    def put(*values):
        sink.publish(
            [
                dead_letter(Record(Partition(EMAIL.name, 2), 9, b"key", value, (("trace", b"1"),)), Malformed("bad"))
                for value in values
            ]
        )

    return put


@pytest.fixture
def replay(kafka_bootstrap):
    """`replay(argument, …)` runs the command; its status, the lines of its output, and its errors."""

    def run(*arguments):
        environment = {**os.environ, "KAFKA_BOOTSTRAP": kafka_bootstrap}
        command = [sys.executable, "-m", "octavo.replay", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=90
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


def test_replays_what_died_once_and_lists_it_before(replay, bury, kafka):
    values = [b"%d" % number for number in range(1_200)]
    bury(*values)
    before = len(kafka.values(EMAIL.name))

    status, lines, _ = replay("--topic", "email", "--dry-run")

    assert status == 0
    assert lines[0].startswith("email.dead 0 0 20")
    assert lines[-2:] == ["bad: 1200", "replayed: 0 of 1200"]
    assert len(kafka.values(EMAIL.name)) == before

    assert replay("--topic", "email") == (0, ["replayed: 1200 of 1200"], "")
    assert replay("--topic", "email") == (0, ["replayed: 0 of 0"], "")
    assert sorted(kafka.values(EMAIL.name)[-1_200:]) == sorted(values)

    bury(b"late")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert replay("--topic", "email", "--since", f"{tomorrow:%Y-%m-%dT%H:%M:%SZ}")[1] == ["replayed: 0 of 0"]
    assert replay("--topic", "email", "--since", f"{tomorrow - timedelta(days=2):%Y-%m-%d}")[1] == ["replayed: 1 of 1"]


def test_refuses_a_topic_that_there_is_not(replay):
    status, lines, error = replay("--topic", "db-fax")

    assert (status, lines) == (78, [])
    assert "db-fax: no such topic; there are db-sms, db-email" in error


def test_says_so_when_the_broker_lacks_the_topic(kafka_bootstrap):
    with pytest.raises(Unavailable, match=r"test-none\.dead: the broker has no such topic"):
        DeadLetters(kafka_bootstrap, KafkaSecurity.plain(), replace(EMAIL, name="test-none"))
