import time
from datetime import UTC, datetime
from uuid import uuid4

import grpc
import pytest

from octavo import keys
from octavo.v1 import api_key_service_pb2 as pb
from octavo.v1 import notification_service_pb2, registry_service_pb2
from octavo.v1.notification_pb2 import KEY_TYPE_LIVE, KEY_TYPE_TEAM, KEY_TYPE_TEST
from tests.waiting import until

NOBODY = str(uuid4())


def works(api, secret):
    """Whether a key is in force."""
    try:
        api.client(secret).notifications.ListNotifications(notification_service_pb2.ListNotificationsRequest())
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise
        return False
    return True


def listed(admin, service_id, **page):
    return admin.keys.ListApiKeys(pb.ListApiKeysRequest(service_id=service_id, **page))


def only(admin, made):
    (found,) = listed(admin, made.api_key.service_id).api_keys
    return found


@pytest.mark.parametrize("key_type", [KEY_TYPE_LIVE, KEY_TYPE_TEAM, KEY_TYPE_TEST])
def test_a_new_key_works_at_once_and_its_secret_is_kept_nowhere(api, new_key, rows, key_type):
    made = new_key(key_type=key_type, name=" reports ")
    assert (made.api_key.type, made.api_key.name) == (key_type, "reports")
    assert works(api, made.secret)
    (row,) = rows("SELECT k.*, k::text AS whole FROM api_keys k WHERE id = :id", id=made.api_key.id)
    presented = keys.read(made.secret)
    assert presented is not None
    assert str(presented.id) == made.api_key.id
    assert presented.matches(bytes(row.secret_hash))
    assert presented.secret not in row.whole
    assert presented.secret not in api.log.read_text()


def test_a_secret_that_is_almost_right_does_not_work(api, new_key):
    secret = new_key().secret
    assert not works(api, secret[:-1] + ("A" if secret[-1] != "A" else "B"))
    assert not works(api, secret + "A")
    assert works(api, secret)


def test_a_revoked_key_stops_working_here_at_once_and_everywhere_within_ten_seconds(api, another_api, admin, new_key):
    made = new_key()
    assert works(api, made.secret)
    assert works(another_api, made.secret)
    request = pb.RevokeApiKeyRequest(service_id=made.api_key.service_id, id=made.api_key.id)
    revoked = admin.keys.RevokeApiKey(request).api_key
    assert revoked.HasField("revoked_at")
    assert not works(api, made.secret)
    until(lambda: not works(another_api, made.secret), 10)
    assert admin.keys.RevokeApiKey(request).api_key.revoked_at == revoked.revoked_at
    assert only(admin, made).revoked_at == revoked.revoked_at


def test_tells_when_a_key_was_used_last_without_a_write_for_each_call(api, admin, new_key, rows):
    made, unused = new_key(), new_key()
    writes = "SELECT n_tup_upd AS n FROM pg_stat_user_tables WHERE relname = 'api_keys'"
    before = rows(writes)[0].n
    client = api.client(made.secret)
    started = time.monotonic()
    for _ in range(200):
        client.notifications.ListNotifications(notification_service_pb2.ListNotificationsRequest(page_size=1))
    until(lambda: only(admin, made).HasField("last_used_at"), 10)
    at = only(admin, made).last_used_at.ToDatetime(tzinfo=UTC)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert not only(admin, unused).HasField("last_used_at")
    # The tests have it written five times a second; in production it is twice a minute. PostgreSQL counts late, so that some
    # writes of what went before may be among them.
    assert rows(writes)[0].n - before <= (time.monotonic() - started) * 5 + 20


def test_keys_are_listed_newest_first_page_by_page_with_tokens_of_that_service(admin, new_service, new_key, refused):
    service = new_service()
    made = [new_key(service, name=f"key {number}").api_key.id for number in range(5)]
    first = listed(admin, service.id, page_size=3)
    second = listed(admin, service.id, page_size=3, page_token=first.next_page_token)
    assert [key.id for key in [*first.api_keys, *second.api_keys]] == sorted(made, reverse=True)
    assert second.next_page_token == ""
    with refused() as refusal:
        listed(admin, new_service().id, page_token=first.next_page_token)
    assert refusal.violations == {"page_token": "INVALID_PAGE_TOKEN"}


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        ({"service_id": "", "name": "x", "type": KEY_TYPE_LIVE}, {"service_id": "MISSING_FIELD"}),
        ({"service_id": "x", "name": "x", "type": KEY_TYPE_LIVE}, {"service_id": "INVALID_ID"}),
        ({"name": "", "type": KEY_TYPE_LIVE}, {"name": "MISSING_FIELD"}),
        ({"name": "a\r\nb", "type": KEY_TYPE_LIVE}, {"name": "HEADER_INJECTION"}),
        ({"name": "a" * 256, "type": KEY_TYPE_LIVE}, {"name": "CONTENT_TOO_LONG"}),
        ({"name": "x"}, {"type": "MISSING_FIELD"}),
        ({"name": "x", "type": 99}, {"type": "INVALID_ENUM"}),
    ],
)
def test_names_the_field_that_breaks_a_rule(admin, new_service, refused, fields, violations):
    request = pb.CreateApiKeyRequest(**{"service_id": new_service().id, **fields})
    with refused() as refusal:
        admin.keys.CreateApiKey(request)
    assert (refusal.code, refusal.violations) == ("INVALID_ARGUMENT", violations)


def test_another_services_key_is_refused_as_one_that_does_not_exist(api, admin, new_service, new_key, refused):
    made, other = new_key(), new_service()
    refusals = []
    for key_id in (made.api_key.id, NOBODY):
        with refused() as refusal:
            admin.keys.RevokeApiKey(pb.RevokeApiKeyRequest(service_id=other.id, id=key_id))
        refusals.append(refusal)
    assert refusals[0] == refusals[1]
    assert (refusals[0].code, refusals[0].metadata) == ("NOT_FOUND", {"field": "id"})
    assert works(api, made.secret)


@pytest.mark.parametrize("method", ["CreateApiKey", "ListApiKeys"])
def test_needs_a_service_that_exists(admin, refused, method):
    more = {"name": "x", "type": KEY_TYPE_LIVE} if method == "CreateApiKey" else {}
    with refused() as refusal:
        getattr(admin.keys, method)(getattr(pb, f"{method}Request")(service_id=NOBODY, **more))
    assert (refusal.code, refusal.metadata) == ("NOT_FOUND", {"field": "service_id"})


def test_a_services_own_key_may_not_do_what_is_the_platform_teams(api, new_key, refused):
    client = api.client(new_key().secret)
    calls = [
        (client.registry.ListServices, registry_service_pb2.ListServicesRequest()),
        (client.registry.GetService, registry_service_pb2.GetServiceRequest()),
        (client.registry.AddGuests, registry_service_pb2.AddGuestsRequest()),
        (client.keys.ListApiKeys, pb.ListApiKeysRequest()),
        (client.keys.CreateApiKey, pb.CreateApiKeyRequest()),
        (client.keys.RevokeApiKey, pb.RevokeApiKeyRequest()),
    ]
    for call, request in calls:
        with refused() as refusal:
            call(request)
        assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "FORBIDDEN")


def test_two_keys_in_one_call_are_none(api, new_key, refused):
    secret = new_key().secret
    stub = api.channel.unary_unary("/octavo.v1.NotificationService/ListNotifications")
    with refused() as refusal:
        stub(b"", timeout=10, metadata=[("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")])
    assert refusal.code == "UNAUTHENTICATED"
