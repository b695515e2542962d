"""A provider, a client or an operator errs: for as long as a block, which ends with the remedy of the alert's page."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from os import urandom

import boto3
import grpc
import psycopg2
from cryptography.fernet import Fernet

from deploy.local.environment import s3_access
from deploy.local.instance import ROOT
from octavo.domain.ids import uuid7
from octavo.v1 import job_service_pb2 as jobs
from octavo.v1 import notification_pb2 as common
from octavo.v1 import notification_service_pb2 as pb
from tests.certificates import Authority
from tests.e2e import paths
from tests.e2e.alerts.scene import FEW, Scene
from tests.e2e.callers import Api
from tests.integration.transport.conftest import free_port
from tests.waiting import until


@contextmanager
def unopenable(scene: Scene) -> Iterator[None]:
    """A dispatcher is rolled out without the key that seals; then it is rolled back, and what died is replayed."""
    scene.restart("dispatcher", OCTAVO_SEALING_KEYS=Fernet.generate_key().decode())
    try:
        # Not so many that the consumer stops itself.
        dead = scene.send(5)
        yield
    finally:
        scene.restart("dispatcher")
    scene.command("octavo.replay", "--topic", "send-sms")
    assert {one.status for one in scene.settled(dead)} == {common.NOTIFICATION_STATUS_DELIVERED}


@contextmanager
def request_id_reused(scene: Scene) -> Iterator[None]:
    """A client uses one request_id for two messages, at two processes of the api; then each message has its own."""
    port = str(free_port())
    scene.workers.start("api-2", OCTAVO_API_PORT=port)
    scene.afterwards.callback(scene.workers.stop, "api-2")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        other = replace(scene.service, api=Api(channel, scene.known["OCTAVO_ADMIN_KEY"]))
        # It knows the service by then, and takes no time to look: a first call is always young.
        other.send(other.sms())
        same = str(uuid7(datetime.now(UTC), urandom(10)))
        ids = {
            scene.service.send(scene.service.sms(request_id=same)),
            other.send(other.sms(request_id=same, phone_number="07700900222")),
        }
        assert len(ids) == 1
        yield
    scene.settled(ids)
    told = [line for line in scene.workers.log("persister-db") if "other content" in line]
    assert [line for line in told if scene.service.id in line]


@contextmanager
def provider_hangs(scene: Scene) -> Iterator[None]:
    """A provider of texts takes messages and never answers; then the others get all of them, while it goes on so."""
    # Its receipts come once nobody waits for its answers any more.
    hanging = paths.behaving(scene.known, ["mmg"], accept_then_hang_share=1, receipt_delay_ms=12_000)
    scene.afterwards.enter_context(hanging)
    yield
    scene.restart("dispatcher", OCTAVO_SMS_PROVIDERS="mmg=0,firetext=100")
    scene.afterwards.callback(scene.restart, "dispatcher")
    assert {one.provider for one in scene.settled(scene.send(20))} == {"firetext"}


@contextmanager
def providers_fail(scene: Scene) -> Iterator[None]:
    """Providers refuse all, for longer than the attempts last; then they are well."""
    scene.restart("dispatcher", OCTAVO_RETRY_DELAYS="2,2,2", OCTAVO_RETRY_JITTER="0")
    scene.afterwards.callback(scene.restart, "dispatcher")
    with paths.behaving(scene.known, fail_share=1, fail_status=500):
        yield
        last = scene.send(5)
        until(lambda: all((seen := scene.found(one)) and seen.status_reason for one in last))
    # By themselves, as each has attempts left.
    assert {one.status for one in scene.settled(last)} == {common.NOTIFICATION_STATUS_DELIVERED}


@contextmanager
def requests_refused(scene: Scene) -> Iterator[None]:
    """Providers refuse what is sent for good, whoever the recipient is; then they take it."""
    with paths.behaving(scene.known, ["mmg", "firetext"], fail_share=1, fail_status=400):
        refused = scene.send(FEW)
        yield
        assert {one.status for one in scene.settled(refused)} == {common.NOTIFICATION_STATUS_TECHNICAL_FAILURE}


@contextmanager
def file_removed(scene: Scene) -> Iterator[None]:
    """The file of a job is removed before it is read; then it is put back."""
    data = b"phone number,name,code\n" + b"07700900111,Ann,1\n" * 20
    told = scene.stack.environment
    store = boto3.client("s3", **s3_access(told))
    with scene.workers.away("persister-jobs"):
        file = scene.service.upload(data)
        job = scene.service.job(data, object_key=file.object_key, etag=file.etag)
        where = {"Bucket": told["OCTAVO_S3_BUCKET"], "Key": file.object_key}
        store.delete_object(**where)
    yield
    store.put_object(**where, Body=data)
    # It is looked at each minute.
    until(
        lambda: scene.service.call("GetJob", jobs.GetJobRequest(id=job.id)).job.status == jobs.JOB_STATUS_FINISHED, 120
    )


@contextmanager
def receipts_fail(scene: Scene) -> Iterator[None]:
    """MMG accepts texts and reports that none arrived; then no more of these come."""
    # To a number from which the simulator sends no receipt of its own.
    items = [pb.BatchItem(sms=scene.service.sms(phone_number="07700900004")) for _ in range(120)]
    sent = [one.sms.id for one in scene.service.call("SendBatch", pb.SendBatchRequest(items=items)).results]
    for one in sent:
        assert _receipt_of_mmg(scene, one, "4") == 200
    yield
    assert {one.status for one in scene.settled(sent)} == {common.NOTIFICATION_STATUS_TEMPORARY_FAILURE}
    with closing(psycopg2.connect(scene.known["DATABASE_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute(_look("ReceiptsFailing"))
        assert ("mmg", "temporary-failure", "mmg status 4/0") in {row[:3] for row in cursor.fetchall()}


def _receipt_of_mmg(scene: Scene, one: str, status: str) -> int:
    token = {"Authorization": f"Bearer {scene.stack.instance.secrets['mmg_receipt_token']}"}
    body = json.dumps({"CID": one, "MSISDN": "447700900004", "status": status, "substatus": "0"}).encode()
    return paths.ask(f"{scene.known['RECEIPTS_URL']}/receipts/mmg", "POST", body, token)


@contextmanager
def receipt_unknown(scene: Scene) -> Iterator[None]:
    """MMG sends a status that is in no table. The remedy is a change of the code."""
    # To a number from which the simulator sends no receipt of its own.
    one = scene.service.send(scene.service.sms(phone_number="07700900004"))
    assert _receipt_of_mmg(scene, one, "17") == 200
    yield
    assert [settled.status_reason for settled in scene.settled([one])] == ["mmg status 17/0"]
    with closing(psycopg2.connect(scene.known["DATABASE_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute(_look("ReceiptsUnknown"))
        assert "mmg status 17/0" in {reason for _provider, reason, _count in cursor.fetchall()}


def _look(alert: str) -> str:
    """The statement with which an alert's page has operators look."""
    page = (ROOT / "docs/operations/alerts/receipts.md").read_text()
    return page.partition(f"## Octavo{alert}\n")[2].partition("```sql\n")[2].partition("```")[0]


@contextmanager
def token_changed(scene: Scene) -> Iterator[None]:
    """Our token of a provider's receipts is changed, and the provider has the old one; then it is corrected."""
    scene.restart("callbacks", OCTAVO_MMG_RECEIPT_TOKEN="one-that-the-provider-does-not-have")
    try:
        yield
    finally:
        scene.restart("callbacks")


@contextmanager
def certificate_old(scene: Scene) -> Iterator[None]:
    """The api's certificate has three days left, then half of one; then a new one lies in its place, and the process goes on."""
    authority, folder, port = Authority(), scene.stack.instance.run, str(free_port())
    chain, key = authority.vouches_for("api", days=3).write(folder)
    scene.workers.start("api-2", OCTAVO_API_PORT=port, OCTAVO_TLS_CERT_FILE=str(chain), OCTAVO_TLS_KEY_FILE=str(key))
    scene.afterwards.callback(scene.workers.stop, "api-2")
    process = scene.workers.pid("api-2")

    def show(days: float) -> None:
        authority.vouches_for("api", days).write(folder)
        with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(authority.chain)) as channel:
            grpc.channel_ready_future(channel).result(30)

    until(lambda: "OctavoCertificateExpires" in scene.firing())
    assert "OctavoCertificateExpiresSoon" not in scene.firing()
    show(days=0.5)
    yield
    show(days=90)
    assert scene.workers.pid("api-2") == process
