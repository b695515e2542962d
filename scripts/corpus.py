"""Records what this release writes, for later ones to read: `python scripts/corpus.py` writes tests/corpus/<release>.json.

A stack of its own sends one message of each kind. The file holds every record of every topic, the rows of the tables, and the
keys, which were made for this and are used for nothing else.
"""

import base64
import json
import os
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg2
from kafka import KafkaConsumer, TopicPartition

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

TABLES = ("services", "templates", "template_versions", "jobs", "notifications", "notification_history")
SECONDS = 60.0
LATER = timedelta(hours=1)
"""One is sent so much later: it is under way when it is recorded."""
FILES = {
    "sms": b"phone number,name,code\n07700900111,Ann,1\n07700900002,Bob,2\n",
    "email": b"email address,name\nann@example.com,Ann\ntemp-fail@simulator.example,Bob\n",
}


def send(known: dict[str, str]) -> None:
    """One of each kind, with every field that a caller may fill in, and a job of each type."""
    from google.protobuf.timestamp_pb2 import Timestamp

    from octavo.v1 import job_service_pb2 as jobs
    from octavo.v1.job_service_pb2_grpc import JobServiceStub
    from octavo.v1.notification_pb2 import TextList
    from octavo.v1.notification_service_pb2 import SendEmailRequest, SendSmsRequest
    from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub

    later = Timestamp()
    later.FromDatetime(datetime.now(UTC) + LATER)
    sms, email = known["OCTAVO_SMS_TEMPLATE_ID"], known["OCTAVO_EMAIL_TEMPLATE_ID"]
    code = {"name": "Zoë 🙂", "code": "12345"}
    metadata = [("authorization", f"Bearer {known['OCTAVO_API_KEY']}")]
    with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
        notifications, csv = NotificationServiceStub(channel), JobServiceStub(channel)
        for text in (
            SendSmsRequest(phone_number="07700900111", reference="an SMS", sms_sender="Octavo"),
            SendSmsRequest(phone_number="07700900003"),
            SendSmsRequest(phone_number="07700900111", reference="for later", send_at=later),
        ):
            text.template_id = sms
            text.personalisation.update(code)
            notifications.SendSms(text, metadata=metadata, timeout=10)
        for mail in (
            SendEmailRequest(
                email_address="ann@example.com",
                reference="an email",
                reply_to="replies@octavo.example",
                personalisation_lists={"name": TextList(values=["Ann", "Bob"])},
            ),
            SendEmailRequest(email_address="complaint@simulator.example", personalisation={"name": "Ann"}),
            SendEmailRequest(email_address="ann@example.com", personalisation={"name": "Ann"}, send_at=later),
        ):
            mail.template_id = email
            notifications.SendEmail(mail, metadata=metadata, timeout=10)
        for template, data in ((sms, FILES["sms"]), (email, FILES["email"])):
            file = csv.UploadCsv(iter([jobs.UploadCsvRequest(chunk=data)]), metadata=metadata, timeout=30).file
            request = jobs.CreateJobRequest(template_id=template, object_key=file.object_key, file_name="people.csv")
            csv.CreateJob(request, metadata=metadata, timeout=30)


def settled(url: str) -> bool:
    """Whether nothing is under way but what is for later."""
    asked = "SELECT count(*) FILTER (WHERE status IN ('created', 'sending', 'pending')), count(*) FROM notifications"
    (moving, there) = next(iter(_rows(url, asked)))
    return bool(moving == 0 and there == 6 + sum(data.count(b"\n") - 1 for data in FILES.values()))


def records(bootstrap: str, topic: str) -> Iterator[dict[str, Any]]:
    """Everything on a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for some in consumer.poll(timeout_ms=1000).values():
            for record in some:
                headers = [[name, _text(value)] for name, value in record.headers]
                yield {"topic": topic, "key": _text(record.key), "value": _text(record.value), "headers": headers}
    consumer.close()


def record(directory: Path) -> dict[str, Any]:
    """Runs a stack, and returns what is on its topics and in its tables."""
    from deploy.local.stack import Stack
    from octavo import topics
    from octavo.storage import schema

    with Stack(directory) as stack:
        send(stack.client_environment())
        deadline = time.monotonic() + SECONDS
        while not settled(stack.database_url):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all were settled within {SECONDS:g} s")
            time.sleep(0.2)
        return {
            "schema": schema.newest(),
            "sealing_keys": stack.environment["OCTAVO_SEALING_KEYS"],
            "hash_key": stack.environment["OCTAVO_HASH_KEY"],
            "records": [one for topic in topics.ALL for one in records(stack.kafka_bootstrap, topic.name)],
            "rows": {
                table: [row for (row,) in _rows(stack.database_url, f"SELECT to_jsonb(t) FROM {table} t")]
                for table in TABLES
            },
        }


def _rows(url: str, statement: str) -> Iterable[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()


def _text(value: bytes | None) -> str:
    return base64.b64encode(value or b"").decode()


def main() -> None:
    """Writes the file of this release."""
    release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    recorded = record(ROOT / ".local" / f"corpus-{os.getpid()}")
    path = ROOT / "tests/corpus" / f"{release}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path.relative_to(ROOT)}: {len(recorded['records'])} records\n")


if __name__ == "__main__":
    main()
