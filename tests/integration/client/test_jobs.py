"""CSV jobs over the wire: files go up in chunks, reports come down whole, states follow until the last receipt."""

import os

import pytest

import octavo_client
from octavo.domain import errors
from octavo.domain.errors import Reason
from octavo.v1 import job_service_pb2 as pb
from octavo_client import JobStatus


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(b"phone number,name\n" + b"07700900001,Ann\n" * 50_000)
    return path


@pytest.fixture
def store(server):
    """The files that were stored."""
    stored = []

    def upload(requests, _):
        stored.append(b"".join(request.chunk for request in requests))
        return pb.UploadCsvResponse(file={"object_key": "s/1", "etag": "e", "size_bytes": len(stored[-1])})

    server.methods["UploadCsv"] = upload
    return stored


def test_a_file_is_stored_and_sent(server, octavo, store, people):
    asked = []

    def create(request, _):
        asked.append(request)
        return pb.CreateJobResponse(job={"id": "j", "status": "JOB_STATUS_READY", "total_rows": 50_000})

    server.methods["CreateJob"] = create
    told: list[int] = []
    job = octavo.jobs.send(people, "template", on_uploaded=told.append)
    assert store == [people.read_bytes()]
    assert (job.id, job.status, job.total_rows) == ("j", JobStatus.READY, 50_000)
    assert (asked[0].object_key, asked[0].etag, asked[0].file_name) == ("s/1", "e", "people.csv")
    assert asked[0].request_id
    assert told == sorted(told)


def test_an_upload_that_breaks_begins_again(server, octavo, store, people, refuse):
    upload = server.methods["UploadCsv"]
    broken: list[object] = []

    def break_once(requests, context):
        if not broken:
            broken.append(next(requests))
            refuse(context, errors.Unavailable("the store is away", reason=Reason.STORE_UNAVAILABLE))
        return upload(requests, context)

    server.methods["UploadCsv"] = break_once
    assert octavo.jobs.upload(people).size_bytes == people.stat().st_size
    assert store == [people.read_bytes()]


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(octavo, server, tmp_path):
    with pytest.raises(FileNotFoundError):
        octavo.jobs.send(tmp_path / "none.csv", "template")
    assert not server.keys


def test_checking_starts_nothing(server, octavo):
    asked = []

    def create(request, _):
        asked.append(request)
        problem = {"row": 3, "column": "name", "reason": "MISSING_PERSONALISATION", "description": "is empty"}
        return pb.CreateJobResponse(job={"total_rows": 5, "refused_rows": 1, "problems": [problem]})

    server.methods["CreateJob"] = create
    job = octavo.jobs.check("template", octavo_client.CsvFile("s/1", "e", 9))
    assert asked[0].validate_only
    assert job.problems == (octavo_client.RowProblem(3, "name", "MISSING_PERSONALISATION", "is empty"),)


def test_a_job_is_followed_until_its_last_receipt(server, octavo, refuse):
    asked = []

    def watch(_, context):
        asked.append(1)
        counts = [{"status": "NOTIFICATION_STATUS_DELIVERED", "count": 4}]
        if len(asked) == 1:
            yield pb.WatchJobResponse(job={"id": "j", "status": "JOB_STATUS_READING"})
            refuse(context, errors.Unavailable("stopping", reason=Reason.SHUTTING_DOWN))
        yield pb.WatchJobResponse(job={"id": "j", "status": "JOB_STATUS_SENDING", "refused_rows": 1, "counts": counts})
        yield pb.WatchJobResponse(job={"id": "j", "status": "JOB_STATUS_FINISHED"})

    server.methods["WatchJob"] = watch
    states = list(octavo.jobs.watch("j"))
    assert [state.status for state in states] == ["reading", "sending", "finished"]
    assert states[1].settled_rows == 5


def test_jobs_are_listed_and_cancelled(server, octavo):
    server.methods["ListJobs"] = lambda _, __: pb.ListJobsResponse(jobs=[{"id": "b"}, {"id": "a"}])
    server.methods["CancelJob"] = lambda request, _: pb.CancelJobResponse(
        job={"id": request.id, "status": "JOB_STATUS_CANCELLED"}
    )
    assert [job.id for job in octavo.jobs.list()] == ["b", "a"]
    assert octavo.jobs.cancel("a").status is JobStatus.CANCELLED


def test_a_report_is_saved_whole_or_not_at_all(server, octavo, tmp_path, refuse):
    asked = []

    def download(_, context):
        asked.append(1)
        yield pb.DownloadReportResponse(chunk=b"row,recipient\r\n")
        if len(asked) != 2:
            refuse(context, errors.Unavailable("away") if len(asked) == 1 else errors.NotFound("no such job"))
        yield pb.DownloadReportResponse(chunk=b"1,+447700900001\r\n")

    server.methods["DownloadReport"] = download
    path = tmp_path / "report.csv"
    octavo.jobs.save_report("j", path)
    assert path.read_bytes() == b"row,recipient\r\n1,+447700900001\r\n"
    with pytest.raises(octavo_client.NotFound):
        octavo.jobs.save_report("j", path)
    assert os.listdir(tmp_path) == ["report.csv"]  # noqa: PTH208
    assert path.read_bytes() == b"row,recipient\r\n1,+447700900001\r\n"
