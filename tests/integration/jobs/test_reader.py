"""Jobs are read fairly, each row exactly once, whatever ends, changes or is away in between."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import boto3
import pytest
from botocore.config import Config
from cryptography.fernet import Fernet

from octavo.crypto import Hasher, Sealer
from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import Invalid, Malformed, Reason, Unavailable
from octavo.domain.ids import row_id
from octavo.domain.notification import NotificationType
from octavo.messaging import Partition, Record
from octavo.messaging.loop import Received
from octavo.messaging.memory import Broker
from octavo.objects import ObjectStore
from octavo.storage.directory import Directory
from octavo.storage.errors import transaction
from octavo.storage.jobs import TURN, cancel_job
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import JobMessage, NotificationMessage
from services.persister import openjob
from services.persister.jobreader import JobReader
from services.persister.jobsweeps import JobSweeps
from services.persister.openjob import Files

KEYS = [Fernet.generate_key().decode()]
NEVER = threading.Event()


def csv(rows: int) -> bytes:
    return b"code,Phone Number,NAME\n" + b"".join(b"%06d,07700900001,Ann %d\n" % (n, n) for n in range(1, rows + 1))


class Desk:
    """A reader, and all that it works with."""

    def __init__(self, jobs, bucket) -> None:
        self.jobs = jobs
        self.bucket = bucket
        self.broker = Broker()
        self.sealer = Sealer(KEYS)

    def files(self, store: ObjectStore | None = None) -> Files:
        directory = Directory(self.jobs.engine, fresh_seconds=0)
        return Files(store or self.bucket.store, directory, self.sealer, Hasher(b"h" * 32), "GB")

    def reader(self, **how) -> JobReader:
        return JobReader(self.jobs.engine, self.broker, self.files(), **how)

    def job(self, data: bytes, rows: int, problems=(), **fields):
        key = f"{self.jobs.service_id}/uploads/{len(data)}.csv"
        stored = self.bucket.put(fields.pop("object_key", key), data)
        refused = len(problems)
        return self.jobs.create(
            problems,
            object_key=stored.key,
            etag=stored.etag,
            size_bytes=stored.size,
            total_rows=rows,
            refused_rows=refused,
            reserved=rows - refused,
            **fields,
        )

    def rows(self, job, topic: str = "bulk-sms") -> list[int]:
        """The rows of a job that were published, in order, repetitions too."""
        return [message.job_row for message in self.messages(topic) if message.job_id == job.id.bytes]

    def messages(self, topic: str = "bulk-sms") -> list[NotificationMessage]:
        return [NotificationMessage.FromString(value) for value in self.broker.values(topic)]


@pytest.fixture
def desk(jobs, bucket) -> Desk:
    return Desk(jobs, bucket)


def read_all(reader: JobReader) -> None:
    while reader.go_round(NEVER):
        pass


def test_every_row_becomes_a_sealed_message_with_an_id_of_job_and_row(desk):
    later = datetime(2100, 1, 1, tzinfo=UTC)
    job = desk.job(csv(3), 3, sms_sender="Octavo", send_at=later)
    read_all(desk.reader())
    messages = desk.messages()
    assert [message.job_row for message in messages] == [1, 2, 3]
    second = messages[1]
    assert second.id == row_id(job.id, 2).bytes == desk.broker.records["bulk-sms"][1].key
    assert b"07700900001" not in second.SerializeToString()
    content = desk.sealer.open(second.id, second.sealed)
    assert (content.recipient, dict(content.personalisation)) == ("+447700900001", {"name": "Ann 2", "code": "000002"})
    assert (second.parts, second.encoding, second.sms_sender) == (1, pb.SMS_ENCODING_GSM7, "Octavo")
    assert second.send_at_micros == int(later.timestamp()) * 1_000_000
    row = desk.jobs.row(job)
    assert (row.status, row.published_rows, row.next_row) == ("read", 3, 4)


def test_a_job_of_emails_goes_to_the_email_lane(desk):
    template = desk.jobs.seeded["email_template_id"]
    data = "Email Address;name\nann@example.com;Zoë\n".encode("utf-16")
    job = desk.job(data, 1, template_id=template, notification_type=NotificationType.EMAIL, encoding="utf-16")
    read_all(desk.reader())
    assert desk.rows(job, "bulk-email") == [1]
    assert desk.rows(job) == []


def test_rows_refused_at_creation_and_empty_rows_are_left_out(desk):
    data = csv(2) + b"\n" + b"3,07700900001,Eve\n" + b"4,nobody,Eve\n" + b"5,07700900001,Eve\n"
    refused = [(RowProblem(5, "Phone Number", Reason.RECIPIENT_LETTERS),)]
    job = desk.job(data, 5, refused)
    read_all(desk.reader())
    assert desk.rows(job) == [1, 2, 4, 6]
    row = desk.jobs.row(job)
    assert (row.total_rows, row.published_rows, row.refused_rows) == (5, 4, 1)


def test_a_row_that_is_wrong_by_now_is_refused_and_its_charge_given_back(desk):
    job = desk.job(csv(2) + b"3," + b"07700900001," + b"x" * 1_000 + b"\n", 3)
    assert desk.jobs.used() == 3
    read_all(desk.reader())
    row = desk.jobs.row(job)
    assert (row.status, row.published_rows, row.refused_rows) == ("read", 2, 1)
    assert desk.jobs.used() == 2
    (problem,) = desk.jobs.all("SELECT * FROM job_problems")
    assert (problem.row_number, problem.problems) == (3, [["", "CONTENT_TOO_LONG"]])


def test_large_rows_are_published_a_few_at_a_time(desk, monkeypatch):
    monkeypatch.setattr(openjob, "TURN_BYTES", 1_000)
    job = desk.job(csv(10), 10)
    reader, published = desk.reader(), [0]
    while reader.go_round(NEVER):
        published.append(len(desk.rows(job)))
    assert all(0 < after - before <= 4 for before, after in pairwise(published))
    assert desk.rows(job) == list(range(1, 11))
    assert (desk.jobs.row(job).status, desk.jobs.row(job).published_rows) == ("read", 10)


def test_a_reader_does_not_claim_again_what_it_has_open_while_kafka_is_away(desk):
    job = desk.job(csv(2 * TURN), 2 * TURN)
    reader = desk.reader()
    desk.broker.refuse_publish = 3
    for _ in range(3):
        with pytest.raises(Unavailable):
            reader.go_round(NEVER)
        desk.jobs.execute("UPDATE jobs SET claim_expires_at = now() - interval '1 s'")
        reader.hear([heard(job.id.bytes)])
    read_all(reader)
    assert desk.rows(job) == list(range(1, 2 * TURN + 1))
    assert desk.jobs.row(job).status == "read"


def test_a_small_job_is_not_stuck_behind_large_ones(desk):
    large = [desk.job(csv(20 * TURN), 20 * TURN, object_key=f"{desk.jobs.service_id}/{n}") for n in range(3)]
    reader = desk.reader(most_open=2, slice_seconds=0)
    reader.go_round(NEVER)
    small = desk.job(csv(3), 3)
    for _ in range(6):
        reader.hear([heard(small.id.bytes)])
        reader.go_round(NEVER)
    assert desk.rows(small) == [1, 2, 3]
    # The large ones share the turns, and each is still at it.
    turns = Counter(message.job_id for message in desk.messages())
    assert all(TURN <= turns[job.id.bytes] < 20 * TURN for job in large)
    read_all(desk.reader())
    for job in large:
        desk.jobs.execute("UPDATE jobs SET next_try_at = now(), claim_expires_at = NULL WHERE id = :id", id=job.id)
    read_all(desk.reader())
    for job in large:
        assert sorted(set(desk.rows(job))) == list(range(1, 20 * TURN + 1))
        assert desk.jobs.row(job).published_rows == 20 * TURN


def test_a_reader_that_dies_between_publishing_and_noting_repeats_only_ids(desk):
    job = desk.job(csv(3 * TURN), 3 * TURN)
    dying = desk.reader()
    dying.go_round(NEVER)

    class KilledError(Exception):
        pass

    def killed(*_args, **_kwargs):
        raise KilledError

    hand_over = pytest.MonkeyPatch()
    hand_over.setattr("services.persister.jobreader.advance_job", killed)
    with pytest.raises(KilledError):
        dying.go_round(NEVER)
    hand_over.undo()
    desk.jobs.execute("UPDATE jobs SET claim_expires_at = now()")
    read_all(desk.reader())
    rows = Counter(desk.rows(job))
    assert sorted(rows) == list(range(1, 3 * TURN + 1))
    assert {row for row, times in rows.items() if times > 1} == set(range(TURN + 1, 2 * TURN + 1))
    hashes = {(message.id, message.content_hash) for message in desk.messages()}
    assert len(hashes) == 3 * TURN
    assert desk.jobs.row(job).published_rows == 3 * TURN


def test_a_turn_that_the_broker_refused_is_done_again_as_it_was(desk):
    job = desk.job(csv(TURN + 1), TURN + 1)
    reader = desk.reader()
    desk.broker.refuse_publish = 2
    for _ in range(2):
        with pytest.raises(Unavailable):
            reader.go_round(NEVER)
    assert desk.jobs.row(job).next_row == 1
    read_all(reader)
    assert desk.rows(job) == list(range(1, TURN + 2))


def test_a_row_that_no_queue_takes_stops_its_job_and_no_other(desk, monkeypatch):
    large, small = desk.job(csv(2), 2), desk.job(csv(3), 3)
    publish = desk.broker.publish

    def checked(messages):
        if any(NotificationMessage.FromString(one.value).job_id == large.id.bytes for one in messages):
            raise Invalid.of("message", Reason.CONTENT_TOO_LONG, "too large")
        publish(messages)

    monkeypatch.setattr(desk.broker, "publish", checked)
    read_all(desk.reader())
    assert (desk.jobs.row(large).status, desk.jobs.row(large).error) == ("stopped", "CONTENT_TOO_LONG")
    assert desk.rows(small) == [1, 2, 3]


@pytest.mark.parametrize(("change", "reason"), [("replace", "FILE_CHANGED"), ("remove", "FILE_NOT_FOUND")])
def test_a_job_stops_when_its_file_changes_and_goes_on_when_it_is_back(desk, change, reason, monkeypatch):
    # A block is so small that the file is read in many.
    monkeypatch.setattr("octavo.objects.BLOCK_BYTES", 1)
    read = ObjectStore.read
    monkeypatch.setattr(ObjectStore, "read", lambda self, stored: read(self, stored, 10_000))
    data = csv(10 * TURN)
    job = desk.job(data, 10 * TURN)
    reader = desk.reader()
    reader.go_round(NEVER)
    if change == "replace":
        desk.bucket.put(job.object_key, b"x" * len(data))
    else:
        desk.bucket.remove(job.object_key)
    read_all(reader)
    row = desk.jobs.row(job)
    assert (row.status, row.error) == ("stopped", reason)
    sent = desk.rows(job)
    assert 0 < len(sent) < 10 * TURN
    assert row.published_rows == len(sent)
    # Looked at again too early, it stops again and nothing is sent.
    desk.jobs.execute("UPDATE jobs SET next_try_at = now()")
    read_all(reader)
    assert (desk.jobs.row(job).error, desk.rows(job)) == (reason, sent)
    desk.bucket.put(job.object_key, data)
    desk.jobs.execute("UPDATE jobs SET next_try_at = now()")
    read_all(desk.reader())
    assert desk.rows(job) == list(range(1, 10 * TURN + 1))
    assert (desk.jobs.row(job).status, desk.jobs.row(job).error) == ("read", "")


def test_while_the_store_is_away_reading_is_tried_again_and_said_so(desk, capsys):
    job = desk.job(csv(2), 2)
    nowhere = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:1",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    away = JobReader(desk.jobs.engine, desk.broker, desk.files(ObjectStore(lambda: nowhere, "octavo")))
    for attempt in range(1, 7):
        desk.jobs.execute("UPDATE jobs SET next_try_at = now()")
        away.hear([heard(job.id.bytes)])
        away.go_round(NEVER)
        row = desk.jobs.row(job)
        assert (row.status, row.failures) == ("reading", attempt)
        assert row.next_try_at > datetime.now(UTC)
    assert f"RETRY read_job {job.id}" in capsys.readouterr().out
    desk.jobs.execute("UPDATE jobs SET next_try_at = now()")
    away.hear([heard(job.id.bytes)])
    away.go_round(NEVER)
    assert f"RETRY FAILED read_job {job.id}" in capsys.readouterr().out
    assert (desk.jobs.row(job).status, desk.jobs.row(job).error) == ("stopped", "STORE_UNAVAILABLE")
    desk.jobs.execute("UPDATE jobs SET next_try_at = now()")
    read_all(desk.reader())
    assert (desk.jobs.row(job).status, desk.rows(job)) == ("read", [1, 2])


def test_the_jobs_of_a_suspended_service_wait(desk):
    job = desk.job(csv(3 * TURN), 3 * TURN)
    reader = desk.reader()
    reader.go_round(NEVER)
    desk.jobs.execute("UPDATE services SET suspended = true")
    read_all(reader)
    assert (desk.jobs.row(job).status, desk.jobs.row(job).error) == ("stopped", "SERVICE_SUSPENDED")
    assert len(desk.rows(job)) == TURN
    desk.jobs.execute("UPDATE services SET suspended = false")
    desk.jobs.execute("UPDATE jobs SET next_try_at = now()")
    read_all(desk.reader())
    assert desk.rows(job) == list(range(1, 3 * TURN + 1))


def test_a_cancelled_job_is_read_no_further_and_its_late_rows_are_cancelled(desk):
    job = desk.job(csv(5 * TURN), 5 * TURN)
    reader = desk.reader()
    reader.go_round(NEVER)
    with transaction(desk.jobs.engine) as connection:
        assert cancel_job(connection, desk.jobs.service_id, job.id)
    read_all(reader)
    assert len(desk.rows(job)) <= 2 * TURN
    row = desk.jobs.row(job)
    assert (row.status, row.claim_token, row.published_rows) == ("cancelled", None, len(desk.rows(job)))
    # One that was inserted by a transaction which did not see the job's end yet.
    desk.jobs.persist(job, 1)
    desk.jobs.execute("UPDATE notifications SET status = 'created'")
    JobSweeps(desk.jobs.engine, desk.bucket.store).once()
    assert desk.jobs.statuses(job) == {1: "cancelled"}


def test_files_of_jobs_long_over_are_erased_unless_another_job_needs_them(desk):
    old, other = desk.job(csv(1), 1), desk.job(csv(2), 2)
    again = desk.job(csv(2), 2, object_key=other.object_key)
    foreign = desk.job(csv(1), 1, object_key=f"{desk.jobs.service_id}/mine.csv")
    read_all(desk.reader())
    sweeps = JobSweeps(desk.jobs.engine, desk.bucket.store)
    assert sweeps.erase_files() == 0
    desk.jobs.execute("UPDATE jobs SET finished_at = now() - interval '8 days' WHERE id <> :id", id=again.id)
    assert sweeps.erase_files() == 1
    assert sweeps.erase_files() == 0
    assert desk.jobs.row(old).file_erased_at is not None
    kept = {found["Key"] for found in desk.bucket.client.list_objects_v2(Bucket=desk.bucket.name)["Contents"]}
    assert old.object_key not in kept
    assert {other.object_key, foreign.object_key} <= kept


def test_a_reader_that_is_told_to_stop_puts_its_jobs_back(desk):
    job = desk.job(csv(30 * TURN), 30 * TURN)
    reader, stop = desk.reader(), threading.Event()
    thread = threading.Thread(target=reader.run, args=[stop])
    thread.start()
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while not desk.broker.values("bulk-sms") and datetime.now(UTC) < deadline:
        stop.wait(0.01)
    stop.set()
    thread.join(20)
    row = desk.jobs.row(job)
    assert row.claim_token is None
    read_all(desk.reader())
    assert desk.rows(job) == list(range(1, 30 * TURN + 1))


def test_a_message_that_names_no_job_is_malformed(desk):
    with pytest.raises(Malformed):
        desk.reader().hear([heard(b"short")])


def heard(job_id: bytes) -> Received[JobMessage]:
    message = JobMessage(job_id=job_id)
    return Received(message, Record(Partition("jobs", 0), 0, job_id, message.SerializeToString()))
