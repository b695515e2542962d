"""The ways that personal data takes through Octavo, the good ones and the bad ones, each gone with canaries."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from os import urandom
from typing import Any, get_args
from uuid import uuid4

import grpc
from cryptography.fernet import Fernet

from deploy.local.demo.account import UNSETTLED
from deploy.local.environment import SNS_TOPIC
from deploy.local.simulator import sns
from deploy.local.stack import Stack
from octavo import topics
from octavo.crypto import SealedForm, Sealer
from octavo.domain.ids import uuid7
from octavo.messaging.kafka import KafkaSink
from octavo.topics import Outgoing
from octavo.v1 import job_service_pb2 as jobs
from octavo.v1 import notification_pb2 as common
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent
from tests.e2e.callers import VALUES, Service
from tests.e2e.canaries import ADDRESS, CODE, NAME, NUMBER, PLANTED, WORD
from tests.e2e.places import records

Eventually = Callable[..., Any]

SHORT = {"OCTAVO_RETRY_DELAYS": "0.2,0.2", "OCTAVO_RETRY_JITTER": "0"}
"""So that the attempts to send are used up within a second."""


def settled(service: Service, ids: list[str], eventually: Eventually) -> None:
    """Waits until nothing more is to happen to these."""

    def done() -> bool:
        return all(service.get(notification_id).status not in UNSETTLED for notification_id in ids)

    eventually(done, 60)


def successes(service: Service, test: Service) -> Iterator[str]:
    """Messages that are sent, and that fail at the recipient."""
    for number in (NUMBER, "07700900002", "07700900003"):
        yield service.send(service.sms(phone_number=number))
    for place in (ADDRESS, f"perm-fail+{WORD}@example.com", f"complaint+{WORD}@example.com"):
        yield service.send(service.email(email_address=place))
    test.send(test.sms())
    test.send(test.email())


def batch(service: Service) -> bytes:
    """A batch of which some is refused; the errors in its answer."""
    items = [
        pb.BatchItem(sms=service.sms()),
        pb.BatchItem(sms=service.sms(phone_number=f"{NUMBER}471471")),
        pb.BatchItem(email=service.email(email_address=f"{WORD}@")),
        pb.BatchItem(email=service.email(personalisation={"name": f"{NAME}\n{ADDRESS}"})),
    ]
    answer = service.call("SendBatch", pb.SendBatchRequest(items=items))
    errors = [result.error.SerializeToString() for result in answer.results if result.HasField("error")]
    assert len(errors) == 3
    return b"".join(errors)


ROWS = f"""phone number,name,code
07400900471,{NAME},{CODE}
0740O900471,{NAME},{CODE}
07400900471,{NAME},
,{NAME},{CODE}
07400900471,{NAME},{CODE},{ADDRESS}
09098790471,{NAME},{CODE}
07400900471,{NAME * 100},{CODE}
"""


def file(service: Service) -> None:
    """A CSV job with wrong rows, to its end, with its report."""
    job = service.job(ROWS.encode())
    assert (job.total_rows, job.refused_rows) == (7, 6)
    states = service.call("WatchJob", jobs.WatchJobRequest(id=job.id))
    assert states[-1].job.status == jobs.JOB_STATUS_FINISHED
    service.call("DownloadReport", jobs.DownloadReportRequest(id=job.id))


@contextmanager
def behaving(
    known: Mapping[str, str], providers: Iterable[str] = ("mmg", "firetext", "ses"), /, **behaviour: Any
) -> Iterator[None]:
    """These providers behave so."""
    url = f"{known['SIMULATOR_URL']}/behaviour"
    told = json.dumps(dict.fromkeys(providers, behaviour))
    ask(url, "PUT", told.encode())
    try:
        yield
    finally:
        ask(url, "DELETE")


def failures(service: Service, stack: Stack, known: Mapping[str, str], eventually: Eventually) -> None:
    """Providers that refuse, break off, or answer nothing: retries, retries used up, unconfirmed sends."""
    stack.stop_program("dispatcher")
    stack.start_program("dispatcher", more=SHORT)
    try:
        for behaviour in (
            {"fail_share": 1, "fail_status": 500},
            {"fail_share": 1, "fail_status": 429, "retry_after": 0},
            {"fail_share": 1, "fail_status": 400},
            {"reset_share": 1},
            {"accept_then_reset_share": 1},
            {"accept_then_hang_share": 1},
        ):
            with behaving(known, **behaviour):
                ids = [service.send(service.sms()), service.send(service.email())]
                if "reset_share" in behaviour:
                    # Nobody knows, and no receipt will come: the record says so, and the sweep takes its time.
                    eventually(lambda ids=ids: all(service.get(one).status != UNSENT for one in ids))
                else:
                    settled(service, ids, eventually)
    finally:
        stack.stop_program("dispatcher")
        stack.start_program("dispatcher")


UNSENT = common.NOTIFICATION_STATUS_CREATED


def dead_letters(known: Mapping[str, str], service: Service, eventually: Eventually) -> None:
    """Records that can't be handled: garbage, what no key opens, what breaks the schema."""
    key, content = Fernet.generate_key().decode(), SealedContent(recipient=NAME)
    strangers = {form: Sealer([key], form).seal(content) for form in get_args(SealedForm)}
    messages = [
        Outgoing(topics.DB_SMS.name, b"garbage", f"{PLANTED} is no message".encode()),
        *(
            Outgoing(topics.SEND_SMS.name, f"unopenable {form}".encode(), _message(service, one).SerializeToString())
            for form, one in strangers.items()
        ),
        Outgoing(topics.DB_EMAIL.name, b"short id", _message(service, b"", id=b"short").SerializeToString()),
        Outgoing(
            topics.DB_SMS.name, b"year 300000", _message(service, b"", created_at_micros=2**62).SerializeToString()
        ),
        Outgoing(topics.RECEIPTS.name, b"garbage", f"{PLANTED} is no receipt".encode()),
        Outgoing(topics.JOBS.name, b"garbage", f"{PLANTED} is no job".encode()),
    ]
    sink = KafkaSink(known["KAFKA_BOOTSTRAP"])
    sink.publish(messages)
    sink.close()

    def buried() -> bool:
        letters = records(known["KAFKA_BOOTSTRAP"], [topic.dead for topic in topics.ALL])
        return {(letter.topic, letter.key) for letter in letters} >= {(f"{m.topic}.dead", m.key) for m in messages}

    eventually(buried)


def _message(service: Service, sealed: bytes, **fields: Any) -> NotificationMessage:
    right: dict[str, Any] = {
        "id": uuid7(datetime.now(UTC), urandom(10)).bytes,
        "service_id": bytes.fromhex(service.id.replace("-", "")),
        "type": common.NOTIFICATION_TYPE_SMS,
        "template_id": bytes.fromhex(service.sms_template_id.replace("-", "")),
        "template_version": 1,
        "key_type": common.KEY_TYPE_LIVE,
        "sealed": sealed,
        "created_at_micros": 1,
    }
    return NotificationMessage(**(right | fields))


def receipts(stack: Stack, known: Mapping[str, str], notification_id: str) -> list[int]:
    """Receipts of strangers, and of providers that write more than is asked; how each was answered."""
    doors, secrets = f"{known['RECEIPTS_URL']}/receipts", stack.instance.secrets
    mmg = {"CID": notification_id, "MSISDN": f"44{NUMBER[1:]}", "status": "3", "substatus": NAME}
    firetext = f"reference={notification_id}&mobile=44{NUMBER[1:]}&status=0&code={WORD}&time={WORD}"
    bounce = {
        "eventType": "Bounce",
        "mail": {"messageId": "0100", "destination": [ADDRESS], "tags": {"notification_id": [notification_id]}},
        "bounce": {
            "bounceType": NAME,
            "bouncedRecipients": [{"emailAddress": ADDRESS, "status": WORD * 20, "diagnosticCode": f"550 {ADDRESS}"}],
        },
    }
    topic = sns.Topic(
        sns.load_key(stack.instance.sns_key.read_bytes()),
        SNS_TOPIC,
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0471.pem",
    )
    signed = sns.parcel(topic.notification(json.dumps(bounce), WORD, datetime.now(UTC)))
    forged = signed.body.replace(b"550", b"551")
    bearer = {"Authorization": f"Bearer {secrets['mmg_receipt_token']}"}
    basic = base64.b64encode(f"firetext:{secrets['firetext_receipt_token']}".encode()).decode()
    wrong = base64.b64encode(f"{WORD}:{WORD}".encode()).decode()
    return [
        ask(f"{doors}/mmg", "POST", json.dumps(mmg).encode(), {"Authorization": f"Bearer {WORD}"}),
        ask(f"{doors}/mmg", "POST", json.dumps(mmg).encode(), bearer),
        ask(f"{doors}/mmg", "POST", json.dumps(mmg | {"status": NAME}).encode(), bearer),
        # Held: nobody knows it, as yet.
        ask(f"{doors}/mmg", "POST", json.dumps(mmg | {"CID": str(uuid4())}).encode(), bearer),
        ask(f"{doors}/mmg", "POST", f"{{{NAME}".encode(), bearer),
        ask(f"{doors}/mmg", "POST", WORD.encode() * 100_000, bearer),
        ask(f"{doors}/firetext", "POST", firetext.encode(), {"Authorization": f"Basic {wrong}"}),
        ask(f"{doors}/firetext", "POST", firetext.encode(), {"Authorization": f"Basic {basic}"}),
        ask(f"{doors}/ses", "POST", forged, signed.headers),
        ask(f"{doors}/ses", "POST", signed.body, signed.headers),
        ask(f"{doors}/{WORD}", "POST", NAME.encode()),
    ]


def without_database(service: Service, stack: Stack, eventually: Eventually) -> list[str]:
    """Messages that are persisted only after it was tried in vain, while PostgreSQL was away."""
    log = stack.instance.logs / "persister.log"
    before = log.stat().st_size
    stack.pause("persister")
    try:
        ids = [service.send(service.sms()), service.send(service.email())]
        stack.stop_program("postgres")
    finally:
        stack.resume("persister")
    try:
        for step in (b"RETRY persist_sms", b"RETRY persist_email"):
            eventually(lambda step=step: step in log.read_bytes()[before:], 60)
    finally:
        stack.start_program("postgres")
    eventually(lambda: _answers(service), 60)
    return ids


def _answers(service: Service) -> bool:
    """Whether the api has found its way back to PostgreSQL with all its pools: each connection has to notice by itself."""
    with suppress(grpc.RpcError):
        service.get(service.send(service.sms()))
        service.call("ListNotifications", pb.ListNotificationsRequest())
        service.job(ROWS.encode(), validate_only=True)
        service.api.service()
        return True
    return False


def scheduled_and_cancelled(service: Service) -> None:
    """A message for later, withdrawn."""
    later = datetime.now(UTC).replace(microsecond=0)
    request = service.sms(personalisation=VALUES)
    request.send_at.FromDatetime(later.replace(tzinfo=None))
    request.send_at.seconds += 3600
    notification_id = service.send(request)
    service.get(notification_id)
    service.call("CancelNotification", pb.CancelNotificationRequest(id=notification_id))


def ask(url: str, method: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> int:
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    with suppress(ConnectionError):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
    return 0
