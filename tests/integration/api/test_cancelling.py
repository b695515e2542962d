"""CancelNotification: withdrawn before any worker has it, or not at all."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from octavo.storage.errors import transaction
from octavo.storage.send import claim_notifications
from octavo.v1 import notification_pb2 as shown
from octavo.v1 import notification_service_pb2 as pb
from tests.integration.api.wire import refused

SCHEDULED, CREATED = shown.NOTIFICATION_STATUS_SCHEDULED, shown.NOTIFICATION_STATUS_CREATED
CANCELLED = shown.NOTIFICATION_STATUS_CANCELLED


def cancel(tenant, notification_id):
    return tenant.call("CancelNotification", pb.CancelNotificationRequest(id=notification_id)).notification


def claim(database, notification_id) -> bool:
    with transaction(database.engine) as connection:
        return bool(claim_notifications(connection, [UUID(notification_id)], uuid4()))


def test_one_for_later_is_withdrawn_everywhere(tenant, database):
    sent = tenant.send(send_at=Timestamp(seconds=int(time.time()) + 600))
    tenant.get(sent.id)
    cancelled = cancel(tenant, sent.id)
    assert (cancelled.status, cancelled.body) == (CANCELLED, sent.body)
    assert cancelled.HasField("completed_at")
    assert [move.status for move in cancelled.history] == [SCHEDULED, CANCELLED]
    assert tenant.get(sent.id) == cancelled
    row = database.one("SELECT status, completed_at FROM notification_history WHERE id = :id", id=sent.id)
    assert row.status == "cancelled"
    assert row.completed_at
    # The due loop never finds it.
    assert database.one("SELECT next_attempt_at FROM notifications WHERE id = :id", id=sent.id).next_attempt_at is None


def test_one_accepted_moments_ago_is_waited_for_and_withdrawn(tenant, database):
    sent = tenant.send()
    assert [move.status for move in cancel(tenant, sent.id).history] == [CREATED, CANCELLED]
    assert not claim(database, sent.id)


def test_repeating_it_changes_nothing(tenant):
    sent = tenant.send()
    assert cancel(tenant, sent.id) == cancel(tenant, sent.id)


def test_what_a_worker_has_stays(tenant, database):
    sent = tenant.send()
    before = tenant.get(sent.id)
    assert claim(database, sent.id)
    refusal = refused(lambda: cancel(tenant, sent.id))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "NOT_CANCELLABLE")
    assert refusal.metadata == {"field": "id", "status": "created"}
    assert tenant.get(sent.id).history == before.history
    database.rows("UPDATE notifications SET status = 'delivered' WHERE id = :id", id=sent.id)
    assert refused(lambda: cancel(tenant, sent.id)).metadata["status"] == "delivered"


def test_of_a_claim_and_a_cancellation_at_once_one_wins(tenant, database):
    sent = [tenant.send().id for _ in range(20)]
    tenant.get(sent[-1])
    for one in sent:
        tenant.get(one)

    def withdrawn(one):
        try:
            return cancel(tenant, one).status == CANCELLED
        except grpc.RpcError:
            return False

    with ThreadPoolExecutor(8) as threads:
        cancelled = [threads.submit(withdrawn, one) for one in sent]
        claimed = [threads.submit(claim, database, one) for one in sent]
    assert all(one.result() != other.result() for one, other in zip(cancelled, claimed, strict=True))


def test_ids_that_are_not_the_services(tenant, new_tenant):
    sent = tenant.send()
    tenant.get(sent.id)
    stranger = new_tenant()
    assert refused(lambda: cancel(stranger, sent.id)) == refused(lambda: cancel(stranger, str(uuid4())))
    # An id that names a time after the year 9999.
    assert refused(lambda: cancel(stranger, "f" * 8 + str(uuid4())[8:])).reason == "NOT_FOUND"
    assert refused(lambda: cancel(stranger, "x")).fields == {"id": "INVALID_ID"}
    assert tenant.get(sent.id).status == CREATED
