"""The api as a process of its own, on a real database. What is tested here needs no Kafka, so there is none."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy import Engine, text

from deploy.local.instance import ROOT
from deploy.local.stack import Stack
from octavo.domain.ids import uuid7
from octavo.domain.notification import Status
from octavo.domain.reason import Reason
from octavo.storage import columns
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.storage.receipts import apply_receipts
from octavo.storage.send import Recorded, claim_notifications, record_outcomes
from octavo.v1 import (
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    notification_pb2,
    notification_service_pb2_grpc,
    registry_service_pb2,
    registry_service_pb2_grpc,
    template_service_pb2_grpc,
)
from octavo.v1.messages_pb2 import NotificationMessage, ReceiptMessage
from tests.databases import database

ADMIN_KEY = "admin-key-of-the-management-tests-0123456789"
SECONDS = 20


@dataclass
class Refusal:
    """How a call was refused."""

    code: str = ""
    message: str = ""
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: dict[str, str] = field(default_factory=dict)
    """Reason by field."""


@contextmanager
def _refused() -> Iterator[Refusal]:
    refusal = Refusal()
    with pytest.raises(grpc.RpcError) as raised:
        yield refusal
    error: Any = raised.value
    refusal.code, refusal.message = error.code().name, error.details()
    for key, value in error.trailing_metadata():
        if key != "grpc-status-details-bin":
            continue
        for packed in status_pb2.Status.FromString(value).details:
            info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if packed.Unpack(info):
                refusal.reason, refusal.metadata = info.reason, dict(info.metadata)
            elif packed.Unpack(request):
                refusal.violations = {one.field: one.reason for one in request.field_violations}
    # As docs/errors.md says, whatever the test is about.
    assert Reason[refusal.reason].status == refusal.code


@pytest.fixture
def refused():
    """`with refused() as refusal:` expects a call to be refused, and says how."""
    return _refused


class Client:
    """All services of the api, for one caller."""

    def __init__(self, channel: grpc.Channel, key: str) -> None:
        self.key = key
        self._channel = channel
        self.registry = self._stub(registry_service_pb2_grpc.RegistryServiceStub)
        self.keys = self._stub(api_key_service_pb2_grpc.ApiKeyServiceStub)
        self.templates = self._stub(template_service_pb2_grpc.TemplateServiceStub)
        self.notifications = self._stub(notification_service_pb2_grpc.NotificationServiceStub)

    def _stub(self, kind: Any) -> Any:
        methods = vars(kind(self._channel))
        return SimpleNamespace(**{name: self._called(method) for name, method in methods.items()})

    def _called(self, method: Any) -> Callable[..., Any]:
        def call(request: Any, seconds: float = SECONDS) -> Any:
            return method(request, timeout=seconds, metadata=[("authorization", f"Bearer {self.key}")])

        return call


class Api:
    """A process of the api."""

    def __init__(self, database_url: str, stack_environment: dict[str, str], log: Path) -> None:
        self.port, self.ops_port = _free_port(), _free_port()
        environment = {
            **os.environ,
            **stack_environment,
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "OCTAVO_ADMIN_KEY": ADMIN_KEY,
            "OCTAVO_API_PORT": str(self.port),
            "OCTAVO_OPS_PORT": str(self.ops_port),
            "OCTAVO_KEY_USE_SECONDS": "0.2",
        }
        self.log = log
        with log.open("ab") as out:
            command = [sys.executable, "-m", "services.api"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", [("grpc.max_receive_message_length", -1)])

    def wait(self) -> None:
        """Until it listens."""
        try:
            grpc.channel_ready_future(self.channel).result(timeout=60)
        except grpc.FutureTimeoutError:
            pytest.fail(self.log.read_text())

    def client(self, key: str = ADMIN_KEY) -> Client:
        """A caller with this key; with the admin key if none is given."""
        return Client(self.channel, key)

    def stop(self) -> None:
        """Drains it. It must end well."""
        self.channel.close()
        self.process.terminate()
        assert self.process.wait(timeout=40) == 0, self.log.read_text()


@pytest.fixture(scope="session")
def managed_database_url(database_server: Stack, migrated_template: str) -> Iterator[str]:
    """A database that the tests of this folder share: each works with services of its own."""
    with database(database_server.database_url, f"managed_{uuid4().hex}", migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def api(database_server: Stack, managed_database_url: str, tmp_path_factory) -> Iterator[Api]:
    """The process that the tests of this folder call."""
    made = Api(managed_database_url, database_server.environment, tmp_path_factory.mktemp("api") / "log")
    try:
        made.wait()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def another_api(database_server: Stack, managed_database_url: str, tmp_path_factory) -> Iterator[Api]:
    """A second process on the same database."""
    made = Api(managed_database_url, database_server.environment, tmp_path_factory.mktemp("api") / "log")
    try:
        made.wait()
        yield made
    finally:
        made.stop()


@pytest.fixture
def admin(api: Api) -> Client:
    """The platform team."""
    return api.client()


@pytest.fixture
def rows(managed: "Stored") -> Callable[..., Any]:
    """`rows(query, **values)` asks the api's database itself."""
    return managed.all


@dataclass(frozen=True)
class Stored:
    """A database, and what the tests put into it."""

    engine: Engine

    def persist(
        self, count: int = 1, *, at: datetime | None = None, sealed: bytes = b"sealed", **fields: Any
    ) -> list[UUID]:
        """New notifications, accepted at a time, as the persister writes them."""
        accepted = at or datetime.now(UTC)
        messages = [
            NotificationMessage(
                **{
                    "id": uuid7(accepted, os.urandom(10)).bytes,
                    "service_id": uuid4().bytes,
                    "type": notification_pb2.NOTIFICATION_TYPE_SMS,
                    "template_id": uuid4().bytes,
                    "template_version": 1,
                    "key_type": notification_pb2.KEY_TYPE_LIVE,
                    "sealed": sealed,
                    "recipient_hash": b"hash",
                    "content_hash": b"content",
                    "created_at_micros": columns.micros(accepted),
                    **fields,
                }
            )
            for _ in range(count)
        ]
        with transaction(self.engine) as connection:
            insert_notifications(connection, messages)
        return [UUID(bytes=message.id) for message in messages]

    def send(self, ids: Sequence[UUID], status: Status = Status.SENDING) -> None:
        """A dispatcher claims them, and records how it went."""
        token = uuid4()
        with transaction(self.engine) as connection:
            assert len(claim_notifications(connection, ids, token)) == len(ids)
        at = datetime.now(UTC)
        with transaction(self.engine) as connection:
            record_outcomes(connection, [Recorded(one, token, status, "", "mmg", None, at) for one in ids])

    def settle(self, ids: Sequence[UUID], status: Status = Status.DELIVERED) -> None:
        """Receipts come for them."""
        now = columns.micros(datetime.now(UTC))
        receipts = [
            ReceiptMessage(
                notification_id=one.bytes, provider="mmg", status=columns.STATUS[status], received_at_micros=now
            )
            for one in ids
        ]
        with transaction(self.engine) as connection:
            apply_receipts(connection, receipts)

    def deliver(self, count: int = 1, **fields: Any) -> list[UUID]:
        """Notifications that were persisted, sent and delivered."""
        ids = self.persist(count, **fields)
        self.send(ids)
        self.settle(ids)
        return ids

    def all(self, query: str, **values: object) -> Any:
        """The rows that a query returns, if it returns any."""
        with transaction(self.engine) as connection:
            result = connection.execute(text(query), values)
            return result.all() if result.returns_rows else []


@pytest.fixture
def stored(database_url: str) -> Iterator[Stored]:
    """A database of this test's own."""
    made = Stored(make_engine(database_url))
    yield made
    made.engine.dispose()


@pytest.fixture
def managed(api: Api, managed_database_url: str) -> Iterator[Stored]:
    """The database of the api."""
    made = Stored(make_engine(managed_database_url))
    yield made
    made.engine.dispose()


@pytest.fixture
def new_service(admin: Client) -> Callable[..., Any]:
    """`new_service(**settings)` onboards a service; its name is made up unless it is given."""

    def make(**settings: Any) -> Any:
        service = registry_service_pb2.Service(**{"name": f"service {uuid4().hex}", **settings})
        return admin.registry.CreateService(registry_service_pb2.CreateServiceRequest(service=service)).service

    return make


@pytest.fixture
def new_key(admin: Client, new_service) -> Callable[..., Any]:
    """`new_key(service=None, key_type=LIVE)` makes a key, of a new service if none is given; answers with its secret, too."""

    def make(service: Any = None, key_type: Any = notification_pb2.KEY_TYPE_LIVE, name: str = "a key") -> Any:
        owner = (service or new_service()).id
        return admin.keys.CreateApiKey(
            api_key_service_pb2.CreateApiKeyRequest(service_id=owner, name=name, type=key_type)
        )

    return make


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
