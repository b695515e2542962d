"""The CSV lane: a file of a thousand rows, some of them wrong, uploaded, checked, sent row by row, and reported."""

import csv
import io
from collections.abc import Iterator

import grpc

from deploy.local.demo.account import Account
from octavo.v1.job_service_pb2 import (
    JOB_STATUS_CANCELLED,
    JOB_STATUS_FINISHED,
    JOB_STATUS_STOPPED,
    CreateJobRequest,
    DownloadReportRequest,
    Job,
    UploadCsvRequest,
    WatchJobRequest,
)
from octavo.v1.job_service_pb2_grpc import JobServiceStub

ROWS = 1_000
CHUNK = 64 * 1024
# Row by row, what is wrong with it.
WRONG = {
    17: ("not-a-number", "Ann", "12345"),
    170: ("09098790000", "Ann", "12345"),
    400: ("07700900111", "Ann", ""),
    401: ("", "Ann", "12345"),
    999: ("07700900111", "", ""),
}


def people() -> bytes:
    """The file."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["Phone Number", "Name", "Code"])
    for row in range(1, ROWS + 1):
        rows.writerow(WRONG.get(row, (f"07400{100_000 + row}", f"Person {row}", f"{row:05}")))
    return out.getvalue().encode()


def start(channel: grpc.Channel, account: Account) -> Job:
    """Uploads the file and starts its job, for those rows that are right."""
    stub, data = JobServiceStub(channel), people()

    def chunks() -> Iterator[UploadCsvRequest]:
        for begin in range(0, len(data), CHUNK):
            yield UploadCsvRequest(chunk=data[begin : begin + CHUNK])

    file = stub.UploadCsv(chunks(), metadata=account.metadata, timeout=30).file
    request = CreateJobRequest(
        template_id=account.sms_template_id, object_key=file.object_key, etag=file.etag, file_name="people.csv"
    )
    job: Job = stub.CreateJob(request, metadata=account.metadata, timeout=60).job
    return job


def follow(channel: grpc.Channel, account: Account, job_id: str, seconds: float) -> Job:
    """The job when its last message is settled, or as it stands after so many seconds."""
    stub, last = JobServiceStub(channel), Job()
    try:
        for state in stub.WatchJob(WatchJobRequest(id=job_id), metadata=account.metadata, timeout=seconds):
            last = state.job
            if last.status in {JOB_STATUS_FINISHED, JOB_STATUS_CANCELLED, JOB_STATUS_STOPPED}:
                break
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise
    return last


def report_rows(channel: grpc.Channel, account: Account, job_id: str) -> int:
    """How many rows the report has."""
    stub = JobServiceStub(channel)
    answers = stub.DownloadReport(DownloadReportRequest(id=job_id), metadata=account.metadata, timeout=60)
    text = b"".join(answer.chunk for answer in answers).decode("utf-8-sig")
    return sum(1 for _ in csv.reader(io.StringIO(text))) - 1
