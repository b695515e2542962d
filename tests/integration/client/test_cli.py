"""The command line against a real server: what it sends, what it shows, and its exit status."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from deploy.local.instance import ROOT
from octavo.domain import errors
from octavo.domain.errors import Reason, Violation
from octavo.v1 import notification_service_pb2 as pb
from tests.certificates import Authority

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


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


def test_sends_a_text(cli, server, sends):
    done = cli(
        "send", "sms", "t", "07700900001", "-p", "name=Ann", "-i", "things=a", "-i", "things=b", "--reference", "r"
    )
    assert done.exit_code == 0, done.output
    assert "n1" in done.stdout
    assert "Hello [Ann]" in done.stdout
    assert (sends[0].template_id, sends[0].phone_number, sends[0].reference) == ("t", "07700900001", "r")
    assert dict(sends[0].personalisation) == {"name": "Ann"}
    assert list(sends[0].personalisation_lists["things"].values) == ["a", "b"]
    assert server.keys == ["Bearer the-key"]


def test_sends_an_email_later_with_personalisation_from_standard_input(cli, sends):
    words = ("send", "email", "t", "ann@example.com", "--personalisation-file", "-", "--send-at", "2026-03-01T09:30")
    done = cli(*words, "--json", stdin='{"name": "Ann"}')
    assert json.loads(done.stdout)["subject"] == "Hi"
    assert dict(sends[0].personalisation) == {"name": "Ann"}
    assert sends[0].send_at.ToDatetime(tzinfo=UTC) == NOW


@pytest.mark.parametrize(("status", "code"), [("DELIVERED", 0), ("SENT", 0), ("PERMANENT_FAILURE", 8)])
def test_waiting_tells_by_its_status_whether_it_arrived(cli, server, sends, status, code):
    settles(server, f"NOTIFICATION_STATUS_{status}")
    done = cli("send", "sms", "t", "07700900001", "--wait", "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["status"] == status.lower().replace("_", "-")
    assert cli("watch", "n1").exit_code == code


def test_errors_name_the_fields(cli, server, refuse):
    wrong = [
        Violation("phone_number", Reason.RECIPIENT_LETTERS, "has letters in it"),
        Violation("personalisation[name]", Reason.MISSING_PERSONALISATION, "is needed by the template"),
    ]
    server.methods["SendSms"] = lambda _, context: refuse(context, errors.Invalid(*wrong))
    done = cli("send", "sms", "t", "0770090000x")
    assert done.exit_code == 3
    assert not done.stdout
    assert "error: this is not accepted" in done.stderr
    assert "phone_number: has letters in it (RECIPIENT_LETTERS)" in done.stderr
    assert "personalisation[name]: is needed by the template" in done.stderr
    as_json = json.loads(cli("send", "sms", "t", "0770090000x", "--json").stderr)
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
def test_every_kind_of_error_has_an_exit_status(cli, server, refuse, error, code):
    server.methods["GetNotification"] = lambda _, context: refuse(context, error)
    assert cli("get", "n1").exit_code == code


def test_how_long_to_wait_is_told_to_people_in_hours_and_to_programs_in_seconds(cli, server, refuse):
    error = errors.LimitExceeded(
        Reason.DAILY_LIMIT_EXCEEDED, "used up", subject="s", limit=1, retry_after=timedelta(seconds=43_200)
    )
    server.methods["GetNotification"] = lambda _, context: refuse(context, error)
    assert "it can work again in 12 h\n" in cli("get", "n1").stderr
    assert json.loads(cli("get", "n1", "--json").stderr)["error"]["retry_after_seconds"] == 43_200


def test_a_send_without_an_answer_says_how_to_repeat_it(cli, server, refuse):
    asked = []

    def send(request, context):
        asked.append(request.request_id)
        refuse(context, errors.Unavailable("away", retry_after=timedelta(seconds=60)))

    server.methods["SendSms"] = send
    done = cli("send", "sms", "t", "07700900001")
    assert done.exit_code == 7
    assert f"--request-id {asked[0]}" in done.stderr


def test_a_server_that_does_not_know_the_call_is_a_fault(cli):
    assert cli("get", "n1").exit_code == 1


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "Octavo does not answer at localhost:{port}: no connection can be made"),
        ({"OCTAVO_TLS": "true"}, "Octavo does not answer at localhost:{port} with TLS: no connection can be made"),
        ({"OCTAVO_ADDRESS": "nohost.invalid:1"}, "Octavo does not answer at nohost.invalid:1: there is no such host"),
    ],
)
def test_where_nobody_answers_is_told(cli, server, environment, told):
    server.stop()
    done = cli("get", "n1", **environment)
    assert done.exit_code == 7
    assert told.format(port=server.port) in done.stderr


def test_a_server_without_tls_is_told_in_one_line(server, tmp_path):
    # In a process of its own, as gRPC's core has been imported here, and writes past Python's standard error.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OCTAVO_TLS": "true"}
    environment |= {"OCTAVO_ADDRESS": server.address, "OCTAVO_API_KEY": "the-key"}

    def told(**more):
        command = [sys.executable, "-m", "octavo_cli", "get", "n1"]
        done = subprocess.run(
            command, env=environment | more, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 7
        return done.stderr.splitlines()

    (line,) = told()
    assert f"does not answer at {server.address} with TLS: it speaks no TLS, which OCTAVO_TLS" in line
    # Who wants to know more may have it.
    assert len(told(GRPC_VERBOSITY="INFO")) > 1


def test_what_keeps_tls_from_coming_about_is_told(cli, server, tmp_path):
    authority = Authority()
    pair = authority.vouches_for("localhost")
    server.stop()
    server.start(grpc.ssl_server_credentials([(pair.secret, pair.chain)]))
    (tmp_path / "other.pem").write_bytes(Authority().chain)
    assert "no authority that is trusted" in cli("get", "n1", OCTAVO_TLS=str(tmp_path / "other.pem")).stderr
    assert "if it speaks TLS, set OCTAVO_TLS" in cli("get", "n1").stderr


def test_the_name_in_the_certificate_may_be_another_than_that_of_the_address(cli, server, tmp_path):
    authority = Authority()
    pair = authority.vouches_for("api.octavo", here=False)
    server.stop()
    server.start(grpc.ssl_server_credentials([(pair.secret, pair.chain)]))
    server.methods["GetNotification"] = lambda _, __: pb.GetNotificationResponse(
        notification=notification("NOTIFICATION_STATUS_DELIVERED")
    )
    (tmp_path / "ca.pem").write_bytes(authority.chain)
    tls = {"OCTAVO_TLS": str(tmp_path / "ca.pem")}
    assert cli("get", "n1", **tls, OCTAVO_TLS_NAME="api.octavo").exit_code == 0
    for wrong in ({}, {"OCTAVO_TLS_NAME": "api.example"}):
        done = cli("get", "n1", **tls, **wrong)
        assert done.exit_code == 7
        assert "its certificate is for another name, which OCTAVO_TLS_NAME" in done.stderr
    assert cli("get", "n1", OCTAVO_TLS_NAME="api.octavo").exit_code == 78


def test_a_certificate_is_shown_to_a_server_that_asks_for_one(cli, server, tmp_path):
    authority, of_clients = Authority(), Authority("of clients")
    pair = authority.vouches_for("localhost")
    server.stop()
    server.start(grpc.ssl_server_credentials([(pair.secret, pair.chain)], of_clients.chain, require_client_auth=True))
    server.methods["GetNotification"] = lambda _, __: pb.GetNotificationResponse(
        notification=notification("NOTIFICATION_STATUS_DELIVERED")
    )
    (tmp_path / "ca.pem").write_bytes(authority.chain)
    chain, key = of_clients.vouches_for("shop").write(tmp_path, "shop")
    foreign, of_foreign = Authority("foreign").vouches_for("shop").write(tmp_path, "foreign")

    def get(**own):
        return cli("get", "n1", OCTAVO_TLS=str(tmp_path / "ca.pem"), **{name: str(file) for name, file in own.items()})

    assert get(OCTAVO_TLS_CERTIFICATE=chain, OCTAVO_TLS_KEY=key).exit_code == 0
    assert "if it asks for a certificate, set OCTAVO_TLS_CERTIFICATE" in get().stderr
    done = get(OCTAVO_TLS_CERTIFICATE=foreign, OCTAVO_TLS_KEY=of_foreign)
    assert done.exit_code == 7
    assert "does not accept the certificate of OCTAVO_TLS_CERTIFICATE" in done.stderr
    for wrong in ({"OCTAVO_TLS_CERTIFICATE": chain}, {"OCTAVO_TLS_CERTIFICATE": chain, "OCTAVO_TLS_KEY": of_foreign}):
        done = get(**wrong)
        assert done.exit_code == 78
        assert len(done.stderr.splitlines()) == 1


def test_what_is_not_configured_is_told(cli):
    done = cli("get", "n1", OCTAVO_API_KEY=None)
    assert done.exit_code == 78
    assert "OCTAVO_API_KEY" in done.stderr
    assert json.loads(cli("get", "n1", "--json", OCTAVO_ADDRESS=None).stderr)["error"]["reason"] == "CONFIGURATION"


@pytest.mark.parametrize("command", ["sms", "email"])
def test_a_key_can_not_be_given_on_the_command_line(cli, command):
    assert cli("send", command, "t", "x", "--api-key", "hush").exit_code == 2


def test_lists_as_many_as_asked_for(cli, server):
    asked = []

    def listing(request, _):
        asked.append(request)
        items = [notification("NOTIFICATION_STATUS_TEMPORARY_FAILURE")] * request.page_size
        return pb.ListNotificationsResponse(notifications=items, next_page_token="more")

    server.methods["ListNotifications"] = listing
    done = cli("list", "--limit", 3, "--status", "temporary-failure", "--type", "sms", "--from", "2026-03-01", "--json")
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["temporary-failure"] * 3
    assert len(asked) == 1
    assert asked[0].created_from.ToDatetime(tzinfo=UTC) == datetime(2026, 3, 1, tzinfo=UTC)
    assert "temporary-failure" in cli("list", "--limit", 1).stdout


def test_ids_and_times_are_whole_however_narrow_the_terminal_is(cli, server):
    found = notification("NOTIFICATION_STATUS_TEMPORARY_FAILURE") | {"id": "0198c0de-0000-7000-8000-000000000001"}
    found |= {"reference": "r" * 50, "status_reason": "because " * 20}
    server.methods["ListNotifications"] = lambda _, __: pb.ListNotificationsResponse(notifications=[found])
    shown = cli("list", COLUMNS="40").stdout
    assert "0198c0de-0000-7000-8000-000000000001" in shown
    assert "2026-03-01 09:30:00" in shown
    assert "temporary-failure" in shown


def test_watching_a_service_ends_well_when_its_time_is_over(cli, server, hang):
    def watch(_, context):
        change = {"status": "NOTIFICATION_STATUS_SENDING", "at": NOW}
        yield pb.WatchNotificationsResponse(notification_id="n1", change=change, resume_token="t1")
        hang(context)

    server.methods["WatchNotifications"] = watch
    done = cli("watch", "--timeout", "1s", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["change"]["status"] == "sending"
    assert cli("watch", "n1", "--timeout", "1s").exit_code == 7


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


def test_shows_one_message_with_its_history(cli, server):
    found = notification("NOTIFICATION_STATUS_DELIVERED") | {
        "history": [
            {"status": "NOTIFICATION_STATUS_CREATED", "at": NOW},
            {"status": "NOTIFICATION_STATUS_DELIVERED", "at": NOW},
        ],
    }
    server.methods["GetNotification"] = lambda _, __: pb.GetNotificationResponse(notification=found)
    shown = cli("get", "n1").stdout
    assert "created" in shown
    assert "delivered" in shown
    assert "2026-03-01 09:30:00" in shown


def test_cancels(cli, server):
    server.methods["CancelNotification"] = lambda _, __: pb.CancelNotificationResponse(
        notification=notification("NOTIFICATION_STATUS_CANCELLED")
    )
    assert "cancelled" in cli("cancel", "n1").stdout


def test_counts(cli, server):
    line = pb.StatisticsLine(
        day="2026-03-01", type="NOTIFICATION_TYPE_SMS", status="NOTIFICATION_STATUS_SENT", count=1_234
    )
    server.methods["GetStatistics"] = lambda _, __: pb.GetStatisticsResponse(lines=[line])
    assert "1,234" in cli("statistics", "--from", "2026-03-01").stdout
    assert json.loads(cli("statistics", "--json").stdout)["count"] == 1_234


def test_what_is_known_before_and_after_the_wait_stands_in_one_column(cli, server, sends):
    settles(server, "NOTIFICATION_STATUS_DELIVERED")
    lines = cli("send", "sms", "t", "07700900001", "--wait").stdout.splitlines()
    assert {line.index(value) for line, value in zip(lines, ("n1", "1 (", "delivered"), strict=False)} == {9}


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
def test_every_command_answers_in_json_when_asked(cli, command):
    done = cli(*command.split(), "--help")
    assert done.exit_code == 0
    assert "--json" in done.stdout
