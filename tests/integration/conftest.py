"""Real Kafka and real PostgreSQL for the tests of this folder: started when first asked for, once in a test run."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaAdminClient

from deploy.local.instance import CACHE, ROOT
from deploy.local.stack import Stack
from tests.databases import beside, database, execute


@pytest.fixture(scope="session")
def database_server() -> Iterator[Stack]:
    """An instance of the stack that is PostgreSQL alone."""
    with Stack(CACHE / f"test-{os.getpid()}-postgres", {"postgres"}) as stack:
        yield stack


@pytest.fixture(scope="session")
def broker() -> Iterator[Stack]:
    """An instance of the stack that is Kafka alone."""
    with Stack(CACHE / f"test-{os.getpid()}-kafka", {"kafka"}) as stack:
        yield stack


@pytest.fixture(scope="session")
def migrated_template(database_server: Stack) -> str:
    """Name of a database with the newest schema and no rows, of which every test gets a copy."""
    name = "migrated"
    execute(database_server.database_url, f"CREATE DATABASE {name}")
    url = beside(database_server.database_url, name)
    environment = {**os.environ, **database_server.environment, "DATABASE_URL": url}
    command = [sys.executable, "-m", "octavo.storage", "migrate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return name


@pytest.fixture
def empty_database_url(database_server: Stack) -> Iterator[str]:
    """URL of a database of this test's own, without any table."""
    with database(database_server.database_url, _new_name()) as url:
        yield url


@pytest.fixture
def database_url(database_server: Stack, migrated_template: str) -> Iterator[str]:
    """URL of a database of this test's own, with the newest schema."""
    with database(database_server.database_url, _new_name(), migrated_template) as url:
        yield url


@pytest.fixture
def kafka_bootstrap(broker: Stack) -> str:
    """host:port of a broker that the tests of this run share."""
    return broker.kafka_bootstrap


@pytest.fixture
def new_topic(kafka_bootstrap: str) -> Iterator[Callable[..., str]]:
    """`new_topic(partitions=1)` makes a topic that no other test uses, and returns its name."""
    made: list[str] = []
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)

    def make(partitions: int = 1) -> str:
        name = f"test-{uuid.uuid4().hex}"
        admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
        made.append(name)
        return name

    yield make
    if made:
        admin.delete_topics(made)
    admin.close()


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"
