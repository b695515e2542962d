"""A service with templates in a real database, and jobs of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.config import Config
from sqlalchemy import Engine, text

from deploy.local.environment import s3_access
from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.domain.ids import row_id, uuid7
from octavo.domain.notification import KeyType, NotificationType
from octavo.objects import ObjectStore, Stored
from octavo.seed import seed
from octavo.storage import columns, partitions
from octavo.storage.allowances import reserve
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import Inserted, insert_notifications
from octavo.storage.jobs import NewJob, create_job
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage
from tests.integration.jobs.served import job_bucket, job_database, job_stack, new_team, team

__all__ = ["job_bucket", "job_database", "job_stack", "new_team", "team"]

LIMIT = 250_000


@dataclass(frozen=True)
class Jobs:
    """What the tests do to jobs."""

    engine: Engine
    seeded: dict[str, str]

    @property
    def service_id(self) -> UUID:
        return UUID(self.seeded["service_id"])

    def new(self, **fields: Any) -> NewJob:
        """A job of 3 rows, of which one is refused."""
        now = datetime.now(UTC)
        given: dict[str, Any] = {
            "id": uuid7(now, os.urandom(10)),
            "service_id": self.service_id,
            "template_id": UUID(self.seeded["sms_template_id"]),
            "template_version": 1,
            "notification_type": NotificationType.SMS,
            "key_type": KeyType.LIVE,
            "content_hash": b"content",
            "file_name": "people.csv",
            "object_key": f"{self.service_id}/people.csv",
            "etag": "etag",
            "size_bytes": 100,
            "encoding": "utf-8",
            "total_rows": 3,
            "refused_rows": 1,
            "reply_to": "",
            "sms_sender": "",
            "reserved": 2,
            "reserved_day": now.date(),
            "send_at": None,
            "created_at": now,
        }
        return NewJob(**given | fields)

    def create(self, problems=(), **fields: Any) -> NewJob:
        """A job, charged and created."""
        job = self.new(**fields)
        with transaction(self.engine) as connection:
            assert reserve(
                connection, job.service_id, job.notification_type, job.reserved_day, limit=LIMIT, count=job.reserved
            )
            assert create_job(connection, job, problems)
        return job

    def persist(self, job: NewJob, *rows: int, send_at: datetime | None = None) -> dict[bytes, Inserted]:
        """Rows of a job arrive in the database."""
        messages = [self.message(job, row, send_at) for row in rows]
        with transaction(self.engine) as connection:
            return insert_notifications(connection, messages)

    def message(self, job: NewJob, row: int, send_at: datetime | None = None) -> NotificationMessage:
        """A row of a job on its way."""
        return NotificationMessage(
            id=row_id(job.id, row).bytes,
            service_id=job.service_id.bytes,
            type=pb.NOTIFICATION_TYPE_SMS,
            template_id=job.template_id.bytes,
            template_version=1,
            key_type=pb.KEY_TYPE_LIVE,
            sealed=b"sealed",
            recipient_hash=b"hash",
            content_hash=b"content",
            created_at_micros=columns.micros(job.created_at),
            send_at_micros=columns.micros(send_at) if send_at else 0,
            job_id=job.id.bytes,
            job_row=row,
        )

    def used(self) -> int:
        """What is charged to the day of the service."""
        rows = self.all("SELECT used FROM daily_allowances WHERE service_id = :id", id=self.service_id)
        return sum(row.used for row in rows)

    def row(self, job: NewJob):
        """The job's row."""
        return self.all("SELECT * FROM jobs WHERE id = :id", id=job.id)[0]

    def statuses(self, job: NewJob) -> dict[int, str]:
        """The status of each row, the same in both tables."""
        found = {}
        for table in ("notifications", "notification_history"):
            rows = self.all(f"SELECT job_row, status FROM {table} WHERE job_id = :id ORDER BY job_row", id=job.id)
            found[table] = {row.job_row: row.status for row in rows}
        assert found["notifications"] == found["notification_history"]
        return found["notifications"]

    def all(self, query: str, **values: object):
        """Rows."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).all()

    def execute(self, statement: str, **values: object) -> None:
        """Changes something behind the code's back."""
        with transaction(self.engine) as connection:
            connection.execute(text(statement), values)


@pytest.fixture
def jobs(database_url: str) -> Iterator[Jobs]:
    made = make_engine(database_url)
    partitions.ensure(made, datetime.now(UTC))
    with transaction(made) as connection:
        seeded = seed(connection)
    yield Jobs(made, seeded)
    made.dispose()


@dataclass(frozen=True)
class Bucket:
    """The bucket of a real S3 server, and what others do to it."""

    client: Any
    name: str
    store: ObjectStore

    def put(self, key: str, data: bytes) -> Stored:
        """An object is there, or is another one now."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)
        return self.store.find(key)

    def remove(self, key: str) -> None:
        """An object is gone."""
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Stack]:
    """An instance of the stack that is S3 alone."""
    with Stack(CACHE / f"test-{os.getpid()}-s3", {"s3"}) as stack:
        yield stack


@pytest.fixture
def bucket(s3_server: Stack) -> Bucket:
    environment = s3_server.environment
    client = boto3.client(
        "s3",
        **s3_access(environment),
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
    )
    return Bucket(client, environment["OCTAVO_S3_BUCKET"], ObjectStore(lambda: client, environment["OCTAVO_S3_BUCKET"]))
