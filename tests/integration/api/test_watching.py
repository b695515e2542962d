"""WatchNotifications: every move, once and in order, also across a lost stream."""

import queue
import threading
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from sqlalchemy import text

from octavo.v1 import notification_pb2 as shown
from octavo.v1 import notification_service_pb2 as pb
from tests.integration.api.wire import SECONDS, refusal_of, refused
from tests.waiting import until

CREATED, CANCELLED = shown.NOTIFICATION_STATUS_CREATED, shown.NOTIFICATION_STATUS_CANCELLED


class Stream:
    """A client's end of a stream, open until the block ends."""

    def __init__(self, tenant, notification_id="", resume_token=""):
        request = pb.WatchNotificationsRequest(notification_id=notification_id, resume_token=resume_token)
        self.call = tenant.stub.WatchNotifications(request, timeout=60, metadata=tenant.metadata)
        self.changes: queue.Queue[Any] = queue.Queue()
        self.ended = threading.Event()
        self.error: Any = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            for change in self.call:
                self.changes.put(change)
        except grpc.RpcError as error:
            self.error = error
        self.ended.set()

    def began(self):
        """Where it begins, as the server says when it does."""
        return dict(self.call.initial_metadata())["octavo-resume-token"]

    def next(self):
        return self.changes.get(timeout=SECONDS)

    def close(self):
        self.call.cancel()
        self._reader.join(SECONDS)

    def refusal(self):
        assert self.ended.wait(SECONDS)
        return refusal_of(self.error)


def watch(tenant, **what):
    return closing(Stream(tenant, **what))


def move(database, notification_id, status):
    """Moves it as the persister, dispatcher and callbacks do."""
    database.rows("UPDATE notifications SET status = :status WHERE id = :id", status=status, id=notification_id)
    database.rows(
        "INSERT INTO notification_moves (notification_id, service_id, status) "
        "SELECT id, service_id, :status FROM notifications WHERE id = :id",
        status=status,
        id=notification_id,
    )


def cancel(tenant, notification_id):
    tenant.call("CancelNotification", pb.CancelNotificationRequest(id=notification_id))


def told(change):
    return change.notification_id, change.change.status


def test_a_service_watches_what_moves_from_now_on(new_tenant):
    tenant = new_tenant()
    before = tenant.send()
    tenant.get(before.id)
    # Its own row is certainly below the place where the stream begins.
    with watch(tenant) as stream:
        stream.began()
        sent = tenant.send(reference="watched")
        first = stream.next()
        assert told(first) == (sent.id, CREATED)
        assert (first.reference, first.type) == ("watched", shown.NOTIFICATION_TYPE_SMS)
        assert first.change.at == tenant.get(sent.id).history[0].at
        cancel(tenant, sent.id)
        assert told(stream.next()) == (sent.id, CANCELLED)


def test_one_notification_is_watched_from_its_beginning_to_its_end(new_tenant, database):
    tenant = new_tenant()
    sent = tenant.send()
    with watch(tenant, notification_id=sent.id) as stream:
        assert told(stream.next()) == (sent.id, CREATED)
        tenant.send()
        for status in ("sending", "pending", "delivered"):
            move(database, sent.id, status)
        statuses = [stream.next().change.status for _ in range(3)]
        assert statuses == [
            shown.NOTIFICATION_STATUS_SENDING,
            shown.NOTIFICATION_STATUS_PENDING,
            shown.NOTIFICATION_STATUS_DELIVERED,
        ]
        assert stream.ended.wait(SECONDS)
        assert stream.error is None


def test_a_settled_notification_is_told_at_once(new_tenant):
    tenant = new_tenant()
    sent = tenant.send()
    cancel(tenant, sent.id)
    with watch(tenant, notification_id=sent.id) as stream:
        assert [told(stream.next()), told(stream.next())] == [(sent.id, CREATED), (sent.id, CANCELLED)]
        assert stream.ended.wait(SECONDS)
    with watch(tenant, notification_id=sent.id) as again:
        token = [again.next(), again.next()][-1].resume_token
    with watch(tenant, notification_id=sent.id, resume_token=token) as resumed:
        assert resumed.ended.wait(SECONDS)
        assert resumed.changes.empty()
        assert resumed.error is None


def test_a_lost_stream_goes_on_where_it_was(new_tenant):
    tenant = new_tenant()
    with watch(tenant) as stream:
        token = stream.began()
    # Nothing was told before the stream was lost: it goes on from its beginning.
    sent = [tenant.send().id for _ in range(5)]
    for one in sent:
        tenant.get(one)
    expected = {(one, CREATED) for one in sent}
    got: list[tuple[str, int]] = []
    while len(got) < 5:
        with watch(tenant, resume_token=token) as stream:
            change = stream.next()
            got.append(told(change))
            token = change.resume_token
    assert set(got) == expected
    with watch(tenant, resume_token=token) as stream:
        cancel(tenant, sent[2])
        assert told(stream.next()) == (sent[2], CANCELLED)


def test_thousands_of_moves_come_once_and_in_order(new_tenant, database):
    tenant = new_tenant()
    with watch(tenant) as stream:
        token = stream.began()
    sent = tenant.send().id
    tenant.get(sent)
    database.rows(
        "INSERT INTO notification_moves (notification_id, service_id, status, reason) "
        "SELECT :id, :service, 'sending', n::text FROM generate_series(1, 2000) n",
        id=sent,
        service=tenant.service_id,
    )
    with watch(tenant, resume_token=token) as stream:
        got = [stream.next() for _ in range(2_001)]
    assert [change.change.reason for change in got] == ["", *map(str, range(1, 2_001))]
    assert len({change.resume_token for change in got}) == 2_001


def test_a_move_that_is_committed_late_is_not_missed(new_tenant, database):
    tenant = new_tenant()
    late, early = tenant.send().id, tenant.send().id
    tenant.get(late)
    tenant.get(early)
    insert = text(
        "INSERT INTO notification_moves (notification_id, service_id, status) VALUES (:id, :service, 'sending')"
    )
    with watch(tenant) as stream:
        stream.began()
        with database.engine.connect() as connection, connection.begin():
            connection.execute(insert, {"id": UUID(late), "service": UUID(tenant.service_id)})
            # It has begun first and is still under way when another one is committed.
            move(database, early, "sending")
        assert [stream.next().notification_id for _ in range(2)] == [late, early]


def test_services_hear_nothing_of_each_other(new_tenant):
    tenant, other = new_tenant(), new_tenant()
    with watch(tenant) as stream:
        stream.began()
        foreign = other.send().id
        other.get(foreign)
        own = tenant.send().id
        assert stream.next().notification_id == own
        with watch(tenant, notification_id=foreign) as strange:
            refusal = strange.refusal()
        with watch(tenant, notification_id=str(uuid4())) as missing:
            assert missing.refusal() == refusal
        assert (refusal.code, refusal.metadata) == ("NOT_FOUND", {"field": "notification_id"})


@pytest.mark.parametrize("token", ["forged", "AAAA", "é"])
def test_a_forged_token_is_refused(tenant, token):
    with watch(tenant, resume_token=token) as stream:
        assert stream.refusal().fields == {"resume_token": "INVALID_RESUME_TOKEN"}


def test_a_token_of_another_stream_is_refused(new_tenant):
    tenant, other = new_tenant(), new_tenant()
    with watch(tenant) as stream:
        token = stream.began()
    for strange in (
        Stream(other, resume_token=token),
        Stream(tenant, notification_id=tenant.send().id, resume_token=token),
    ):
        with closing(strange):
            assert strange.refusal().fields == {"resume_token": "INVALID_RESUME_TOKEN"}


def test_a_service_has_so_many_streams_and_no_more(new_tenant):
    tenant = new_tenant()
    streams = [Stream(tenant) for _ in range(20)]
    try:
        for stream in streams:
            stream.began()
        with watch(tenant) as one_more:
            refusal = one_more.refusal()
        assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS")
        assert refusal.quota == f"services/{tenant.service_id}/streams"
        assert refusal.retry_seconds
    finally:
        for stream in streams:
            stream.close()

    def free():
        with watch(tenant) as stream:
            return stream.call.initial_metadata() and not stream.ended.is_set()

    until(free)


def test_a_revoked_key_ends_its_streams(new_tenant, database):
    tenant = new_tenant()
    with watch(tenant) as stream:
        stream.began()
        database.rows("UPDATE api_keys SET revoked_at = now() WHERE service_id = :id", id=tenant.service_id)
        assert stream.ended.wait(10)
        assert stream.refusal().code == "UNAUTHENTICATED"
    assert refused(tenant.list).code == "UNAUTHENTICATED"


def test_a_process_that_stops_ends_its_streams_at_once(new_tenant, more_processes):
    tenant = new_tenant()
    [process] = more_processes(1)
    tenant.stub = process.stub
    with watch(tenant) as stream:
        stream.began()
        process.stop()
        refusal = stream.refusal()
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SHUTTING_DOWN")
    assert refusal.retry_seconds is not None
