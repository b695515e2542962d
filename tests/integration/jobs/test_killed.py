"""A job of ten thousand rows survives the end of every process that it passes: each row once, or refused with a reason."""

import json
import os
from collections import Counter
from uuid import UUID

import grpc
import pytest
from sqlalchemy import text

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.faultpoint import Point
from octavo.storage.engine import engine as make_engine
from octavo.v1 import job_service_pb2 as pb
from octavo.v1.job_service_pb2_grpc import JobServiceStub
from tests.waiting import until

ROWS, WRONG = 10_000, 100
DEATH_SECONDS = 120
SETTLE_SECONDS = 420


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_rows_are_notifications_or_refused_and_no_provider_has_one_twice():
    with Stack(CACHE / f"test-{os.getpid()}-killed", restart=False) as stack:
        database = make_engine(stack.database_url, pool=2)
        known = stack.client_environment()
        _end_at(stack, Point.JOB_READER_IN_THE_MIDDLE, 7)
        job = _start(known)
        assert (job.total_rows, job.refused_rows) == (ROWS, WRONG)
        assert stack.wait_ended("persister", DEATH_SECONDS)

        _end_at(stack, Point.PERSISTER_AFTER_COMMIT, 4)
        assert stack.wait_ended("persister", DEATH_SECONDS)
        _end_at(stack, Point.DISPATCHER_AFTER_ACCEPT, 30)
        stack.start_program("persister", ready=False)
        assert stack.wait_ended("dispatcher", DEATH_SECONDS)
        stack.start_program("dispatcher")

        def count(condition: str) -> int:
            with database.connect() as connection:
                query = f"SELECT count(*) FROM notifications WHERE job_id = :id AND {condition}"
                return int(connection.execute(text(query), {"id": UUID(job.id)}).scalar_one())

        until(lambda: count("true") == ROWS - WRONG, SETTLE_SECONDS)
        until(lambda: count("status = 'created'") == 0, SETTLE_SECONDS)
        with database.connect() as connection:
            row = connection.execute(text("SELECT * FROM jobs WHERE id = :id"), {"id": UUID(job.id)}).one()
            ids = connection.execute(text("SELECT id FROM notifications WHERE job_id = :id"), {"id": UUID(job.id)})
            made = {str(one) for one in ids.scalars()}
        assert (row.status, row.published_rows, row.refused_rows) == ("read", ROWS - WRONG, WRONG)
        ledger = stack.instance.ledger.read_text(encoding="utf-8").splitlines()
        accepts = Counter(json.loads(line)["reference"] for line in ledger)
        assert [reference for reference, times in accepts.items() if times > 1] == []
        assert set(accepts) <= made
        # Whatever was on its way to a provider when the dispatcher ended: the provider may have it, or not.
        assert len(made) - len(accepts) == count("unconfirmed_at IS NOT NULL") - _unsaid(database, accepts)
        database.dispose()


def _unsaid(database, accepts: Counter[str]) -> int:
    """How many unconfirmed ones a provider has nevertheless."""
    with database.connect() as connection:
        ids = connection.execute(text("SELECT id FROM notifications WHERE unconfirmed_at IS NOT NULL")).scalars()
        return sum(str(one) in accepts for one in ids)


def _end_at(stack: Stack, point: Point, passes: int) -> None:
    """Starts the process of a point anew, to end there."""
    name = {"job-reader": "persister"}.get(point.split(".")[0], point.split(".")[0])
    if not stack.wait_ended(name, 0):
        stack.stop_program(name)
    stack.start_program(name, more={"OCTAVO_FAULTPOINT": f"{point}:{passes}"}, ready=False)


def _start(known: dict[str, str]) -> pb.Job:
    good = (f"07400{100_000 + row},Person {row},{row:05}\n" for row in range(ROWS - WRONG))
    data = ("phone number,name,code\n" + "".join(good) + "nobody,Ann,1\n" * WRONG).encode()
    metadata = [("authorization", f"Bearer {known['OCTAVO_API_KEY']}")]
    with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
        stub = JobServiceStub(channel)
        file = stub.UploadCsv(iter([pb.UploadCsvRequest(chunk=data)]), metadata=metadata, timeout=60).file
        request = pb.CreateJobRequest(template_id=known["OCTAVO_SMS_TEMPLATE_ID"], object_key=file.object_key)
        made: pb.Job = stub.CreateJob(request, metadata=metadata, timeout=200).job
        return made
