"""The api as its clients meet it: a process with a real Kafka, a real PostgreSQL and a persister, called over the wire."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import Engine, text

from deploy.local.instance import CACHE, ROOT
from deploy.local.stack import Stack
from octavo.seed import seed
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.integration.api.wire import Tenant


class Database:
    """The database behind the api."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def rows(self, query: str, **values: object) -> list[Any]:
        with transaction(self.engine) as connection:
            result = connection.execute(text(query), values)
            return list(result.all()) if result.returns_rows else []

    def one(self, query: str, **values: object) -> Any:
        [row] = self.rows(query, **values)
        return row


_shared: list[Stack] = []


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, PostgreSQL, the api and a persister, for these tests alone: some take Kafka away.

    One instance serves all folders that import this fixture.
    """
    if _shared:
        yield _shared[0]
        return
    with Stack(CACHE / f"test-{os.getpid()}-api", {"kafka", "postgres", "api", "persister"}) as made:
        _shared.append(made)
        yield made
        _shared.clear()


@pytest.fixture(scope="session")
def stub(stack: Stack) -> Iterator[NotificationServiceStub]:
    with grpc.insecure_channel(stack.addresses["OCTAVO_ADDRESS"]) as channel:
        yield NotificationServiceStub(channel)


@pytest.fixture(scope="session")
def database(stack: Stack) -> Iterator[Database]:
    engine = make_engine(stack.database_url, pool=4)
    yield Database(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def new_tenant(stub: NotificationServiceStub, database: Database) -> Callable[..., Tenant]:
    """`new_tenant(key_type="live", **columns)`: a service of its own, with these columns."""

    def make(key_type: str = "live", of: str | None = None, **columns: object) -> Tenant:
        with transaction(database.engine) as connection:
            made = seed(connection, of or f"Service {uuid4().hex[:8]}", key_type=key_type)
            for name, value in columns.items():
                connection.execute(
                    text(f"UPDATE services SET {name} = :value WHERE id = :id"),
                    {"value": value, "id": made["service_id"]},
                )
        return Tenant(stub, made["service_id"], made["api_key"], made["sms_template_id"], made["email_template_id"])

    return make


@pytest.fixture(scope="session")
def tenant(new_tenant: Callable[..., Tenant]) -> Tenant:
    """A service that many tests share."""
    return new_tenant()


@pytest.fixture(scope="session")
def new_template(database: Database) -> Callable[..., str]:
    """`new_template(tenant, content, subject=None)`: the id of another template of a service."""

    def make(tenant: Tenant, content: str, subject: str | None = None, *, archived: bool = False) -> str:
        template_id = str(uuid4())
        values = {"id": template_id, "service": tenant.service_id, "kind": "email" if subject else "sms"}
        database.rows(
            "INSERT INTO templates (id, service_id, notification_type, name, archived_at) "
            "VALUES (:id, :service, :kind, 'made', CASE WHEN :archived THEN now() END)",
            archived=archived,
            **values,
        )
        database.rows(
            "INSERT INTO template_versions (template_id, version, name, subject, content) "
            "VALUES (:id, 1, 'made', :subject, :content)",
            id=template_id,
            subject=subject,
            content=content,
        )
        return template_id

    return make


class ApiProcess:
    """Another process of the api, on the same Kafka and PostgreSQL."""

    def __init__(self, stack: Stack, log: Path, **environment: str) -> None:
        self.port = _free_port()
        self._log = log
        ports = {"OCTAVO_API_PORT": str(self.port), "OCTAVO_OPS_PORT": str(_free_port())}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.api"],
                cwd=ROOT,
                env={**os.environ, **stack.environment, **ports, **environment},
                stdout=out,
                stderr=out,
            )
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self.stub = NotificationServiceStub(self.channel)

    def wait(self) -> None:
        """Until it listens."""
        try:
            grpc.channel_ready_future(self.channel).result(timeout=60)
        except grpc.FutureTimeoutError:
            pytest.fail(self._log.read_text())

    def stop(self) -> None:
        """Drains it. It must end well. Harmless to repeat."""
        self.process.terminate()
        assert self.process.wait(timeout=40) == 0, self._log.read_text()


@pytest.fixture
def more_processes(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., list[ApiProcess]]]:
    """`more_processes(3, **environment)` starts so many more processes of the api."""
    running: list[ApiProcess] = []

    def start(count: int, **environment: str) -> list[ApiProcess]:
        new = [ApiProcess(stack, tmp_path / f"api-{len(running) + i}.log", **environment) for i in range(count)]
        running.extend(new)
        for one in new:
            one.wait()
        return new

    yield start
    for one in running:
        one.channel.close()
        one.process.terminate()
    for one in running:
        one.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
