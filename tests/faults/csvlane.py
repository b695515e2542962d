"""`kill -9` in the middle of CSV jobs: each row is a notification, or refused with a reason."""

from collections.abc import Sequence
from uuid import UUID

import grpc

from octavo.domain.ids import row_id
from octavo.faultpoint import Point
from octavo.v1 import job_service_pb2 as pb
from octavo.v1.job_service_pb2_grpc import JobServiceStub
from tests.faults.case import Case, Fault
from tests.faults.evidence import Job
from tests.faults.system import service_of, wait_for

ROWS, WRONG = 1_600, 30
READ_SECONDS = 100.0
POINTS = (Point.JOB_READER_IN_THE_MIDDLE, Point.PERSISTER_AFTER_COMMIT, Point.DISPATCHER_AFTER_ACCEPT)


def killed(case: Case) -> Sequence[str]:
    """One job for each death: of who reads it, of who persists its rows, of who sends them."""
    problems = []
    # Text messages of both lanes, and emails of one.
    case.topics = 3
    for point in POINTS:
        # Armed first, so that it dies of the job's rows.
        case.system.arm(point, case.random.randint(1, 3))
        job = _start(case)
        if case.system.stack.wait_ended(service_of(point), READ_SECONDS):
            case.runs += 1
            case.system.kills[service_of(point)] += 1
            case.crashes += point is Point.DISPATCHER_AFTER_ACCEPT
        else:
            problems.append(f"nobody came by {point}")
            case.system.stop(service_of(point))
        case.system.note_offsets()
        case.system.revive(service_of(point))
        if not wait_for(lambda job=job: _read(case, job), READ_SECONDS):  # type: ignore[misc]
            problems.append(f"job {job.id} was not read to its end")
    return problems


def _start(case: Case) -> pb.Job:
    """Uploads a file and begins its job; its rows are written down as asked for and acknowledged."""
    account = case.system.account
    good = (f"07400{100_000 + row},Person {row},{row:05}\n" for row in range(ROWS - WRONG))
    data = ("phone number,name,code\n" + "".join(good) + "nobody,Ann,1\n" * WRONG).encode()
    metadata = [("authorization", f"Bearer {account.api_key}")]
    with grpc.insecure_channel(account.address) as channel:
        stub = JobServiceStub(channel)
        file = stub.UploadCsv(iter([pb.UploadCsvRequest(chunk=data)]), metadata=metadata, timeout=60).file
        request = pb.CreateJobRequest(template_id=account.sms_template_id, object_key=file.object_key)
        job: pb.Job = stub.CreateJob(request, metadata=metadata, timeout=100).job
    for row in range(1, ROWS - WRONG + 1):
        notification_id = row_id(UUID(job.id), row)
        case.load.note_attempt(notification_id, notification_id, "delivered")
        case.load.note_acknowledgement(notification_id, str(notification_id))
    case.jobs.append(Job(job.id, ROWS, job.refused_rows))
    return job


def _read(case: Case, job: pb.Job) -> bool:
    found = case.system.database.ask("SELECT status FROM jobs WHERE id = %(id)s", id=UUID(job.id))
    return bool(found[0]["status"] == "read")


FAULTS: dict[str, Fault] = {"kill in the middle of CSV jobs": killed}
"""By name."""
