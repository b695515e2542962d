"""JobService as its clients meet it: the api, a persister, real Kafka, PostgreSQL and S3, called over the wire."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import boto3
import grpc
import pytest
from sqlalchemy import text

from deploy.local.environment import s3_access
from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.seed import seed
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.v1 import job_service_pb2 as pb
from octavo.v1.job_service_pb2_grpc import JobServiceStub
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub

SECONDS = 60
CHUNK = 1_000_000


@dataclass(frozen=True)
class Team:
    """A service with a key and templates, and what it does with CSV files."""

    stub: JobServiceStub
    notifications: NotificationServiceStub
    database: Callable[..., list[Any]]
    seeded: dict[str, str]

    @property
    def id(self) -> UUID:
        return UUID(self.seeded["service_id"])

    @property
    def metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.seeded['api_key']}")]

    def call(self, method: str, request: Any, seconds: float = SECONDS) -> Any:
        return getattr(self.stub, method)(request, timeout=seconds, metadata=self.metadata)

    def upload(self, data: bytes, chunk: int = CHUNK) -> Any:
        """Stores a file."""
        pieces = (data[start : start + chunk] for start in range(0, len(data), chunk))
        return self.upload_pieces(pieces)

    def upload_pieces(self, pieces: Iterable[bytes]) -> Any:
        requests = (pb.UploadCsvRequest(chunk=piece) for piece in pieces)
        return self.call("UploadCsv", requests).file

    def create(self, file: bytes | pb.CsvFile, **fields: Any) -> Any:
        """A job of text messages, unless another template is given."""
        stored = self.upload(file) if isinstance(file, bytes) else file
        request: dict[str, Any] = {
            "template_id": self.seeded["sms_template_id"],
            "object_key": stored.object_key,
            "etag": stored.etag,
        } | fields
        return self.call("CreateJob", pb.CreateJobRequest(**request)).job

    def get(self, job: pb.Job) -> Any:
        return self.call("GetJob", pb.GetJobRequest(id=job.id)).job

    def cancel(self, job: pb.Job) -> Any:
        return self.call("CancelJob", pb.CancelJobRequest(id=job.id)).job

    def report(self, job: pb.Job) -> bytes:
        """The whole report."""
        return b"".join(one.chunk for one in self.call("DownloadReport", pb.DownloadReportRequest(id=job.id)))

    def used(self) -> int:
        """What is charged to the day."""
        rows = self.database("SELECT used FROM daily_allowances WHERE service_id = :id", id=self.id)
        return sum(row.used for row in rows)


@pytest.fixture(scope="session")
def job_stack() -> Iterator[Stack]:
    """What takes jobs and makes notifications of them; nothing is sent."""
    with Stack(CACHE / f"test-{os.getpid()}-jobs", {"kafka", "postgres", "s3", "api", "persister"}) as stack:
        yield stack


@pytest.fixture(scope="session")
def job_database(job_stack: Stack) -> Iterator[Callable[..., list[Any]]]:
    """`job_database(statement, **values)`: the rows behind the api, if the statement has any."""
    engine = make_engine(job_stack.database_url, pool=2)

    def execute(statement: str, **values: object) -> list[Any]:
        with transaction(engine) as connection:
            result = connection.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    yield execute
    engine.dispose()


@pytest.fixture(scope="session")
def new_team(job_stack: Stack, job_database: Callable[..., list[Any]]) -> Iterator[Callable[..., Team]]:
    """`new_team(key_type="live", **columns)`: a service of its own, with these columns."""
    engine = make_engine(job_stack.database_url, pool=1)
    with grpc.insecure_channel(job_stack.addresses["OCTAVO_ADDRESS"]) as channel:

        def make(key_type: str = "live", of: str = "", **columns: object) -> Team:
            with transaction(engine) as connection:
                seeded = seed(connection, of or f"Team {uuid4().hex[:8]}", key_type=key_type)
                for name, value in columns.items():
                    connection.execute(
                        text(f"UPDATE services SET {name} = :value WHERE id = :id"),
                        {"value": value, "id": seeded["service_id"]},
                    )
            return Team(JobServiceStub(channel), NotificationServiceStub(channel), job_database, seeded)

        yield make
    engine.dispose()


@pytest.fixture
def team(new_team: Callable[..., Team]) -> Team:
    """A service of this test's own."""
    return new_team()


@pytest.fixture(scope="session")
def job_bucket(job_stack: Stack) -> Any:
    """`job_bucket.put_object(Key=…, Body=…)`: the bucket, as somebody else sees it."""
    environment = job_stack.environment
    return boto3.resource("s3", **s3_access(environment)).Bucket(environment["OCTAVO_S3_BUCKET"])
