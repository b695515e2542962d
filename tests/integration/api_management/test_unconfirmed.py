"""What a provider may have, without a clear answer, is listed for the platform team until it is settled."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from octavo.domain.notification import Status
from octavo.storage.errors import transaction
from octavo.storage.send import Recorded, claim_notifications, record_outcomes
from octavo.v1 import registry_service_pb2 as pb
from octavo.v1.notification_pb2 import NOTIFICATION_TYPE_SMS


@pytest.fixture
def listed(admin):
    """`listed(service_id, **page)`: a page."""

    def call(service_id="", **page):
        request = pb.ListUnconfirmedSendsRequest(service_id=service_id, **page)
        return admin.registry.ListUnconfirmedSends(request)

    return call


def unconfirmed(managed, service, count=1):
    """Sends that ran into a time-out, newest first."""
    ids = managed.persist(count, service_id=UUID(service.id).bytes)
    token, at = uuid4(), datetime.now(UTC)
    with transaction(managed.engine) as connection:
        claim_notifications(connection, ids, token)
        outcomes = [Recorded(one, token, Status.SENDING, "timeout", "mmg", None, at, unconfirmed=True) for one in ids]
        record_outcomes(connection, outcomes)
    return sorted((str(one) for one in ids), reverse=True)


def test_tells_whose_it_is_and_what_becomes_of_it(managed, new_service, listed):
    service = new_service(unconfirmed_policy=pb.UNCONFIRMED_POLICY_RESEND)
    before = datetime.now(UTC)
    [notification_id] = unconfirmed(managed, service)

    [send] = listed(service.id).sends

    assert (send.notification_id, send.service_id) == (notification_id, service.id)
    assert (send.type, send.provider, send.reason) == (NOTIFICATION_TYPE_SMS, "mmg", "timeout")
    assert send.policy == pb.UNCONFIRMED_POLICY_RESEND
    since = send.unconfirmed_at.ToDatetime(UTC)
    assert before <= since <= datetime.now(UTC)
    assert send.decided_at.ToDatetime(UTC) - since == timedelta(minutes=10)


def test_a_receipt_takes_it_off_the_list(managed, new_service, listed):
    service = new_service()
    ids = unconfirmed(managed, service, 2)

    managed.settle([UUID(ids[0])])

    assert [send.notification_id for send in listed(service.id).sends] == ids[1:]


def test_what_was_answered_is_not_on_it(managed, new_service, listed):
    service = new_service()
    managed.send(managed.persist(service_id=UUID(service.id).bytes))

    assert not listed(service.id).sends


def test_pages_hold_each_once_and_tokens_are_bound_to_their_service(managed, new_service, listed, refused):
    service, other = new_service(), new_service()
    ids = unconfirmed(managed, service, 5)
    others = unconfirmed(managed, other)
    seen: list[str] = []
    token = ""
    while token or not seen:
        page = listed(service.id, page_size=2, page_token=token)
        seen += [send.notification_id for send in page.sends]
        token = page.next_page_token
    assert seen == ids

    token = listed(service.id, page_size=2).next_page_token
    with refused() as refusal:
        listed(other.id, page_token=token)
    assert refusal.violations == {"page_token": "INVALID_PAGE_TOKEN"}
    # Of all services: the newest come first.
    assert [send.notification_id for send in listed(page_size=1).sends] == others


def test_is_for_the_platform_team_alone(api, new_key, listed, refused):
    with refused() as refusal:
        api.client(new_key().secret).registry.ListUnconfirmedSends(pb.ListUnconfirmedSendsRequest())
    assert refusal.code == "PERMISSION_DENIED"
    with refused() as refusal:
        listed(str(uuid4()))
    assert refusal.code == "NOT_FOUND"
