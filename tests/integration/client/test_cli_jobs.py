"""The command line for CSV jobs, against a real server."""

import json
from datetime import timedelta

import pytest

from octavo.domain import errors
from octavo.domain.errors import Reason
from octavo.v1 import job_service_pb2


def job(status="FINISHED", delivered=2, **fields):
    counts = [{"status": "NOTIFICATION_STATUS_DELIVERED", "count": delivered}]
    return {
        "id": "j1",
        "status": f"JOB_STATUS_{status}",
        "total_rows": 2,
        "sent_rows": delivered,
        "counts": counts,
        "file_name": "people.csv",
    } | fields


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("phone number,name\n07700900001,Ann\n07700900002,Bob\n")
    return path


@pytest.fixture
def jobs(server):
    """The jobs that were created; `state` is what they come to."""

    class Jobs:
        asked: list[job_service_pb2.CreateJobRequest] = []  # noqa: RUF012 - one for each test.
        state = job()

        def create(self, request, _):
            self.asked.append(request)
            return job_service_pb2.CreateJobResponse(job=self.state if request.validate_only else job("READY", 0))

    made = Jobs()
    made.asked = []
    server.methods |= {
        "UploadCsv": lambda requests, _: job_service_pb2.UploadCsvResponse(
            file={"object_key": "s/1", "size_bytes": sum(len(request.chunk) for request in requests)}
        ),
        "CreateJob": made.create,
        "WatchJob": lambda _, __: iter([job_service_pb2.WatchJobResponse(job=made.state)]),
        "GetJob": lambda _, __: job_service_pb2.GetJobResponse(job=made.state),
    }
    return made


def test_a_file_is_sent_and_followed_until_its_last_receipt(cli, jobs, people):
    done = cli("job", "send", people, "--template", "t", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "finished"
    assert (jobs.asked[0].template_id, jobs.asked[0].object_key, jobs.asked[0].file_name) == ("t", "s/1", "people.csv")


def test_a_job_is_followed_in_a_log_too(cli, server, jobs, people):
    states = [job("READING", 0), job("READING", 1), job("SENDING", 1), job()]
    server.methods["WatchJob"] = lambda _, __: (job_service_pb2.WatchJobResponse(job=state) for state in states)
    told = cli("job", "send", people, "--template", "t").stderr.splitlines()
    # The first says what was created.
    assert told[1:] == ["reading: 2 not read", "sending: 1 delivered, 1 not read", "finished: 2 delivered"]
    assert cli("job", "send", people, "--template", "t", "--json").stderr == ""


def test_a_job_whose_rows_did_not_all_arrive_says_so_by_its_status(cli, jobs, people):
    problem = {"row": 2, "column": "name", "reason": "MISSING_PERSONALISATION", "description": "is empty"}
    jobs.state = job(delivered=1, refused_rows=1, problems=[problem])
    assert cli("job", "send", people, "--template", "t").exit_code == 8
    assert cli("job", "watch", "j1", "--json").exit_code == 8
    checked = cli("job", "check", people, "--template", "t")
    assert checked.exit_code == 3
    assert "is empty" in checked.stdout
    assert jobs.asked[-1].validate_only


def test_a_job_for_later_is_not_waited_for(cli, server, jobs, people):
    del server.methods["WatchJob"]
    done = cli("job", "send", people, "--template", "t", "--send-at", "2026-03-01T09:30")
    assert done.exit_code == 0, done.output
    assert "j1" in done.stdout


@pytest.mark.parametrize(
    ("error", "advised"),
    [
        (
            errors.LimitExceeded(
                Reason.DAILY_LIMIT_EXCEEDED, "used up", subject="s", limit=1, retry_after=timedelta(hours=12)
            ),
            "no row is sent",
        ),
        (errors.Unavailable("away", retry_after=timedelta(seconds=60)), "look whether `octavo job list` has it"),
    ],
)
def test_a_job_that_is_not_created_says_how_to_go_on(cli, server, jobs, people, refuse, error, advised):
    server.methods["CreateJob"] = lambda _, context: refuse(context, error)
    told = cli("job", "send", people, "--template", "t").stderr
    hints = ("no row is sent", "look whether `octavo job list` has it")
    assert [hint for hint in hints if hint in told] == [advised]


def test_a_file_that_is_not_there_is_a_wrong_command(cli, server, tmp_path):
    assert cli("job", "send", tmp_path / "none.csv", "--template", "t").exit_code == 2
    assert not server.keys


def test_jobs_are_listed_shown_and_cancelled(cli, server, jobs):
    server.methods["ListJobs"] = lambda _, __: job_service_pb2.ListJobsResponse(jobs=[job()])
    server.methods["CancelJob"] = lambda _, __: job_service_pb2.CancelJobResponse(job=job("CANCELLED"))
    assert "2 of 2" in cli("job", "list").stdout
    assert "people.csv" in cli("job", "get", "j1").stdout
    assert "cancelled" in cli("job", "cancel", "j1").stdout


def test_rows_of_a_cancelled_job_that_were_never_read_are_counted(cli, jobs):
    jobs.state = job("CANCELLED", delivered=1_000, total_rows=5_000, refused_rows=500)
    facts = dict(
        line.split(maxsplit=1) for line in cli("job", "get", "j1").stdout.replace("not read", "unread").splitlines()
    )
    assert (facts["delivered"], facts["refused"], facts["unread"]) == ("1,000", "500", "3,500")
    # A turn that the cancelling cut short has been handed over, though the job does not say so.
    jobs.state = job("CANCELLED", delivered=1, sent_rows=0)
    assert "not read   1\n" in cli("job", "get", "j1").stdout
    jobs.state = job()
    assert "not read" not in cli("job", "get", "j1").stdout


def test_a_report_is_csv_or_json(cli, server, tmp_path):
    chunks = [b"\xef\xbb\xbfrow,recipient,sta", b"tus\r\n1,'+447700900001,delivered\r\n"]
    server.methods["DownloadReport"] = lambda _, __: (job_service_pb2.DownloadReportResponse(chunk=c) for c in chunks)
    path = tmp_path / "report.csv"
    assert cli("job", "report", "j1", "-o", path).exit_code == 0
    assert path.read_bytes() == b"".join(chunks)
    assert cli("job", "report", "j1").stdout_bytes == b"".join(chunks)
    # The apostrophe is for spreadsheets alone.
    as_json = json.loads(cli("job", "report", "j1", "--json").stdout)
    assert as_json == {"row": "1", "recipient": "+447700900001", "status": "delivered"}


def test_a_report_that_can_not_be_written_is_told(cli, server, tmp_path):
    server.methods["DownloadReport"] = lambda _, __: iter([job_service_pb2.DownloadReportResponse(chunk=b"row\r\n")])
    done = cli("job", "report", "j1", "-o", tmp_path / "none" / "report.csv")
    assert done.exit_code == 1
    assert "none" in done.stderr
