"""A CSV job over the wire: stored, checked, charged, sent through the CSV lane, followed, cancelled, reported."""

import csv
import io
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kafka import KafkaConsumer

from octavo.crypto import Hasher
from octavo.domain.ids import row_id, uuid7
from octavo.objects import PART_BYTES
from octavo.v1 import job_service_pb2 as pb
from octavo.v1 import notification_pb2
from octavo.v1 import notification_service_pb2 as notifications
from octavo.v1.messages_pb2 import NotificationMessage
from services.api.fields import LATE
from services.api.jobs.uploads import MOST_OF_A_SERVICE
from tests.integration.api.wire import reason_of, refused
from tests.waiting import until

HEADER = "Phone Number,NAME,code\n"


def people(rows: int) -> bytes:
    return (HEADER + "".join(f"07700900{row % 1000:03},Person {row},{row}\n" for row in range(1, rows + 1))).encode()


def stamp(after: timedelta) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime.now(UTC) + after)
    return made


def counts(job: pb.Job) -> dict[str, int]:
    names = notification_pb2.NotificationStatus
    return {names.Name(one.status).removeprefix("NOTIFICATION_STATUS_").lower(): one.count for one in job.counts}


def persisted(team, job, rows, seconds=30):
    return until(lambda: (now := team.get(job)) and sum(counts(now).values()) == rows and now, seconds)


@pytest.mark.asked("S2")
def test_rows_of_a_job_go_through_the_bulk_topic_and_then_to_the_dispatchers_own(team, job_stack):
    job = team.create(people(700))
    persisted(team, job, 700)
    consumer = KafkaConsumer(
        "bulk-sms", "sms", "db-sms", "send-sms",
        bootstrap_servers=job_stack.kafka_bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3_000,
    )  # fmt: skip
    seen: dict[str, dict[int, float]] = {}
    for record in consumer:
        message = NotificationMessage.FromString(record.value)
        if message.job_id == UUID(job.id).bytes:
            assert message.id == record.key == row_id(UUID(job.id), message.job_row).bytes
            seen.setdefault(record.topic, {}).setdefault(message.job_row, record.timestamp)
    consumer.close()
    # Each row on both, and never on those of the API lane.
    assert {topic: sorted(rows) for topic, rows in seen.items()} == {
        "bulk-sms": list(range(1, 701)),
        "sms": list(range(1, 701)),
    }
    assert all(seen["bulk-sms"][row] <= seen["sms"][row] for row in seen["sms"])


def test_a_job_tells_what_it_did_with_every_row(team):
    data = people(5) + b"nobody,Ann,6\n\n07700900001,,7\n07700900002,Eve,8,too much\n"
    job = team.create(data, file_name="people.csv", sms_sender="Octavo")
    assert (job.total_rows, job.refused_rows, job.file_name, job.template_version) == (8, 3, "people.csv", 1)
    assert [(one.row, one.column, one.reason) for one in job.problems] == [
        (6, "Phone Number", "RECIPIENT_LETTERS"),
        (8, "NAME", "MISSING_PERSONALISATION"),
        (9, "", "RAGGED_ROW"),
    ]
    assert all(one.description for one in job.problems)
    done = persisted(team, job, 5)
    assert (done.status, done.sent_rows, counts(done)) == (pb.JOB_STATUS_SENDING, 5, {"created": 5})
    assert done.problems == job.problems
    assert done.started_at.seconds <= done.finished_at.seconds
    assert team.used() == 5


def test_a_row_is_a_notification_like_any_other(team):
    job = team.create(people(2))
    persisted(team, job, 2)
    listed = team.notifications.ListNotifications(
        notifications.ListNotificationsRequest(job_id=job.id), metadata=team.metadata
    ).notifications
    assert {one.job_row: one.body.partition(": ")[2] for one in listed} == {
        1: "Hello Person 1, your code is 1.",
        2: "Hello Person 2, your code is 2.",
    }
    assert {one.recipient for one in listed} == {"+447700900001", "+447700900002"}
    assert {one.parts for one in listed} == {1}


def test_an_email_job_has_the_columns_of_its_template(team):
    data = "email address\tName\nann@example.com\tAnn\n".encode("utf-16")
    job = team.create(data, template_id=team.seeded["email_template_id"], reply_to="replies@octavo.example")
    persisted(team, job, 1)
    assert (job.type, job.total_rows) == (notification_pb2.NOTIFICATION_TYPE_EMAIL, 1)


def test_a_large_file_is_stored_in_parts(team, job_bucket):
    data = os.urandom(2 * PART_BYTES + 5)
    file = team.upload(data)
    assert file.size_bytes == len(data)
    assert file.object_key.startswith(f"{team.id}/uploads/")
    assert job_bucket.Object(file.object_key).get()["Body"].read() == data


def test_an_object_that_is_there_already_can_be_sent(team, job_bucket):
    key = f"{team.id}/ours/people.csv"
    job_bucket.put_object(Key=key, Body=people(3))
    job = team.create(pb.CsvFile(object_key=key))
    assert persisted(team, job, 3).file.object_key == key


@pytest.mark.parametrize(
    "key", ["other", "{other}/uploads/x.csv", "{own}/../{other}/x.csv", "{own}//x", "{own}/missing.csv"]
)
def test_no_other_file_can_be_named(team, key):
    named = key.format(own=team.id, other=uuid4())
    answer = refused(lambda: team.create(pb.CsvFile(object_key=named)))
    assert (answer.code, answer.reason) == ("NOT_FOUND", "FILE_NOT_FOUND")


def test_a_file_that_was_replaced_since_it_was_stored_is_not_sent(team, job_bucket):
    file = team.upload(people(2))
    job_bucket.put_object(Key=file.object_key, Body=people(3))
    answer = refused(lambda: team.create(file))
    assert (answer.code, answer.reason) == ("FAILED_PRECONDITION", "FILE_CHANGED")
    assert team.used() == 0


def test_only_checking_sends_and_charges_nothing(team):
    job = team.create(people(3) + b"nobody,Ann,4\n", validate_only=True)
    assert (job.id, job.total_rows, job.refused_rows, len(job.problems)) == ("", 4, 1, 1)
    assert team.used() == 0
    assert not team.call("ListJobs", pb.ListJobsRequest()).jobs


def test_the_same_call_again_is_the_same_job(team):
    file = team.upload(people(3))
    request_id = str(uuid7(datetime.now(UTC), os.urandom(10)))
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda _: team.create(file, request_id=request_id), range(8)))
    assert len({job.id for job in jobs}) == 1
    time.sleep(2.1)
    assert team.create(file, request_id=request_id).id == jobs[0].id
    answer = refused(lambda: team.create(file, request_id=request_id, file_name="other"))
    assert (answer.code, answer.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    persisted(team, jobs[0], 3)
    assert team.used() == 3


def test_the_same_call_is_the_same_job_though_its_time_to_send_is_past(team):
    file = team.upload(people(1))
    request_id = str(uuid7(datetime.now(UTC) - timedelta(seconds=5), os.urandom(10)))
    late = stamp(timedelta(seconds=2) - LATE)
    job = team.create(file, request_id=request_id, send_at=late)
    until(lambda: late.ToDatetime(tzinfo=UTC) + LATE < datetime.now(UTC))
    assert team.create(file, request_id=request_id, send_at=late).id == job.id
    assert refused(lambda: team.create(file, send_at=late)).reason == "SEND_AT_OUT_OF_RANGE"


def test_a_job_that_exceeds_the_daily_limit_is_refused_as_a_whole(new_team):
    team = new_team(sms_daily_limit=5)
    team.create(people(3))
    answer = refused(lambda: team.create(people(3)))
    assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "DAILY_LIMIT_EXCEEDED")
    assert answer.quota.endswith("/sms")
    assert team.used() == 3
    assert len(team.call("ListJobs", pb.ListJobsRequest()).jobs) == 1
    team.create(people(2))
    assert team.used() == 5


def test_a_job_larger_than_the_limit_of_a_day_is_not_told_to_wait(new_team):
    team = new_team(sms_daily_limit=2)
    never = refused(lambda: team.create(people(3)))
    assert never.reason == "DAILY_LIMIT_EXCEEDED"
    assert never.message == "the service may send 2 sms notifications a day, fewer than the 3 asked for"
    assert never.retry_seconds is None
    team.create(people(1))
    tomorrow = refused(lambda: team.create(people(2)))
    assert tomorrow.message == "the service may send 2 sms notifications a day"
    assert tomorrow.retry_seconds


def test_a_test_key_is_not_charged(new_team):
    team = new_team("test", sms_daily_limit=0)
    job = team.create(people(2))
    assert job.key_type == notification_pb2.KEY_TYPE_TEST
    persisted(team, job, 2)
    assert team.used() == 0


def test_a_trial_service_reaches_its_guests_only(new_team, job_stack, job_database):
    team = new_team(trial=True)
    hasher = Hasher(job_stack.environment["OCTAVO_HASH_KEY"].encode())
    job_database(
        "INSERT INTO guests (service_id, recipient_hash, guest_id, sealed) VALUES (:service, :hash, :id, 'x')",
        service=team.id, hash=hasher.recipient(team.id.bytes, "+447700900002"), id=uuid4(),
    )  # fmt: skip
    job = team.create(people(3))
    assert [(one.row, one.reason) for one in job.problems] == [
        (1, "RECIPIENT_NOT_ALLOWED"),
        (3, "RECIPIENT_NOT_ALLOWED"),
    ]
    assert persisted(team, job, 1).sent_rows == 1


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"template_id": "x"}, "INVALID_ARGUMENT", "INVALID_ID"),
        ({"template_id": str(uuid4())}, "NOT_FOUND", "UNKNOWN_TEMPLATE"),
        ({"object_key": ""}, "INVALID_ARGUMENT", "MISSING_FIELD"),
        ({"file_name": "a\nb"}, "INVALID_ARGUMENT", "HEADER_INJECTION"),
        ({"send_at": stamp(timedelta(days=15))}, "INVALID_ARGUMENT", "SEND_AT_OUT_OF_RANGE"),
        ({"sms_sender": "Nobody"}, "INVALID_ARGUMENT", "UNKNOWN_SMS_SENDER"),
        ({"reply_to": "replies@octavo.example"}, "INVALID_ARGUMENT", "WRONG_TEMPLATE_TYPE"),
        ({"request_id": str(uuid4())}, "INVALID_ARGUMENT", "REQUEST_ID_NOT_UUID7"),
    ],
)
def test_a_call_that_is_wrong_is_refused_with_its_reason(team, fields, code, reason):
    file = team.upload(people(1))
    answer = refused(lambda: team.create(file, **fields))
    assert (answer.code, answer.reason) == (code, reason)


def test_another_services_job_does_not_exist(team, new_team):
    job, other = team.create(people(1)), new_team()
    calls = [
        lambda: other.call("GetJob", pb.GetJobRequest(id=job.id)),
        lambda: other.call("CancelJob", pb.CancelJobRequest(id=job.id)),
        lambda: list(other.call("WatchJob", pb.WatchJobRequest(id=job.id))),
        lambda: list(other.call("DownloadReport", pb.DownloadReportRequest(id=job.id))),
    ]
    for call in calls:
        answer = refused(call)
        assert (answer.code, answer.reason) == ("NOT_FOUND", "UNKNOWN_JOB")
    assert not other.call("ListJobs", pb.ListJobsRequest()).jobs


def test_a_suspended_service_uploads_and_starts_nothing(new_team, job_database):
    team = new_team()
    file = team.upload(people(1))
    job_database("UPDATE services SET suspended = true WHERE id = :id", id=team.id)
    until(lambda: reason_of(lambda: team.create(file)) == "SERVICE_SUSPENDED")
    assert refused(lambda: team.upload(people(1))).reason == "SERVICE_SUSPENDED"


def test_jobs_are_listed_page_by_page_newest_first(team):
    made = [team.create(people(1)).id for _ in range(3)]
    first = team.call("ListJobs", pb.ListJobsRequest(page_size=2))
    rest = team.call("ListJobs", pb.ListJobsRequest(page_size=2, page_token=first.next_page_token))
    assert [job.id for job in [*first.jobs, *rest.jobs]] == made[::-1]
    assert rest.next_page_token == ""
    forged = refused(lambda: team.call("ListJobs", pb.ListJobsRequest(page_token="forged")))
    assert forged.reason == "INVALID_PAGE_TOKEN"
    assert refused(lambda: team.call("ListJobs", pb.ListJobsRequest(page_size=-1))).reason == "INVALID_PAGE_SIZE"


def test_a_job_is_watched_until_all_of_it_is_settled(team, job_database):
    job = team.create(people(3))
    states = []
    for state in team.call("WatchJob", pb.WatchJobRequest(id=job.id)):
        states.append(state.job)
        if counts(state.job) == {"created": 3}:
            # What the dispatcher and the receipts do.
            for table in ("notifications", "notification_history"):
                job_database(f"UPDATE {table} SET status = 'delivered' WHERE job_id = :id", id=UUID(job.id))
    assert states[-1].status == pb.JOB_STATUS_FINISHED
    assert counts(states[-1]) == {"delivered": 3}
    assert all(one != other for one, other in pairwise(states))
    assert refused(lambda: team.cancel(job)).reason == "NOT_CANCELLABLE"


def test_a_revoked_key_ends_its_streams(new_team, job_database):
    team = new_team()
    job = team.create(people(1), send_at=stamp(timedelta(hours=1)))
    states = team.call("WatchJob", pb.WatchJobRequest(id=job.id))
    next(states)
    job_database("UPDATE api_keys SET revoked_at = now() WHERE service_id = :id", id=team.id)
    assert refused(lambda: list(states)).code == "UNAUTHENTICATED"


def test_cancelling_withdraws_what_no_worker_has_taken(team, job_database):
    job = team.create(people(50))
    persisted(team, job, 50)
    for table in ("notifications", "notification_history"):
        job_database(f"UPDATE {table} SET status = 'sending' WHERE job_id = :id AND job_row <= 3", id=UUID(job.id))
    cancelled = team.cancel(job)
    assert (cancelled.status, counts(cancelled)) == (pb.JOB_STATUS_CANCELLED, {"sending": 3, "cancelled": 47})
    assert team.cancel(job).status == pb.JOB_STATUS_CANCELLED


def test_a_job_for_later_waits_row_by_row_and_can_be_withdrawn(team):
    job = team.create(people(3), send_at=stamp(timedelta(hours=1)))
    assert counts(persisted(team, job, 3)) == {"scheduled": 3}
    assert counts(team.cancel(job)) == {"cancelled": 3}


def test_no_piece_of_a_report_is_longer_than_a_client_takes(team, job_database):
    job = team.create(people(1))
    persisted(team, job, 1)
    job_database(
        "INSERT INTO job_problems (job_id, row_number, problems) SELECT :id, number, CAST(:problems AS jsonb) "
        "FROM generate_series(2, 601) number",
        id=UUID(job.id),
        problems=json.dumps([["x" * 200, "MISSING_PERSONALISATION"]] * 50),
    )
    pieces = [one.chunk for one in team.call("DownloadReport", pb.DownloadReportRequest(id=job.id))]
    assert sum(map(len, pieces)) > 4 * 1024 * 1024
    assert max(map(len, pieces)) <= 1024 * 1024
    assert len(list(csv.DictReader(io.StringIO(b"".join(pieces).decode("utf-8-sig"))))) == 601


def test_a_report_tells_the_rest_where_a_row_can_not_be_opened(team, job_database):
    job = team.create(people(2))
    persisted(team, job, 2)
    job_database("UPDATE notifications SET sealed = 'xx' WHERE job_id = :id AND job_row = 1", id=UUID(job.id))
    lines = list(csv.DictReader(io.StringIO(team.report(job).decode("utf-8-sig"))))
    assert [(line["row"], line["recipient"]) for line in lines] == [("1", ""), ("2", "'+447700900002")]


def test_a_report_of_large_messages_is_whole(team, job_database):
    job = team.create(people(30) + b"@nobody,Ann,1\n")
    persisted(team, job, 30)
    # What is sealed can't be opened then; it is read by the page nevertheless.
    job_database(
        "UPDATE notifications SET sealed = decode(repeat('ab', 1000000), 'hex') WHERE job_id = :id", id=UUID(job.id)
    )
    lines = list(csv.DictReader(io.StringIO(team.report(job).decode("utf-8-sig"))))
    assert [int(line["row"]) for line in lines] == list(range(1, 32))
    assert lines[-1]["status"] == "refused"


def test_one_service_can_not_have_all_uploads(new_team):
    greedy, other = new_team(), new_team()
    going_on = threading.Event()

    def slowly():
        yield b"phone number"
        going_on.wait(60)

    with ThreadPoolExecutor(MOST_OF_A_SERVICE + 2) as threads:
        uploads = [
            threads.submit(reason_of, partial(greedy.upload_pieces, slowly())) for _ in range(MOST_OF_A_SERVICE + 2)
        ]
        try:
            until(lambda: sum(one.done() for one in uploads) == 2)
            assert reason_of(partial(other.upload, people(1))) == ""
        finally:
            going_on.set()
        assert sorted(one.result() for one in uploads) == [""] * MOST_OF_A_SERVICE + ["TOO_MANY_CALLS"] * 2
    assert reason_of(partial(greedy.upload, people(1))) == ""


def test_the_report_has_every_row_and_no_formula(team, job_database):
    data = people(700) + b"@nobody,Ann,1\n07700900001,,2\n"
    job = team.create(data)
    persisted(team, job, 700)
    for table in ("notifications", "notification_history"):
        job_database(
            f"UPDATE {table} SET status = 'permanent-failure', status_reason = '=cmd()' WHERE job_id = :id AND job_row = 2",
            id=UUID(job.id),
        )
    report = team.report(job)
    assert report.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(report.decode("utf-8-sig"))))
    assert [int(line["row"]) for line in lines] == list(range(1, 703))
    assert (lines[0]["recipient"], lines[0]["status"]) == ("'+447700900001", "created")
    assert (lines[1]["status"], lines[1]["reason"]) == ("permanent-failure", "'=cmd()")
    assert lines[0]["id"] == str(row_id(UUID(job.id), 1))
    assert [(line["status"], line["reason"], line["column"]) for line in lines[-2:]] == [
        ("refused", "RECIPIENT_LETTERS", "Phone Number"),
        ("refused", "MISSING_PERSONALISATION", "NAME"),
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.values())
