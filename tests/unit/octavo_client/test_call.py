"""A call is repeated where that is safe and may help, within its deadline; an error says what to do about it."""

from datetime import timedelta

import grpc
import pytest

import octavo_client
from octavo.v1 import notification_service_pb2 as pb
from octavo_client.details import of_call
from octavo_client.notifications import Notifications
from octavo_client.services import ApiKeys

C = grpc.StatusCode
SENT = pb.SendSmsResponse(id="the-id", body="Hello")


def send(world, **patience):
    return Notifications(world.caller(**patience)).send_sms("template", "07700900001", {"name": "Ann"})


@pytest.mark.parametrize("code", [C.UNAVAILABLE, C.DEADLINE_EXCEEDED, C.ABORTED, C.CANCELLED, C.RESOURCE_EXHAUSTED])
def test_repeats_a_send_with_the_same_request_id(world, failure, code):
    world.answers["SendSms"] = [failure(code), failure(code), SENT]
    assert send(world).id == "the-id"
    assert len({attempt.request.request_id for attempt in world.asked["SendSms"]}) == 1
    assert world.asked["SendSms"][0].request.request_id


def test_each_call_has_a_request_id_of_its_own(world):
    world.answers["SendSms"] = [SENT, SENT]
    send(world)
    send(world)
    first, second = (attempt.request.request_id for attempt in world.asked["SendSms"])
    assert first != second


@pytest.mark.parametrize(
    "code",
    [
        C.INVALID_ARGUMENT,
        C.UNAUTHENTICATED,
        C.PERMISSION_DENIED,
        C.NOT_FOUND,
        C.ALREADY_EXISTS,
        C.FAILED_PRECONDITION,
        C.INTERNAL,
        C.UNIMPLEMENTED,
    ],
)
def test_does_not_repeat_what_waiting_does_not_change(world, failure, code):
    world.answers["SendSms"] = [failure(code)]
    with pytest.raises(octavo_client.OctavoError):
        send(world)
    assert len(world.asked["SendSms"]) == 1


def test_a_limit_without_an_end_is_not_waited_for(world, failure):
    world.answers["SendSms"] = [failure(C.RESOURCE_EXHAUSTED, reason="DAILY_LIMIT_EXCEEDED")]
    with pytest.raises(octavo_client.QuotaExceeded):
        send(world)
    assert len(world.asked["SendSms"]) == 1


def test_a_request_that_no_server_reads_is_not_sent(world):
    with pytest.raises(octavo_client.InvalidArgument) as refused:
        Notifications(world.caller()).send_email("template", "a@example.com", {"name": "x" * 4 * 1024 * 1024})
    assert refused.value.reason == "CONTENT_TOO_LONG"
    assert "SendEmail" not in world.asked


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "NoneType"),
        (5, "int"),
        ({"secret": 1}, "dict"),
        (["secret", None], "a list with NoneType"),
        (("secret", 5, True), "a tuple with bool, int"),
        (b"secret", "bytes"),
    ],
)
def test_a_value_that_is_no_text_is_refused_by_its_name_alone(world, value, told):
    with pytest.raises(TypeError) as refused:
        Notifications(world.caller()).send_sms("template", "07700900001", {"name": "Ann", "code": value})
    assert str(refused.value) == f"personalisation['code'] must be a text or a list of texts, not {told}"


def test_texts_and_lists_go_where_they_belong(world):
    world.answers["SendSms"] = [SENT]
    Notifications(world.caller()).send_sms("template", "07700900001", {"name": "", "things": ["pen"], "none": ()})
    request = world.asked["SendSms"][0].request
    assert dict(request.personalisation) == {"name": ""}
    assert {name: list(texts.values) for name, texts in request.personalisation_lists.items()} == {
        "things": ["pen"],
        "none": [],
    }


def test_waits_longer_each_time_and_gives_up_after_its_attempts(world, failure):
    world.answers["SendSms"] = [failure(C.UNAVAILABLE)] * 5
    with pytest.raises(octavo_client.Unavailable):
        send(world, attempts=4)
    assert len(world.asked["SendSms"]) == 4
    for wait, least in zip(world.waits, (0.2, 0.4, 0.8), strict=True):
        assert least <= wait <= least * 1.25


def test_waits_as_long_as_the_server_asks(world, failure):
    world.answers["SendSms"] = [failure(C.UNAVAILABLE, reason="QUEUE_UNAVAILABLE", retry_after=3), SENT]
    send(world)
    assert 3 <= world.waits[0] <= 3.75


def test_waits_for_a_limit_that_ends_soon(world, failure):
    world.answers["SendSms"] = [failure(C.RESOURCE_EXHAUSTED, reason="RATE_LIMIT_EXCEEDED", retry_after=2), SENT]
    assert send(world).id == "the-id"


def test_does_not_wait_for_tomorrow(world, failure):
    world.answers["SendSms"] = [failure(C.RESOURCE_EXHAUSTED, reason="DAILY_LIMIT_EXCEEDED", retry_after=40_000)]
    with pytest.raises(octavo_client.QuotaExceeded) as raised:
        send(world)
    assert raised.value.retry_after == timedelta(seconds=40_000)
    assert raised.value.reason == "DAILY_LIMIT_EXCEEDED"
    assert not world.waits


def test_ends_by_its_deadline(world, failure):
    world.every_call_takes = 4
    world.answers["SendSms"] = [failure(C.DEADLINE_EXCEEDED)] * 9
    with pytest.raises(octavo_client.DeadlineExceeded):
        send(world, deadline=10, attempt=4, attempts=9)
    timeouts = [attempt.timeout for attempt in world.asked["SendSms"]]
    assert timeouts[:2] == [4, 4]
    assert timeouts[2] < 2
    assert all(attempt.at + attempt.timeout <= 10.001 for attempt in world.asked["SendSms"])


def test_what_is_not_safe_to_do_twice_is_done_once(world, failure):
    world.answers["CreateApiKey"] = [failure(C.UNAVAILABLE)]
    with pytest.raises(octavo_client.Unavailable):
        ApiKeys(world.caller()).create("service", "name", "live")
    assert len(world.asked["CreateApiKey"]) == 1


def test_every_call_carries_the_key(world):
    world.answers["SendSms"] = [SENT]
    send(world)
    assert ("authorization", "Bearer the-key") in world.asked["SendSms"][0].metadata


def test_an_error_names_reason_and_fields(failure):
    error = of_call(
        failure(
            C.INVALID_ARGUMENT,
            "phone_number: no such country",
            reason="RECIPIENT_UNKNOWN_COUNTRY",
            fields=[("phone_number", "RECIPIENT_UNKNOWN_COUNTRY", "no such country")],
        )
    )
    assert isinstance(error, octavo_client.InvalidArgument)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "RECIPIENT_UNKNOWN_COUNTRY")
    assert error.field_violations == (
        octavo_client.FieldViolation("phone_number", "RECIPIENT_UNKNOWN_COUNTRY", "no such country"),
    )
    assert error.metadata == {"limit": "5"}
    assert "no such country" in str(error)


@pytest.mark.parametrize("trailers", [None, (), (("grpc-status-details-bin", b"\xff\xff"),), (("other", "x"),)])
def test_an_error_without_readable_details_keeps_its_code(failure, trailers):
    error = of_call(failure(C.UNAVAILABLE, "Connection refused", trailers=trailers))
    assert isinstance(error, octavo_client.Unavailable)
    assert (error.reason, error.message) == ("UNAVAILABLE", "Connection refused")


def test_an_unknown_fault_is_the_servers(failure):
    assert isinstance(of_call(failure(C.INTERNAL, "internal error")), octavo_client.ServerFault)


def test_a_key_that_can_not_be_a_header_is_refused_without_being_shown():
    with pytest.raises(ValueError, match="API key") as raised:
        octavo_client.Client("localhost:1", "secret\n")
    assert "secret" not in str(raised.value)
