"""Lists: every filter, and pages that neither lose nor repeat anything while notifications come in."""

import time
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text

from octavo.storage.errors import transaction
from octavo.v1 import notification_pb2 as shown
from octavo.v1 import notification_service_pb2 as pb
from tests.integration.api.wire import refused
from tests.waiting import until


def ids(response):
    return [one.id for one in response.notifications]


def all_pages(tenant, between=lambda: None, **filters):
    token, found = "", []
    while True:
        page = tenant.list(page_token=token, **filters)
        found += ids(page)
        token = page.next_page_token
        if not token:
            return found
        between()


def batch(tenant, count, **fields):
    items = [pb.BatchItem(sms=tenant.sms(reference=f"r{index}", **fields)) for index in range(count)]
    results = tenant.call("SendBatch", pb.SendBatchRequest(items=items)).results
    return [result.sms.id for result in results]


@pytest.fixture(scope="module")
def mixed(new_tenant, new_template):
    """A service with a text message, an email, one for later, one of another template and one that was cancelled."""
    tenant = new_tenant()
    other_template = new_template(tenant, "Another text")
    sent = {
        "sms": tenant.send(reference="one").id,
        "email": tenant.call("SendEmail", tenant.email(reference="two")).id,
        "later": tenant.send(send_at=Timestamp(seconds=int(time.time()) + 900), phone_number="07700 900002").id,
        "other": tenant.send(template_id=other_template, personalisation={}, phone_number="+1 201-555-0123").id,
        "cancelled": tenant.send(reference="one").id,
    }
    tenant.call("CancelNotification", pb.CancelNotificationRequest(id=sent["cancelled"]))
    until(lambda: len(ids(tenant.list())) == len(sent))
    return tenant, sent, other_template


def test_all_of_a_service_newest_first(mixed):
    tenant, sent, _ = mixed
    assert ids(tenant.list()) == sorted(sent.values(), reverse=True)
    # The history is for a single notification.
    assert all(not one.history for one in tenant.list().notifications)


def test_every_filter_and_their_combination(mixed):
    tenant, sent, other_template = mixed

    def found(**filters):
        return {name for name, one in sent.items() if one in ids(tenant.list(**filters))}

    scheduled, cancelled = shown.NOTIFICATION_STATUS_SCHEDULED, shown.NOTIFICATION_STATUS_CANCELLED
    assert found(type=shown.NOTIFICATION_TYPE_EMAIL) == {"email"}
    assert found(type=shown.NOTIFICATION_TYPE_SMS) == {"sms", "later", "other", "cancelled"}
    assert found(statuses=[scheduled]) == {"later"}
    assert found(statuses=[scheduled, cancelled]) == {"later", "cancelled"}
    assert found(template_id=other_template) == {"other"}
    assert found(reference="one") == {"sms", "cancelled"}
    assert found(reference="one", statuses=[cancelled]) == {"cancelled"}
    assert found(recipient="+447700900001") == {"sms", "cancelled"}
    # The same person in another spelling.
    assert found(recipient="07700 900 002") == {"later"}
    assert found(recipient="ADA@EXAMPLE.COM") == {"email"}
    assert found(recipient="+12015550123", template_id=other_template) == {"other"}
    assert found(job_id=sent["sms"]) == set()
    # One that names a time after the year 9999.
    assert found(job_id="ffffffff-ffff-7fff-bfff-ffffffffffff") == set()


def test_the_time_of_acceptance_as_a_range(mixed):
    tenant, sent, _ = mixed
    first, last = tenant.get(sent["sms"]).created_at, tenant.get(sent["cancelled"]).created_at
    assert sent["sms"] in ids(tenant.list(created_from=first))
    assert sent["sms"] not in ids(tenant.list(created_before=first))
    between = ids(tenant.list(created_from=first, created_before=last))
    assert sent["sms"] in between
    assert sent["cancelled"] not in between
    refusal = refused(lambda: tenant.list(created_from=last, created_before=first))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"created_from": "INVALID_RANGE"})


@pytest.mark.parametrize(
    ("filters", "field", "reason"),
    [
        ({"page_size": -1}, "page_size", "INVALID_PAGE_SIZE"),
        ({"page_token": "forged"}, "page_token", "INVALID_PAGE_TOKEN"),
        ({"page_token": "é"}, "page_token", "INVALID_PAGE_TOKEN"),
        ({"type": 77}, "type", "INVALID_ENUM"),
        ({"statuses": [1, 77]}, "statuses[1]", "INVALID_ENUM"),
        ({"template_id": "x"}, "template_id", "INVALID_ID"),
        ({"job_id": "x"}, "job_id", "INVALID_ID"),
        ({"recipient": "nobody"}, "recipient", "RECIPIENT_LETTERS"),
        ({"recipient": "a@b@c"}, "recipient", "INVALID_RECIPIENT"),
        ({"reference": "a\0"}, "reference", "INVALID_TEXT"),
        ({"created_from": Timestamp(seconds=253_402_300_800)}, "created_from", "INVALID_TIMESTAMP"),
        ({"created_before": Timestamp(seconds=-1)}, "created_before", "INVALID_TIMESTAMP"),
    ],
)
def test_a_bad_filter_is_named(tenant, filters, field, reason):
    refusal = refused(lambda: tenant.list(**filters))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {field: reason})


def test_pages_are_whole_while_notifications_come_in(new_tenant):
    tenant = new_tenant()
    sent = batch(tenant, 60)
    until(lambda: len(all_pages(tenant, page_size=250)) == 60)
    assert all_pages(tenant, lambda: tenant.get(tenant.send().id), page_size=7) == sorted(sent, reverse=True)


def test_a_page_is_never_longer_than_allowed(new_tenant):
    tenant = new_tenant()
    batch(tenant, 300)
    until(lambda: len(all_pages(tenant)) == 300)
    assert len(ids(tenant.list())) == 50
    assert len(ids(tenant.list(page_size=2_000_000_000))) == 250


def test_a_page_of_long_texts_ends_early_and_goes_on(new_tenant, new_template):
    tenant = new_tenant()
    template = new_template(tenant, "((text))", "((text??))Long")
    sent = [
        tenant.call(
            "SendEmail", tenant.email(template_id=template, personalisation={"text": f"{index} " + "x" * 900_000})
        ).id
        for index in range(12)
    ]
    until(lambda: tenant.get(sent[-1]))
    until(lambda: len(all_pages(tenant)) == 12)
    page = tenant.list()
    assert 1 < len(ids(page)) < 12
    assert page.ByteSize() < 4 * 1024 * 1024
    assert all_pages(tenant) == sorted(sent, reverse=True)


def test_a_page_token_is_no_use_to_others_or_for_other_filters(new_tenant):
    tenant = new_tenant()
    batch(tenant, 3)
    until(lambda: len(ids(tenant.list())) == 3)
    token = tenant.list(page_size=1, type=shown.NOTIFICATION_TYPE_SMS).next_page_token
    assert len(ids(tenant.list(page_size=2, type=shown.NOTIFICATION_TYPE_SMS, page_token=token))) == 2
    for call in (
        lambda: tenant.list(page_token=token),
        lambda: new_tenant().list(page_token=token, type=shown.NOTIFICATION_TYPE_SMS),
    ):
        assert refused(call).fields == {"page_token": "INVALID_PAGE_TOKEN"}


def test_what_is_past_its_retention_is_listed_without_its_text(new_tenant, database):
    tenant = new_tenant()
    sent = tenant.send(reference="old").id
    tenant.get(sent)
    database.rows("UPDATE notifications SET sealed = NULL, recipient_hash = NULL WHERE id = :id", id=sent)
    got = tenant.get(sent)
    assert (got.body, got.recipient, got.reference) == ("", "", "old")
    assert got.created_at.ToDatetime(tzinfo=UTC) <= datetime.now(UTC)


def test_what_no_key_opens_is_shown_without_its_content(new_tenant, database):
    tenant = new_tenant()
    sent = [tenant.send(reference=reference) for reference in ("first", "second")]
    for one in sent:
        tenant.get(one.id)
    with transaction(database.engine) as connection:
        connection.execute(text("UPDATE notifications SET sealed = 'x' WHERE id = :id"), {"id": sent[0].id})
    found = {one.reference: (one.recipient, one.body) for one in tenant.list().notifications}
    assert found == {"first": ("", ""), "second": ("+447700900001", sent[1].body)}
    assert tenant.get(sent[0].id).reference == "first"


def test_there_are_no_more_statuses_than_there_are(tenant):
    assert tenant.list(statuses=[shown.NOTIFICATION_STATUS_CREATED] * 3) is not None
    assert refused(lambda: tenant.list(statuses=[2] * 1_000)).fields == {"statuses": "TOO_MANY_ITEMS"}
