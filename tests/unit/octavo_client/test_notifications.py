"""What the client makes of answers: values with types, lists of any length, streams that go on."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
import pytest
from google.rpc import status_pb2

import octavo_client
from octavo.v1 import notification_pb2, notification_service_pb2
from octavo_client import Email, Filter, NotificationType, Sms, Status
from octavo_client.notifications import Notifications

pb = notification_service_pb2
C = grpc.StatusCode
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def octavo(world):
    return Notifications(world.caller())


def change(number, status="CREATED"):
    return pb.WatchNotificationsResponse(
        notification_id=f"n{number}",
        type="NOTIFICATION_TYPE_SMS",
        change={"status": f"NOTIFICATION_STATUS_{status}", "at": NOW},
        resume_token=f"after-{number}",
    )


def page(first, last, token=""):
    items = [notification_pb2.Notification(id=str(i), created_at=NOW) for i in range(first, last)]
    return pb.ListNotificationsResponse(notifications=items, next_page_token=token)


def test_a_new_request_id_is_a_uuid7_of_now():
    made = UUID(octavo_client.new_request_id())
    assert made.version == 7
    assert abs((made.int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 5
    assert len({octavo_client.new_request_id() for _ in range(1000)}) == 1000


def test_a_message_has_one_request_id_for_life():
    message = Sms("template", "07700900001")
    assert message.request_id == message.request_id != Sms("template", "07700900001").request_id
    assert Email("template", "ann@example.com", request_id="mine").request_id == "mine"


def test_personal_data_is_not_shown_by_repr():
    assert "0770" not in repr(Sms("template", "07700900001", {"name": "Ann"}))
    assert "ann" not in repr(Email("template", "ann@example.com", {"name": "ann"}))


def test_sends_all_that_was_given(world, octavo):
    world.answers["SendEmail"] = [pb.SendEmailResponse(id="e", subject="Hi", send_at=NOW)]
    sent = octavo.send_email(
        "template",
        "ann@example.com",
        {"name": "Ann", "things": ["a", "b"]},
        reference="r",
        send_at=NOW,
        reply_to="x@y.z",
    )
    request = world.asked["SendEmail"][0].request
    assert dict(request.personalisation) == {"name": "Ann"}
    assert list(request.personalisation_lists["things"].values) == ["a", "b"]
    assert (request.template_id, request.email_address, request.reference, request.reply_to) == (
        "template",
        "ann@example.com",
        "r",
        "x@y.z",
    )
    assert (sent.type, sent.subject, sent.send_at, sent.encoding) == (NotificationType.EMAIL, "Hi", NOW, None)


def test_a_time_without_zone_is_refused(octavo):
    with pytest.raises(ValueError, match="zone"):
        octavo.send_sms("template", "07700900001", send_at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_a_notification_is_read_with_its_types(world, octavo):
    answer = notification_pb2.Notification(
        id="n",
        type="NOTIFICATION_TYPE_SMS",
        status="NOTIFICATION_STATUS_TEMPORARY_FAILURE",
        key_type="KEY_TYPE_TEAM",
        encoding="SMS_ENCODING_UCS2",
        created_at=NOW,
        history=[{"status": "NOTIFICATION_STATUS_CREATED", "at": NOW, "reason": "x"}],
    )
    world.answers["GetNotification"] = [pb.GetNotificationResponse(notification=answer)]
    found = octavo.get("n")
    assert (found.type, found.status, found.key_type, found.encoding) == ("sms", "temporary-failure", "team", "ucs2")
    assert (found.created_at, found.sent_at) == (NOW, None)
    assert found.history == (octavo_client.StatusChange(Status.CREATED, NOW, "x"),)


def test_what_a_newer_server_knows_is_unknown(world, octavo):
    answer = notification_pb2.Notification(id="n", created_at=NOW)
    # An open enum keeps numbers that it has no name for.
    answer.MergeFromString(bytes([4 << 3, 99]))
    world.answers["GetNotification"] = [pb.GetNotificationResponse(notification=answer)]
    assert octavo.get("n").status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (notification_pb2.NotificationStatus, Status),
        (notification_pb2.NotificationType, NotificationType),
        (notification_pb2.KeyType, octavo_client.KeyType),
        (notification_pb2.SmsEncoding, octavo_client.SmsEncoding),
    ],
)
def test_every_member_of_the_api_has_a_value(values, kind):
    prefix = values.Name(0).removesuffix("UNSPECIFIED")
    names = {name.removeprefix(prefix).lower().replace("_", "-") for name in values.keys()[1:]}
    assert names == {member.value for member in kind} - {"unknown"}


def test_lists_all_pages_as_they_are_reached(world, octavo):
    world.answers["ListNotifications"] = [page(0, 2, "second"), page(2, 4, "third"), page(4, 5)]
    listed = octavo.list(Filter(type="sms", statuses=[Status.TEMPORARY_FAILURE], reference="r"), page_size=2)
    assert [item.id for item in itertools.islice(listed, 3)] == ["0", "1", "2"]
    assert len(world.asked["ListNotifications"]) == 2
    assert [item.id for item in listed] == ["3", "4"]
    requests = [asked.request for asked in world.asked["ListNotifications"]]
    assert [request.page_token for request in requests] == ["", "second", "third"]
    assert {request.reference for request in requests} == {"r"}
    assert list(requests[0].statuses) == [notification_pb2.NOTIFICATION_STATUS_TEMPORARY_FAILURE]


def test_a_page_that_fails_is_asked_for_again(world, octavo, failure):
    world.answers["ListNotifications"] = [page(0, 2, "second"), failure(C.UNAVAILABLE), page(2, 3)]
    assert [item.id for item in octavo.list()] == ["0", "1", "2"]


def test_one_page_can_be_had_alone(world, octavo):
    world.answers["ListNotifications"] = [page(2, 4, "third")]
    listed = octavo.list(page_token="second")
    assert [item.id for item in listed.page()] == ["2", "3"]
    assert listed.next_page_token == "third"


def test_an_unknown_status_is_no_filter(octavo):
    with pytest.raises(ValueError, match="flying"):
        octavo.list(Filter(statuses=["flying"]))


def test_a_batch_is_cut_into_calls_and_answered_in_order(world, octavo, failure):
    refused = status_pb2.Status(code=C.INVALID_ARGUMENT.value[0], message="no")
    some = [pb.BatchResult(sms={"id": str(i)}) for i in range(499)]
    world.answers["SendBatch"] = [
        pb.SendBatchResponse(results=[*some, pb.BatchResult(error=refused)]),
        failure(C.PERMISSION_DENIED),
    ]
    results = octavo.send_batch([Sms("t", "07700900001") for _ in range(501)])
    assert [sent.id for sent in results[:499]] == [str(i) for i in range(499)]
    assert isinstance(results[499], octavo_client.InvalidArgument)
    assert isinstance(results[500], octavo_client.PermissionDenied)


def test_a_batch_of_long_emails_is_cut_by_size(world, octavo):
    world.answers["SendBatch"] = [pb.SendBatchResponse(results=[pb.BatchResult(email={"id": "e"})])] * 3
    octavo.send_batch([Email("t", "ann@example.com", {"text": "x" * 2_000_000}) for _ in range(3)])
    assert [len(asked.request.items) for asked in world.asked["SendBatch"]] == [1, 1, 1]


def test_a_stream_goes_on_where_it_was_cut(world, octavo, failure):
    world.answers["WatchNotifications"] = [
        [change(1), change(2), failure(C.UNAVAILABLE)],
        [failure(C.UNAVAILABLE, reason="SHUTTING_DOWN", retry_after=0.2)],
        [change(3, "DELIVERED")],
    ]
    assert [seen.notification_id for seen in octavo.watch("n")] == ["n1", "n2", "n3"]
    assert [a.request.resume_token for a in world.asked["WatchNotifications"]] == ["", "after-2", "after-2"]


def test_the_stream_of_a_service_goes_on_after_its_end(world, octavo):
    world.answers["WatchNotifications"] = [[change(1)], [change(2)]]
    assert [seen.notification_id for seen in itertools.islice(octavo.watch(), 2)] == ["n1", "n2"]


def test_a_stream_gives_up_when_nothing_came_for_long(world, octavo, failure):
    world.answers["WatchNotifications"] = [[failure(C.UNAVAILABLE)]] * 100
    with pytest.raises(octavo_client.Unavailable):
        list(octavo.watch("n", give_up_after=timedelta(seconds=20)))
    assert 20 <= world.now <= 30


def test_a_stream_that_is_refused_ends(world, octavo, failure):
    world.answers["WatchNotifications"] = [[failure(C.INVALID_ARGUMENT, reason="INVALID_RESUME_TOKEN")]]
    with pytest.raises(octavo_client.InvalidArgument):
        next(octavo.watch(resume_token="forged"))


def test_waits_for_the_final_status(world, octavo):
    world.answers["WatchNotifications"] = [[change(1), change(1, "SENDING"), change(1, "DELIVERED")]]
    assert octavo.wait("n1") is Status.DELIVERED


def test_waits_no_longer_than_told(world, octavo, failure):
    world.answers["WatchNotifications"] = [[failure(C.UNAVAILABLE)]] * 100
    with pytest.raises(octavo_client.DeadlineExceeded):
        octavo.wait("n1", timedelta(seconds=5))
    assert world.now <= 5


def test_final_statuses_are_those_from_which_nothing_is_expected():
    waiting = {status for status in Status if not status.is_final}
    assert waiting == {Status.SCHEDULED, Status.CREATED, Status.SENDING, Status.PENDING, Status.UNKNOWN}


def test_statistics_are_asked_for_by_day(world, octavo):
    line = pb.StatisticsLine(day="2026-03-01", type="NOTIFICATION_TYPE_SMS", status="NOTIFICATION_STATUS_SENT", count=7)
    world.answers["GetStatistics"] = [pb.GetStatisticsResponse(lines=[line])]
    (found,) = octavo.statistics(NOW.date(), "2026-03-02", type="sms")
    assert (found.count, found.status) == (7, Status.SENT)
    request = world.asked["GetStatistics"][0].request
    assert (request.from_day, request.to_day) == ("2026-03-01", "2026-03-02")
