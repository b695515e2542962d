"""SendBatch: a result or an error for each item, in order, as if each had been sent alone."""

from concurrent.futures import ThreadPoolExecutor

from google.rpc import code_pb2

from octavo.v1 import notification_service_pb2 as pb
from tests.integration.api.test_sending import NOWHERE, request_id
from tests.integration.api.wire import read_refusal, refused
from tests.waiting import until


def send(tenant, *items, seconds=20):
    return tenant.call("SendBatch", pb.SendBatchRequest(items=items), seconds).results


def sms(tenant, **fields):
    return pb.BatchItem(sms=tenant.sms(**fields))


def email(tenant, **fields):
    return pb.BatchItem(email=tenant.email(**fields))


def error(result):
    assert result.WhichOneof("result") == "error"
    return read_refusal(code_pb2.Code.Name(result.error.code), result.error)


def test_each_item_has_its_own_result_in_order(tenant, new_tenant):
    results = send(
        tenant,
        sms(tenant, reference="first"),
        sms(tenant, phone_number="no number"),
        email(tenant),
        sms(tenant, personalisation={"name": "Ada"}),
        sms(tenant, template_id=new_tenant().sms_template_id),
        pb.BatchItem(),
        sms(tenant, reference="last"),
    )
    assert [result.WhichOneof("result") for result in results] == [
        "sms", "error", "email", "error", "error", "error", "sms",
    ]  # fmt: skip
    assert (results[0].sms.reference, results[6].sms.reference) == ("first", "last")
    assert error(results[1]).fields == {"phone_number": "RECIPIENT_LETTERS"}
    assert error(results[3]).fields == {"personalisation[code]": "MISSING_PERSONALISATION"}
    assert error(results[4]).code == "NOT_FOUND"
    assert error(results[5]).fields == {"items": "MISSING_FIELD"}
    got = tenant.get(results[2].email.id)
    assert (got.body, got.subject) == (results[2].email.body, results[2].email.subject)


def test_an_item_is_refused_as_the_single_call_is(tenant):
    bad = tenant.sms(template_id=NOWHERE)
    [result] = send(tenant, pb.BatchItem(sms=bad))
    assert error(result) == refused(lambda: tenant.call("SendSms", bad))


def test_what_an_item_repeats_counts_for_the_answers_length_too(tenant, new_template):
    template = new_template(tenant, "x" * 1_500_000, "Long")
    item = email(tenant, template_id=template, request_id=request_id())
    answer = refused(lambda: send(tenant, *[item] * 4))
    assert answer.fields == {"items": "CONTENT_TOO_LONG"}
    assert [result.WhichOneof("result") for result in send(tenant, *[item] * 2)] == ["email", "email"]


def test_five_hundred_are_taken_and_no_more(new_tenant, database):
    tenant = new_tenant()
    items = [sms(tenant, reference=str(index)) for index in range(500)]
    results = send(tenant, *items)
    assert [result.sms.reference for result in results] == [str(index) for index in range(500)]
    until(
        lambda: (
            database.one("SELECT count(*) AS n FROM notifications WHERE service_id = :id", id=tenant.service_id).n
            == 500
        )
    )
    assert refused(lambda: send(tenant, *items, items[0])).fields == {"items": "TOO_MANY_ITEMS"}
    assert refused(lambda: send(tenant)).fields == {"items": "MISSING_FIELD"}


def test_texts_that_no_answer_could_carry_are_refused_before_anything_is_sent(new_tenant, new_template):
    tenant = new_tenant()
    template = new_template(tenant, "x" * 1_900_000, "Long")
    refusal = refused(lambda: send(tenant, *[email(tenant, template_id=template)] * 500))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", {"items": "CONTENT_TOO_LONG"})
    last = tenant.send()
    tenant.get(last.id)
    assert [one.id for one in tenant.list().notifications] == [last.id]


def test_items_with_one_request_id_are_one_notification(new_tenant, database):
    tenant = new_tenant(sms_daily_limit=1)
    chosen = request_id()
    first, twin, other = send(
        tenant,
        sms(tenant, request_id=chosen),
        sms(tenant, request_id=chosen),
        sms(tenant, request_id=chosen, reference="other"),
    )
    assert first == twin
    assert (error(other).code, error(other).reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert tenant.send(request_id=chosen) == first.sms
    tenant.get(first.sms.id)
    assert database.one("SELECT count(*) AS n FROM notifications WHERE service_id = :id", id=tenant.service_id).n == 1


def test_batches_and_calls_with_one_request_id_at_once(new_tenant, database):
    tenant = new_tenant(sms_daily_limit=1)
    chosen = request_id()

    def either(index):
        if index % 2:
            return tenant.send(request_id=chosen)
        return send(tenant, sms(tenant, request_id=chosen))[0].sms

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(either, range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].id


def test_near_the_limit_the_first_items_fit(new_tenant):
    tenant = new_tenant(sms_daily_limit=5)
    results = send(tenant, *[sms(tenant) for _ in range(8)], email(tenant))
    assert [result.WhichOneof("result") for result in results] == ["sms"] * 5 + ["error"] * 3 + ["email"]
    refusal = error(results[5])
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "DAILY_LIMIT_EXCEEDED")
    assert refusal.quota == f"services/{tenant.service_id}/sms"


def test_who_may_not_send_sends_no_batch(new_tenant):
    suspended = new_tenant(suspended=True)
    assert refused(lambda: send(suspended, sms(suspended))).reason == "SERVICE_SUSPENDED"
    team = new_tenant("team")
    [result] = send(team, sms(team))
    assert error(result).reason == "RECIPIENT_NOT_ALLOWED"
