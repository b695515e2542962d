import pytest

from octavo import topics
from octavo.domain.errors import Malformed
from octavo.domain.notification import NotificationType
from octavo.v1.messages_pb2 import NotificationMessage, ReceiptMessage

EIGHT = {"db-sms", "db-email", "send-sms", "send-email", "bulk-sms", "bulk-email", "sms", "email"}


@pytest.mark.asked("C1", "S3")
def test_the_eight_lane_topics_are_those_that_were_asked_for():
    lanes = {topic.name for lane in topics.LANES for topic in (lane.persist, lane.send)}
    assert lanes == EIGHT
    assert {topic.name for topic in topics.ALL} == EIGHT | {"jobs", "receipts"}


@pytest.mark.asked("S1", "S2")
@pytest.mark.parametrize(
    ("kind", "in_job", "persist", "send"),
    [
        (NotificationType.SMS, False, "db-sms", "send-sms"),
        (NotificationType.EMAIL, False, "db-email", "send-email"),
        (NotificationType.SMS, True, "bulk-sms", "sms"),
        (NotificationType.EMAIL, True, "bulk-email", "email"),
    ],
)
def test_each_lane_persists_first_and_sends_then(kind, in_job, persist, send):
    lane = topics.lane_of(kind, in_job=in_job)
    assert (lane.persist.name, lane.send.name) == (persist, send)


def test_a_notification_is_keyed_by_its_id():
    outgoing = topics.to(topics.DB_SMS, NotificationMessage(id=b"i" * 16))
    assert outgoing.key == b"i" * 16
    assert topics.DB_SMS.decode(outgoing.value).id == b"i" * 16


def test_a_receipt_is_keyed_by_the_notification_or_else_by_the_providers_reference():
    assert topics.RECEIPTS.key(ReceiptMessage(notification_id=b"i" * 16, provider_reference="r")) == b"i" * 16
    assert topics.RECEIPTS.key(ReceiptMessage(provider_reference="r")) == b"r"


@pytest.mark.parametrize("value", [b"", None, b"\xff\xff\xff"])
def test_what_is_no_message_is_malformed(value):
    with pytest.raises(Malformed, match="db-sms"):
        topics.DB_SMS.decode(value)


def test_every_topic_has_a_dead_letter_topic():
    names = list(topics.names())
    assert len(names) == len(set(names)) == 2 * len(topics.ALL)
    assert "db-sms.dead" in names


def test_two_lanes_for_the_same_are_refused():
    again = topics.Lane("urgent", topics.LANES[0].type, topics.LANES[0].persist, topics.LANES[0].send)
    with pytest.raises(ValueError, match="takes another one already"):
        topics.by_use([*topics.LANES, again])
