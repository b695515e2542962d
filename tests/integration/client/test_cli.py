"""The command line against a real server: what it sends, what it shows, and its exit status."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from deploy.local.instance import ROOT
from octavo.domain import errors
from octavo.domain.errors import Reason, Violation
from octavo.v1 import api_key_service_pb2, job_service_pb2, registry_service_pb2, template_service_pb2
from octavo.v1 import notification_service_pb2 as pb
from octavo_cli.app import app

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def octavo(server, tmp_path):
    """Runs the command line against the server."""

    def run(*words, stdin=None, **environment):
        known = {
            "HOME": str(tmp_path),
            "OCTAVO_ADDRESS": server.address,
            "OCTAVO_API_KEY": "the-key",
            "OCTAVO_ADMIN_KEY": "the-admin-key",
            "OCTAVO_CONFIG": None,
            "XDG_CONFIG_HOME": None,
            "OCTAVO_TLS": None,
            "COLUMNS": "200",
            **environment,
        }
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin, env=known, catch_exceptions=False)

    return run


@pytest.fixture
def sends(server):
    """The sends that were accepted."""
    accepted = []

    def sms(request, _):
        accepted.append(request)
        return pb.SendSmsResponse(id="n1", body="Hello [Ann]", parts=1, encoding="SMS_ENCODING_GSM7")

    def email(request, _):
        accepted.append(request)
        return pb.SendEmailResponse(id="n2", subject="Hi", body="Hello")

    server.methods |= {"SendSms": sms, "SendEmail": email}
    return accepted


def notification(status):
    return {"id": "n1", "type": "NOTIFICATION_TYPE_SMS", "status": status, "created_at": NOW, "body": "Hello"}


def settles(server, status):
    moved = pb.WatchNotificationsResponse(notification_id="n1", change={"status": status, "at": NOW}, resume_token="t1")
    server.methods["WatchNotifications"] = lambda _, __: iter([moved])
    server.methods["GetNotification"] = lambda _, __: pb.GetNotificationResponse(notification=notification(status))


def test_sends_a_text(octavo, server, sends):
    done = octavo(
        "send", "sms", "t", "07700900001", "-p", "name=Ann", "-i", "things=a", "-i", "things=b", "--reference", "r"
    )
    assert done.exit_code == 0, done.output
    assert "n1" in done.stdout
    assert "Hello [Ann]" in done.stdout
    assert (sends[0].template_id, sends[0].phone_number, sends[0].reference) == ("t", "07700900001", "r")
    assert dict(sends[0].personalisation) == {"name": "Ann"}
    assert list(sends[0].personalisation_lists["things"].values) == ["a", "b"]
    assert server.keys == ["Bearer the-key"]


def test_sends_an_email_later_with_personalisation_from_standard_input(octavo, sends):
    words = ("send", "email", "t", "ann@example.com", "--personalisation-file", "-", "--send-at", "2026-03-01T09:30")
    done = octavo(*words, "--json", stdin='{"name": "Ann"}')
    assert json.loads(done.stdout)["subject"] == "Hi"
    assert dict(sends[0].personalisation) == {"name": "Ann"}
    assert sends[0].send_at.ToDatetime(tzinfo=UTC) == NOW


@pytest.mark.parametrize(("status", "code"), [("DELIVERED", 0), ("SENT", 0), ("PERMANENT_FAILURE", 8)])
def test_waiting_tells_by_its_status_whether_it_arrived(octavo, server, sends, status, code):
    settles(server, f"NOTIFICATION_STATUS_{status}")
    done = octavo("send", "sms", "t", "07700900001", "--wait", "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["status"] == status.lower().replace("_", "-")
    assert octavo("watch", "n1").exit_code == code


def test_errors_name_the_fields(octavo, server, refuse):
    wrong = [
        Violation("phone_number", Reason.RECIPIENT_LETTERS, "has letters in it"),
        Violation("personalisation[name]", Reason.MISSING_PERSONALISATION, "is needed by the template"),
    ]
    server.methods["SendSms"] = lambda _, context: refuse(context, errors.Invalid(*wrong))
    done = octavo("send", "sms", "t", "0770090000x")
    assert done.exit_code == 3
    assert not done.stdout
    assert "error: this is not accepted" in done.stderr
    assert "phone_number: has letters in it (RECIPIENT_LETTERS)" in done.stderr
    assert "personalisation[name]: is needed by the template" in done.stderr
    as_json = json.loads(octavo("send", "sms", "t", "0770090000x", "--json").stderr)
    assert [field["field"] for field in as_json["error"]["fields"]] == ["phone_number", "personalisation[name]"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unauthenticated("no such key"), 4),
        (errors.Forbidden(Reason.FORBIDDEN, "not with this key"), 4),
        (errors.NotFound("notification"), 5),
        (
            errors.LimitExceeded(
                Reason.DAILY_LIMIT_EXCEEDED, "used up", subject="s", limit=1, retry_after=timedelta(hours=1)
            ),
            6,
        ),
        (errors.Unavailable("away", retry_after=timedelta(seconds=60)), 7),
    ],
)
def test_every_kind_of_error_has_an_exit_status(octavo, server, refuse, error, code):
    server.methods["GetNotification"] = lambda _, context: refuse(context, error)
    assert octavo("get", "n1").exit_code == code


def test_a_send_without_an_answer_says_how_to_repeat_it(octavo, server, refuse):
    asked = []

    def send(request, context):
        asked.append(request.request_id)
        refuse(context, errors.Unavailable("away", retry_after=timedelta(seconds=60)))

    server.methods["SendSms"] = send
    done = octavo("send", "sms", "t", "07700900001")
    assert done.exit_code == 7
    assert f"--request-id {asked[0]}" in done.stderr


def test_a_server_that_does_not_know_the_call_is_a_fault(octavo):
    assert octavo("get", "n1").exit_code == 1


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "Octavo does not answer at localhost:{port}: no connection can be made"),
        ({"OCTAVO_TLS": "true"}, "Octavo does not answer at localhost:{port} with TLS: no connection can be made"),
        ({"OCTAVO_ADDRESS": "nohost.invalid:1"}, "Octavo does not answer at nohost.invalid:1: there is no such host"),
    ],
)
def test_where_nobody_answers_is_told(octavo, server, environment, told):
    server.stop()
    done = octavo("get", "n1", **environment)
    assert done.exit_code == 7
    assert told.format(port=server.port) in done.stderr


def test_what_is_not_configured_is_told(octavo):
    done = octavo("get", "n1", OCTAVO_API_KEY=None)
    assert done.exit_code == 78
    assert "OCTAVO_API_KEY" in done.stderr
    assert json.loads(octavo("get", "n1", "--json", OCTAVO_ADDRESS=None).stderr)["error"]["reason"] == "CONFIGURATION"


@pytest.mark.parametrize("command", ["sms", "email"])
def test_a_key_can_not_be_given_on_the_command_line(octavo, command):
    assert octavo("send", command, "t", "x", "--api-key", "hush").exit_code == 2


def test_lists_as_many_as_asked_for(octavo, server):
    asked = []

    def listing(request, _):
        asked.append(request)
        items = [notification("NOTIFICATION_STATUS_TEMPORARY_FAILURE")] * request.page_size
        return pb.ListNotificationsResponse(notifications=items, next_page_token="more")

    server.methods["ListNotifications"] = listing
    done = octavo(
        "list", "--limit", 3, "--status", "temporary-failure", "--type", "sms", "--from", "2026-03-01", "--json"
    )
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["temporary-failure"] * 3
    assert len(asked) == 1
    assert asked[0].created_from.ToDatetime(tzinfo=UTC) == datetime(2026, 3, 1, tzinfo=UTC)
    assert "temporary-failure" in octavo("list", "--limit", 1).stdout


def test_ids_and_times_are_whole_however_narrow_the_terminal_is(octavo, server):
    found = notification("NOTIFICATION_STATUS_TEMPORARY_FAILURE") | {"id": "0198c0de-0000-7000-8000-000000000001"}
    found |= {"reference": "r" * 50, "status_reason": "because " * 20}
    server.methods["ListNotifications"] = lambda _, __: pb.ListNotificationsResponse(notifications=[found])
    shown = octavo("list", COLUMNS="40").stdout
    assert "0198c0de-0000-7000-8000-000000000001" in shown
    assert "2026-03-01 09:30:00" in shown
    assert "temporary-failure" in shown


def test_watching_a_service_ends_well_when_its_time_is_over(octavo, server, hang):
    def watch(_, context):
        change = {"status": "NOTIFICATION_STATUS_SENDING", "at": NOW}
        yield pb.WatchNotificationsResponse(notification_id="n1", change=change, resume_token="t1")
        hang(context)

    server.methods["WatchNotifications"] = watch
    done = octavo("watch", "--timeout", "1s", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["change"]["status"] == "sending"
    assert octavo("watch", "n1", "--timeout", "1s").exit_code == 7


def test_an_interrupted_stream_says_how_to_go_on(server, hang, tmp_path):
    def watch(_, context):
        yield pb.WatchNotificationsResponse(notification_id="n1", change={"at": NOW}, resume_token="t1")
        hang(context)

    server.methods["WatchNotifications"] = watch
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    environment |= {"OCTAVO_ADDRESS": server.address, "OCTAVO_API_KEY": "the-key"}
    # Where the tests themselves run in the background, interrupts are ignored, and so would be those of a child.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "octavo_cli", "watch"]
    with subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert "n1" in process.stdout.readline()
        assert process.stderr
        while process.poll() is None:
            # An interrupt that meets gRPC's own code is lost now and then: whoever waits presses the keys again.
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        remarks = process.stderr.read()
    assert process.returncode == 130
    assert "octavo watch --resume-token t1" in remarks
    assert "Traceback" not in remarks


def test_shows_one_message_with_its_history(octavo, server):
    found = notification("NOTIFICATION_STATUS_DELIVERED") | {
        "history": [
            {"status": "NOTIFICATION_STATUS_CREATED", "at": NOW},
            {"status": "NOTIFICATION_STATUS_DELIVERED", "at": NOW},
        ],
    }
    server.methods["GetNotification"] = lambda _, __: pb.GetNotificationResponse(notification=found)
    shown = octavo("get", "n1").stdout
    assert "created" in shown
    assert "delivered" in shown
    assert "2026-03-01 09:30:00" in shown


def test_cancels(octavo, server):
    server.methods["CancelNotification"] = lambda _, __: pb.CancelNotificationResponse(
        notification=notification("NOTIFICATION_STATUS_CANCELLED")
    )
    assert "cancelled" in octavo("cancel", "n1").stdout


def test_counts(octavo, server):
    line = pb.StatisticsLine(
        day="2026-03-01", type="NOTIFICATION_TYPE_SMS", status="NOTIFICATION_STATUS_SENT", count=1_234
    )
    server.methods["GetStatistics"] = lambda _, __: pb.GetStatisticsResponse(lines=[line])
    assert "1,234" in octavo("statistics", "--from", "2026-03-01").stdout
    assert json.loads(octavo("statistics", "--json").stdout)["count"] == 1_234


def test_templates_are_made_with_the_key_of_the_service_or_the_admin_key(octavo, server, tmp_path):
    asked = []

    def create(request, _):
        asked.append(request)
        return template_service_pb2.CreateTemplateResponse(template={"id": "t1", "body": request.body, "version": 1})

    server.methods["CreateTemplate"] = create
    text = tmp_path / "body.txt"
    text.write_text("Hello ((name))")
    assert "t1" in octavo("template", "create", "sms", "hello", "--body-file", text).stdout
    assert (
        json.loads(octavo("template", "create", "sms", "x", "--body", "y", "--service", "s", "--json").stdout)["id"]
        == "t1"
    )
    assert [request.service_id for request in asked] == ["", "s"]
    assert asked[0].body == "Hello ((name))"
    assert server.keys == ["Bearer the-key", "Bearer the-admin-key"]
    assert octavo("template", "create", "sms", "hello").exit_code == 2
    assert octavo("template", "update", "t1").exit_code == 2


def test_the_secret_of_a_new_key_is_shown_once(octavo, server):
    key = {"id": "k1", "name": "mine", "type": "KEY_TYPE_TEST", "created_at": NOW}
    server.methods["CreateApiKey"] = lambda _, __: api_key_service_pb2.CreateApiKeyResponse(api_key=key, secret="hush")
    server.methods["ListApiKeys"] = lambda _, __: api_key_service_pb2.ListApiKeysResponse(api_keys=[key])
    server.methods["RevokeApiKey"] = lambda _, __: api_key_service_pb2.RevokeApiKeyResponse(api_key=key)
    assert "hush" in octavo("key", "create", "s", "mine", "--type", "test").stdout
    assert json.loads(octavo("key", "create", "s", "mine", "--type", "test", "--json").stdout)["secret"] == "hush"
    assert "k1" in octavo("key", "list", "s").stdout
    assert octavo("key", "revoke", "s", "k1").exit_code == 0


def test_services_are_changed_by_what_is_given(octavo, server):
    asked = []

    def update(request, _):
        asked.append(request)
        return registry_service_pb2.UpdateServiceResponse(service={"id": "s", "name": "Parking", "created_at": NOW})

    server.methods["UpdateService"] = update
    done = octavo(
        "service", "update", "s", "--active", "--sms-daily-limit", 0, "--reply-to", "", "--unconfirmed", "resend"
    )
    assert done.exit_code == 0, done.output
    assert sorted(asked[0].update_mask.paths) == [
        "reply_to_addresses",
        "sms_daily_limit",
        "suspended",
        "unconfirmed_policy",
    ]
    assert octavo("service", "update", "s").exit_code == 2


def test_guests(octavo, server):
    server.methods["AddGuests"] = lambda request, _: registry_service_pb2.AddGuestsResponse(
        guests=[{"recipient": recipient, "created_at": NOW} for recipient in request.recipients]
    )
    server.methods["RemoveGuests"] = lambda request, _: registry_service_pb2.RemoveGuestsResponse(
        removed=len(request.recipients)
    )
    assert "ann@example.com" in octavo("guest", "add", "s", "ann@example.com", "07700900001").stdout
    assert json.loads(octavo("guest", "remove", "s", "ann@example.com", "--json").stdout) == {"removed": 1}


def test_unconfirmed_sends(octavo, server):
    asked = []

    def answer(request, _):
        asked.append(request.service_id)
        send = {"notification_id": "n", "type": "NOTIFICATION_TYPE_SMS", "provider": "mmg", "reason": "timeout"}
        times = {"unconfirmed_at": NOW, "decided_at": NOW}
        return registry_service_pb2.ListUnconfirmedSendsResponse(sends=[{**send, **times}])

    server.methods["ListUnconfirmedSends"] = answer
    assert "timeout" in octavo("service", "unconfirmed").stdout
    assert json.loads(octavo("service", "unconfirmed", "s", "--json").stdout)["provider"] == "mmg"
    assert asked == ["", "s"]


def job(status="FINISHED", delivered=2, **fields):
    counts = [{"status": "NOTIFICATION_STATUS_DELIVERED", "count": delivered}]
    return {
        "id": "j1",
        "status": f"JOB_STATUS_{status}",
        "total_rows": 2,
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


def test_a_file_is_sent_and_followed_until_its_last_receipt(octavo, jobs, people):
    done = octavo("job", "send", people, "--template", "t", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "finished"
    assert (jobs.asked[0].template_id, jobs.asked[0].object_key, jobs.asked[0].file_name) == ("t", "s/1", "people.csv")


def test_a_job_whose_rows_did_not_all_arrive_says_so_by_its_status(octavo, jobs, people):
    problem = {"row": 2, "column": "name", "reason": "MISSING_PERSONALISATION", "description": "is empty"}
    jobs.state = job(delivered=1, refused_rows=1, problems=[problem])
    assert octavo("job", "send", people, "--template", "t").exit_code == 8
    assert octavo("job", "watch", "j1", "--json").exit_code == 8
    checked = octavo("job", "check", people, "--template", "t")
    assert checked.exit_code == 3
    assert "is empty" in checked.stdout
    assert jobs.asked[-1].validate_only


def test_a_job_for_later_is_not_waited_for(octavo, server, jobs, people):
    del server.methods["WatchJob"]
    done = octavo("job", "send", people, "--template", "t", "--send-at", "2026-03-01T09:30")
    assert done.exit_code == 0, done.output
    assert "j1" in done.stdout


def test_a_file_that_is_not_there_is_a_wrong_command(octavo, server, tmp_path):
    assert octavo("job", "send", tmp_path / "none.csv", "--template", "t").exit_code == 2
    assert not server.keys


def test_jobs_are_listed_shown_and_cancelled(octavo, server, jobs):
    server.methods["ListJobs"] = lambda _, __: job_service_pb2.ListJobsResponse(jobs=[job()])
    server.methods["CancelJob"] = lambda _, __: job_service_pb2.CancelJobResponse(job=job("CANCELLED"))
    assert "2 of 2" in octavo("job", "list").stdout
    assert "people.csv" in octavo("job", "get", "j1").stdout
    assert "cancelled" in octavo("job", "cancel", "j1").stdout


def test_what_is_known_before_and_after_the_wait_stands_in_one_column(octavo, server, sends):
    settles(server, "NOTIFICATION_STATUS_DELIVERED")
    lines = octavo("send", "sms", "t", "07700900001", "--wait").stdout.splitlines()
    assert {line.index(value) for line, value in zip(lines, ("n1", "1 (", "delivered"), strict=False)} == {9}


def test_a_report_is_csv_or_json(octavo, server, tmp_path):
    chunks = [b"\xef\xbb\xbfrow,recipient,sta", b"tus\r\n1,'+447700900001,delivered\r\n"]
    server.methods["DownloadReport"] = lambda _, __: (job_service_pb2.DownloadReportResponse(chunk=c) for c in chunks)
    path = tmp_path / "report.csv"
    assert octavo("job", "report", "j1", "-o", path).exit_code == 0
    assert path.read_bytes() == b"".join(chunks)
    assert octavo("job", "report", "j1").stdout_bytes == b"".join(chunks)
    # The apostrophe is for spreadsheets alone.
    as_json = json.loads(octavo("job", "report", "j1", "--json").stdout)
    assert as_json == {"row": "1", "recipient": "+447700900001", "status": "delivered"}


def test_a_report_that_can_not_be_written_is_told(octavo, server, tmp_path):
    server.methods["DownloadReport"] = lambda _, __: iter([job_service_pb2.DownloadReportResponse(chunk=b"row\r\n")])
    done = octavo("job", "report", "j1", "-o", tmp_path / "none" / "report.csv")
    assert done.exit_code == 1
    assert "none" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "get",
        "list",
        "watch",
        "cancel",
        "statistics",
        "send sms",
        "send email",
        *(f"job {name}" for name in ("send", "check", "get", "list", "watch", "cancel", "report")),
        *(f"template {name}" for name in ("create", "get", "update", "list", "versions", "archive", "preview")),
        *(f"service {name}" for name in ("create", "get", "update", "list")),
        *(f"guest {name}" for name in ("add", "remove", "list")),
        *(f"key {name}" for name in ("create", "list", "revoke")),
    ],
)
def test_every_command_answers_in_json_when_asked(octavo, command):
    done = octavo(*command.split(), "--help")
    assert done.exit_code == 0
    assert "--json" in done.stdout
