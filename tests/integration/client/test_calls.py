"""The client over the wire: repetitions, deadlines, lists, errors, and a connection that comes back."""

import ipaddress
import threading
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import octavo_client
from octavo.domain import errors
from octavo.domain.errors import Reason, Violation
from octavo.v1 import api_key_service_pb2, notification_pb2
from octavo.v1 import notification_service_pb2 as pb
from octavo_client import Status
from tests.certificates import Authority

TEMPLATE = "0198c0de-0000-7000-8000-000000000001"


def test_a_send_is_repeated_with_its_request_id_until_it_is_accepted(server, octavo, refuse):
    asked = []

    def send(request, context):
        asked.append((request.request_id, time.monotonic()))
        if len(asked) < 3:
            wait = timedelta(milliseconds=300)
            refuse(context, errors.Unavailable("Kafka is away", reason=Reason.QUEUE_UNAVAILABLE, retry_after=wait))
        return pb.SendSmsResponse(id="n", body="Hello Ann", parts=1, encoding="SMS_ENCODING_GSM7")

    server.methods["SendSms"] = send
    sent = octavo.send_sms(TEMPLATE, "07700900001", {"name": "Ann"})
    assert (sent.id, sent.body, sent.encoding) == ("n", "Hello Ann", "gsm7")
    assert len({request_id for request_id, _ in asked}) == 1
    assert asked[1][1] - asked[0][1] >= 0.3
    assert server.keys == ["Bearer the-key"] * 3


def test_a_lost_answer_is_asked_for_again(server, hang):
    asked = []

    def send(request, context):
        asked.append(request.request_id)
        if len(asked) == 1:
            hang(context)
        return pb.SendSmsResponse(id="n")

    server.methods["SendSms"] = send
    with octavo_client.Client(server.address, "k", attempt_deadline=0.3) as octavo:
        assert octavo.send_sms(TEMPLATE, "07700900001").id == "n"
    assert len(asked) == 2
    assert len(set(asked)) == 1


def test_a_call_ends_by_its_deadline(server, hang):
    server.methods["GetNotification"] = lambda _, context: hang(context)
    began = time.monotonic()
    with (
        octavo_client.Client(server.address, "k", deadline=0.8, attempt_deadline=0.3) as octavo,
        pytest.raises(octavo_client.DeadlineExceeded),
    ):
        octavo.get("n")
    assert time.monotonic() - began < 3


def test_a_server_that_is_not_there_is_unavailable(server):
    server.stop()
    with (
        octavo_client.Client(server.address, "k", deadline=1) as octavo,
        pytest.raises(octavo_client.Unavailable),
    ):
        octavo.get("n")


def test_a_restart_of_the_server_is_not_noticed(server, octavo):
    server.methods["GetNotification"] = lambda request, _: pb.GetNotificationResponse(
        notification=notification_pb2.Notification(id=request.id)
    )
    assert octavo.get("first").id == "first"
    server.stop()
    restart = threading.Timer(0.5, server.start)
    restart.start()
    try:
        assert octavo.get("second").id == "second"
    finally:
        restart.join()


def test_an_error_names_the_fields(server, octavo, refuse):
    wrong = [
        Violation("phone_number", Reason.RECIPIENT_LETTERS, "has letters in it"),
        Violation("personalisation[name]", Reason.MISSING_PERSONALISATION, "is needed by the template"),
    ]
    server.methods["SendSms"] = lambda _, context: refuse(context, errors.Invalid(*wrong))
    with pytest.raises(octavo_client.InvalidArgument) as raised:
        octavo.send_sms(TEMPLATE, "0770090000x")
    assert [(v.field, v.reason) for v in raised.value.field_violations] == [
        ("phone_number", "RECIPIENT_LETTERS"),
        ("personalisation[name]", "MISSING_PERSONALISATION"),
    ]
    assert len(server.keys) == 1


def test_a_used_up_limit_says_until_when(server, octavo, refuse):
    error = errors.LimitExceeded(
        Reason.DAILY_LIMIT_EXCEEDED, "too many", subject="service:s/sms", limit=5, retry_after=timedelta(hours=3)
    )
    server.methods["SendSms"] = lambda _, context: refuse(context, error)
    with pytest.raises(octavo_client.QuotaExceeded) as raised:
        octavo.send_sms(TEMPLATE, "07700900001")
    assert raised.value.reason == "DAILY_LIMIT_EXCEEDED"
    assert raised.value.retry_after == timedelta(hours=3)


def test_a_server_that_does_not_know_the_call_is_told_apart(octavo):
    with pytest.raises(octavo_client.ServerFault) as raised:
        octavo.get("n")
    assert raised.value.code == "UNIMPLEMENTED"


def test_lists_all_pages(server, octavo):
    def listing(request, _):
        first = int(request.page_token or 0)
        items = [notification_pb2.Notification(id=str(i)) for i in range(first, min(first + request.page_size, 7))]
        after = first + request.page_size
        return pb.ListNotificationsResponse(notifications=items, next_page_token=str(after) if after < 7 else "")

    server.methods["ListNotifications"] = listing
    assert [found.id for found in octavo.list(page_size=3)] == [str(i) for i in range(7)]


def test_a_stream_goes_on_at_another_server(server, octavo, hang):
    def watch(request, context):
        seen = int(request.resume_token or 0)
        for number in range(seen + 1, seen + 3):
            status = "DELIVERED" if number == 4 else "SENDING"
            change = {"status": f"NOTIFICATION_STATUS_{status}"}
            yield pb.WatchNotificationsResponse(notification_id="n", change=change, resume_token=str(number))
        if number != 4:
            hang(context)

    server.methods["WatchNotifications"] = watch
    seen = []
    for change in octavo.watch("n"):
        seen.append((change.resume_token, change.change.status))
        if len(seen) == 2:
            server.stop()
            server.start()
    assert seen == [("1", "sending"), ("2", "sending"), ("3", "sending"), ("4", "delivered")]


def test_waiting_ends_when_told(server, octavo, hang):
    server.methods["WatchNotifications"] = lambda _, context: iter(lambda: hang(context), None)
    with pytest.raises(octavo_client.DeadlineExceeded):
        octavo.wait("n", timedelta(seconds=0.5))


def test_waits_for_the_final_status(server, octavo):
    server.methods["WatchNotifications"] = lambda _, __: iter(
        [pb.WatchNotificationsResponse(change={"status": "NOTIFICATION_STATUS_PERMANENT_FAILURE"})]
    )
    assert octavo.wait("n") is Status.PERMANENT_FAILURE


def test_a_key_is_made_once_even_if_the_answer_is_lost(server, admin, refuse):
    asked = []

    def create(request, context):
        asked.append(request.name)
        refuse(context, errors.Unavailable("the answer is lost"))

    server.methods["CreateApiKey"] = create
    with pytest.raises(octavo_client.Unavailable):
        admin.keys.create("s", "mine", "live")
    assert asked == ["mine"]


def test_the_secret_of_a_key_comes_once(server, admin):
    server.methods["CreateApiKey"] = lambda request, _: api_key_service_pb2.CreateApiKeyResponse(
        api_key={"id": "k", "name": request.name, "type": request.type}, secret="hush"
    )
    assert admin.keys.create("s", "mine", "team").secret == "hush"
    assert server.keys == ["Bearer the-admin-key"]


def test_tls_trusts_the_authorities_of_a_file_and_no_others(server, tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority = tmp_path / "authority.pem"
    authority.write_bytes(pem)
    server.stop()
    server.start(grpc.ssl_server_credentials([(secret, pem)]))
    server.methods["GetNotification"] = lambda _, __: pb.GetNotificationResponse(notification={"id": "n"})
    with octavo_client.Client(server.address, "k", tls=authority) as octavo:
        assert octavo.get("n").id == "n"
    with (
        octavo_client.Client(server.address, "k", tls=True, attempts=1) as octavo,
        pytest.raises(octavo_client.Unavailable),
    ):
        octavo.get("n")


def test_the_name_of_a_certificate_is_refused_where_none_is_shown():
    with pytest.raises(ValueError, match="without tls"):
        octavo_client.Client("localhost:1", "k", tls_name="api.octavo")


def test_a_certificate_is_refused_without_tls_without_its_key_and_with_another(tmp_path):
    own, key = Authority().vouches_for("shop").write(tmp_path, "own")
    _, other = Authority().vouches_for("shop").write(tmp_path, "other")
    with pytest.raises(ValueError, match="without tls"):
        octavo_client.Client("localhost:1", "k", tls_certificate=own, tls_key=key)
    for certificate, its_key in ((own, None), (None, key)):
        with pytest.raises(ValueError, match="go together"):
            octavo_client.AdminClient("localhost:1", "k", tls=True, tls_certificate=certificate, tls_key=its_key)
    with pytest.raises(ValueError, match=r"own\.crt and .*other\.key are no certificate and its key"):
        octavo_client.Client("localhost:1", "k", tls=True, tls_certificate=own, tls_key=other)
