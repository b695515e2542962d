"""A process whose database has another schema, or whose topics are missing or too small, ends at start and says all of it."""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psycopg2
import pytest
from cryptography.fernet import Fernet

from octavo.loading import Misconfigured
from octavo.storage import schema
from octavo.surroundings import Surroundings
from tests.integration.transport.conftest import free_port
from tests.waiting import until

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
SERVICES = ("api", "persister", "dispatcher", "callbacks")
PROVIDERS = {
    "OCTAVO_MMG_URL": "http://127.0.0.1:1/mmg",
    "OCTAVO_MMG_USERNAME": "octavo",
    "OCTAVO_MMG_PASSWORD": "not-used-here",
    "OCTAVO_FIRETEXT_URL": "http://127.0.0.1:1/firetext",
    "OCTAVO_FIRETEXT_API_KEY": "not-used-here",
}


@pytest.fixture
def topics(kafka_bootstrap):
    """All topics are there, with eight partitions each."""
    command = [sys.executable, "-m", "octavo.messaging", "create-topics"]
    environment = {**os.environ, "KAFKA_BOOTSTRAP": kafka_bootstrap}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


@pytest.fixture
def environment(kafka_bootstrap, empty_database_url):
    """What a service needs, with a database that has no schema yet."""
    return {
        **os.environ,
        **PROVIDERS,
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "DATABASE_URL": empty_database_url,
        "OCTAVO_SEALING_KEYS": Fernet.generate_key().decode(),
        "OCTAVO_HASH_KEY": "h" * 40,
        "OCTAVO_ADMIN_KEY": "a" * 40,
        "OCTAVO_MMG_RECEIPT_TOKEN": "t" * 20,
        "OCTAVO_FIRETEXT_RECEIPT_TOKEN": "t" * 20,
        "OCTAVO_AWS_REGION": "eu-west-1",
        "OCTAVO_SNS_TOPIC_ARNS": "arn:aws:sns:eu-west-1:123456789012:octavo",
        "OCTAVO_S3_BUCKET": "octavo",
        "OCTAVO_EMAIL_FROM": "octavo@example.com",
        "OCTAVO_LOG_FORMAT": "json",
        "OCTAVO_OPS_PORT": str(free_port()),
        "OCTAVO_API_PORT": "0",
        "OCTAVO_RECEIPTS_PORT": "0",
    }


@pytest.fixture
def looking(monkeypatch, kafka_bootstrap):
    """`looking(names, database=False)` is the part, in this process."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_bootstrap)
    return lambda names, **options: Surroundings(names, **{"database": False, **options})


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_reports_schema_partitions_and_variables_at_once(topics, environment, service):
    environment |= {
        "OCTAVO_LEAST_PARTITIONS": "9",
        "OCTAVO_CONSUMER_SESSION_SECONDS": "soon",
        "OCTAVO_API_PORT": "many",
    }
    done = _run(service, environment)
    assert done.returncode == 78
    assert f"DATABASE_URL: the schema is none, this release needs {schema.newest()}" in done.stderr
    assert "has 8 partitions, OCTAVO_LEAST_PARTITIONS wants 9" in done.stderr
    assert ("OCTAVO_API_PORT" if service == "api" else "OCTAVO_CONSUMER_SESSION_SECONDS") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_what_alone_is_wrong_around_a_service_ends_it_before_it_takes_any_work(topics, environment, service):
    done = _run(service, environment)
    assert done.returncode == 78
    assert "1 fault(s)" in done.stderr
    assert "the schema is none" in done.stderr
    assert '"event": "started"' not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("service", "name"),
    [("persister", "OCTAVO_OPS_PORT"), ("api", "OCTAVO_API_PORT"), ("callbacks", "OCTAVO_RECEIPTS_PORT")],
)
def test_a_port_that_is_in_use_is_named(topics, environment, database_url, service, name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment |= {"DATABASE_URL": database_url, name: str(taken.getsockname()[1])}
        done = _run(service, environment)
    assert done.returncode == 78
    assert f"{name}: 127.0.0.1:{environment[name]}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_comes_late_and_has_another_schema_ends_the_process_that_never_was_ready(topics, environment):
    # A process that waits for Kafka, and finds the schema wrong, does not wait any longer.
    environment["KAFKA_BOOTSTRAP"] = NOBODY
    done = _run("persister", environment)
    assert done.returncode == 78
    assert "the schema is none" in done.stderr


def test_what_is_away_is_waited_for_alive_and_not_ready(environment):
    environment |= {"KAFKA_BOOTSTRAP": NOBODY, "DATABASE_URL": f"postgresql://octavo:none@{NOBODY}/octavo"}
    operations = f"http://127.0.0.1:{environment['OCTAVO_OPS_PORT']}"
    command = [sys.executable, "-m", "services.dispatcher", "--topics", "send-sms"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: "have not been compared" in _answer(f"{operations}/readyz"), 20)
            assert _answer(f"{operations}/livez") == "ok\n"
            assert process.poll() is None
        finally:
            process.terminate()
        assert process.wait(40) == 0


async def test_a_topic_that_is_not_there_is_named(looking):
    part = looking(["no-such-topic"])
    with pytest.raises(Misconfigured, match="topic no-such-topic is not there"):
        await _found(part)
    assert part.faults() == ["KAFKA_BOOTSTRAP: topic no-such-topic is not there, or this user may not see it"]


async def test_all_being_right_the_part_is_ready_and_stays_so(looking, new_topic, monkeypatch, database_url):
    monkeypatch.setenv("DATABASE_URL", database_url)
    part = looking([new_topic()], database=True)
    await _found(part)
    assert part.unready() is None
    assert part.faults() == []
    await part.drain()


async def test_a_schema_of_a_later_release_will_do(looking, monkeypatch, database_url):
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE alembic_version SET version_num = '9999'")
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert looking([], database=True).faults() == []


def test_the_newest_schema_is_the_head_of_the_history():
    from alembic.script import ScriptDirectory

    from octavo.storage import migrations

    assert ScriptDirectory.from_config(migrations.config()).get_current_head() == schema.newest()


async def _found(part):
    """Starts it, and waits for what it finds, if that took longer than it lets others wait."""
    await part.start()
    while part.unready():
        done, _ = await asyncio.wait([part.failed], timeout=0.05)
        if done:
            await part.failed


def _run(service, environment):
    command = [sys.executable, "-m", f"services.{service}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def _answer(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError:
        return ""
