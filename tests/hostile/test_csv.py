"""CSV files that nobody would wish for: sent where they can be read, else refused with row and column. The api stays up."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import grpc
import pytest

from octavo.v1 import job_service_pb2 as pb
from tests.integration.api.wire import refused
from tests.integration.jobs.served import job_bucket, job_database, job_stack, new_team, team
from tests.waiting import until

__all__ = ["job_bucket", "job_database", "job_stack", "new_team", "team"]

GOOD = "phone number,name,code\n07700900001,Zoë,1\n07700900002,Ann,2\n"


def problems(job: pb.Job) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.reason) for one in job.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_of_all_programs_are_read(team, encoding, newline, delimiter):
    data = GOOD.replace("\n", newline).replace(",", delimiter).encode(encoding)
    job = team.create(data, validate_only=True)
    assert (job.total_rows, job.refused_rows) == (2, 0)


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        (b"\n\n", "file", "FILE_EMPTY"),
        (b"phone number,name,code\n", "file", "FILE_EMPTY"),
        (b"phone number,name,code\n,,\n\n , \n"[:-5], "file", "FILE_EMPTY"),
        (b"phone number,name,Name,code\n1,2,3,4\n", "column[name]", "DUPLICATE_COLUMN"),
        (b"phone number,phone_number,name,code\n1,2,3,4\n", "column[phone number]", "DUPLICATE_COLUMN"),
        (b"name,code\n1,2\n", "column[phone number]", "MISSING_COLUMN"),
        (b'phone number,name,code\n1,"Ann,2\n3,Eve,4\n', "row[1].column[name]", "FILE_UNREADABLE"),
        (b'phone number,name,code\n1,"Ann"a,2\n', "row[1].column[name]", "FILE_UNREADABLE"),
        (GOOD.encode() + b"07700900003," + b"x" * 10_000_000 + b",3\n", "row[3].column[name]", "FILE_UNREADABLE"),
        (b"x" * 10_000_000, "column[1]", "FILE_UNREADABLE"),
        (b"phone number,name,code\n" + b"," * 3_000_000, "file", "FILE_UNREADABLE"),
        (GOOD.encode("utf-16") + b"\x00", "row[3]", "FILE_UNREADABLE"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100, "column[phone number]", "MISSING_COLUMN"),
        (b"phone number,name,code\n" + b"07700900001,A,1\n" * 100_001, "file", "TOO_MANY_ROWS"),
        (b"phone number,name,code\n07700900001,A,1\n" + b"\n" * 1_100_000, "file", "TOO_MANY_ROWS"),
    ],
)
def test_what_can_not_be_read_is_refused_with_row_and_column(team, data, field, reason):
    file = team.upload(data)
    answer = refused(lambda: team.create(file))
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.fields.get(field) == reason, answer
    assert "Traceback" not in answer.message
    assert team.used() == 0
    assert not team.call("ListJobs", pb.ListJobsRequest()).jobs


def test_an_empty_upload_is_refused(team):
    answer = refused(lambda: team.upload(b""))
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "FILE_EMPTY")


def test_ragged_rows_are_refused_alone(team):
    data = GOOD.encode() + b"07700900003,Ann\n07700900004,Eve,4,5\n07700900005,Eve,5,,,\n"
    job = team.create(data, validate_only=True)
    assert problems(job) == [(3, "code", "MISSING_PERSONALISATION"), (4, "", "RAGGED_ROW")]


def test_bytes_that_no_encoding_knows_spoil_their_row_alone(team):
    data = (
        "phone number,name,code\n07700900001,Zoë,1\n".encode("cp1252") + b"07700900002,\x81\x8d,2\n07700900003,\0,3\n"
    )
    job = team.create(data, validate_only=True)
    assert problems(job) == [(2, "name", "INVALID_TEXT"), (3, "name", "INVALID_TEXT")]


def test_a_long_cell_is_refused_alone(team):
    job = team.create(GOOD.encode() + b"07700900003," + b"x" * 120_000 + b",3\n", validate_only=True)
    assert problems(job) == [(3, "name", "CELL_TOO_LONG")]


def test_a_hundred_thousand_bad_rows_are_all_kept_and_the_answer_stays_small(team, job_database):
    job = team.create(b"phone number,name,code\n" + b"nobody,,\n" * 100_000)
    assert (job.total_rows, job.refused_rows, len(job.problems)) == (100_000, 100_000, 1_000)
    assert job.ByteSize() < 1_000_000
    kept = job_database("SELECT count(*) AS n FROM job_problems WHERE job_id = :id", id=UUID(job.id))
    assert kept[0].n == 100_000
    assert until(lambda: (now := team.get(job)).status == pb.JOB_STATUS_FINISHED and now).sent_rows == 0
    report = team.report(job)
    assert report.count(b"\n") == 100_001


def test_a_file_that_is_too_large_is_refused_while_it_comes(team):
    sent = 0

    def pieces():
        nonlocal sent
        while sent < 200:
            sent += 1
            yield b"x" * 1_000_000

    answer = refused(lambda: team.upload_pieces(pieces()))
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "FILE_TOO_LARGE")


def test_an_upload_that_breaks_off_leaves_nothing(team, job_bucket):
    def pieces():
        for _ in range(20):
            yield pb.UploadCsvRequest(chunk=b"x" * 1_000_000)
        time.sleep(30)

    call = team.stub.UploadCsv.future(pieces(), metadata=team.metadata, timeout=3)
    with pytest.raises(grpc.RpcError):
        call.result()
    client = job_bucket.meta.client
    until(lambda: not client.list_multipart_uploads(Bucket=job_bucket.name).get("Uploads"))
    # gRPC ends the stream for both, a client that is done and one that goes: what is whole by then goes, too.
    until(lambda: not list(job_bucket.objects.filter(Prefix=f"{team.id}/")))


def test_a_file_that_is_replaced_between_checking_and_reading_stops_its_job(team, job_stack, job_bucket, job_database):
    data = b"phone number,name,code\n" + b"07700900001,Ann,1\n" * 3
    file = team.upload(data)
    job_stack.pause("persister")
    try:
        job = team.create(file)
        job_bucket.put_object(Key=file.object_key, Body=data.replace(b"Ann", b"Eve"))
    finally:
        job_stack.resume("persister")
    stopped = until(lambda: (now := team.get(job)).status == pb.JOB_STATUS_STOPPED and now)
    assert (stopped.error, stopped.sent_rows) == ("FILE_CHANGED", 0)
    job_bucket.put_object(Key=file.object_key, Body=data)
    job_database("UPDATE jobs SET next_try_at = now() WHERE id = :id", id=UUID(job.id))
    assert until(lambda: (now := team.get(job)).status == pb.JOB_STATUS_SENDING and now).sent_rows == 3


def test_other_calls_are_answered_while_files_are_checked(team):
    data = b"phone number,name,code\n" + b"".join(b"0770090%04d,Ann,1\n" % (row % 1000) for row in range(100_000))
    file = team.upload(data)
    with ThreadPoolExecutor(1) as threads:
        checking = threads.submit(lambda: team.create(file, validate_only=True))
        waits = []
        while not checking.done():
            began = time.monotonic()
            team.call("ListJobs", pb.ListJobsRequest())
            waits.append(time.monotonic() - began)
            time.sleep(0.02)
        assert checking.result().total_rows == 100_000
    assert sorted(waits)[len(waits) // 2] < 0.5
