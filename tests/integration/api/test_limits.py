"""Limits over the wire: exact under many processes, and refused so that a client knows what to do."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any

import grpc
import pytest

from tests.integration.api.wire import refusal_of, refused
from tests.waiting import until

LIMIT = 300


def code(send) -> str:
    try:
        send()
    except grpc.RpcError as error:
        # Any other refusal is told with its reason.
        known = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return error.code().name if known else f"{error.code().name}: {error.details()}"
    return "OK"


@pytest.mark.asked("S5")
def test_three_processes_accept_the_limit_and_no_more(new_tenant, more_processes, database):
    """Demand is three times the limit, uneven, and the rest is accepted within three seconds of idleness."""
    tenant = new_tenant(sms_daily_limit=LIMIT)
    stubs = [process.stub for process in more_processes(3)]
    request = tenant.sms()
    count = Counter[str]()
    lock = threading.Lock()

    def send(index: int) -> None:
        # Five of six calls go to one process; what the others lease and don't need has to come back.
        stub = stubs[0 if index % 6 else 1 + index % 2]
        answer = code(lambda: stub.SendSms(request, timeout=20, metadata=tenant.metadata))
        with lock:
            count[answer] += 1

    with ThreadPoolExecutor(24) as threads:
        list(threads.map(send, range(3 * LIMIT)))
    assert count["OK"] <= LIMIT
    assert set(count) <= {"OK", "RESOURCE_EXHAUSTED"}
    idle = monotonic()
    while count["OK"] < LIMIT:
        assert monotonic() - idle < 3, count
        send(1)
    for stub in stubs:
        assert (
            code(lambda stub=stub: stub.SendSms(request, timeout=20, metadata=tenant.metadata)) == "RESOURCE_EXHAUSTED"
        )
    query = "SELECT count(*) AS n FROM notifications WHERE service_id = :id"
    until(lambda: database.one(query, id=tenant.service_id).n == LIMIT)
    row = database.one("SELECT used FROM daily_allowances WHERE service_id = :id", id=tenant.service_id)
    assert row.used == LIMIT


def test_a_process_that_stops_gives_back_what_it_leased(new_tenant, more_processes, database):
    tenant = new_tenant(sms_daily_limit=LIMIT)
    [process] = more_processes(1)
    process.stub.SendSms(tenant.sms(), timeout=20, metadata=tenant.metadata)
    process.stop()
    row = database.one("SELECT used FROM daily_allowances WHERE service_id = :id", id=tenant.service_id)
    assert row.used == 1
    leases = database.rows("SELECT FROM allowance_leases WHERE service_id = :id", id=tenant.service_id)
    assert leases == []


def test_a_used_up_day_says_until_when(new_tenant):
    tenant = new_tenant(sms_daily_limit=1)
    tenant.send()
    refusal = refused(tenant.send)
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "DAILY_LIMIT_EXCEEDED")
    assert refusal.quota == f"services/{tenant.service_id}/sms"
    assert refusal.metadata["limit"] == "1"
    assert refusal.retry_seconds
    assert 0 < refusal.retry_seconds <= 86_400
    # The other channel has an allowance of its own.
    assert tenant.call("SendEmail", tenant.email()).id


def test_a_limit_of_none_a_day_names_no_time(new_tenant):
    refusal = refused(new_tenant(sms_daily_limit=0).send)
    assert refusal.reason == "DAILY_LIMIT_EXCEEDED"
    assert refusal.retry_seconds is None


def test_a_rate_that_is_kept_up_too_long_says_when_to_go_on(new_tenant):
    tenant = new_tenant(rate_per_minute=30)
    refusals = []
    for _ in range(60):
        try:
            tenant.send()
        except grpc.RpcError as error:
            refusals.append(refusal_of(error))
    assert 20 <= len(refusals) <= 30
    refusal = refusals[-1]
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
    assert refusal.quota == f"services/{tenant.service_id}/rate"
    assert refusal.retry_seconds
    assert 0 < refusal.retry_seconds <= 2


def test_test_keys_are_not_counted(new_tenant, database):
    name = "Counted service"
    live = new_tenant(of=name, sms_daily_limit=2)
    test = new_tenant("test", of=name)
    for _ in range(5):
        assert test.send().id
    assert [code(live.send) for _ in range(3)] == ["OK", "OK", "RESOURCE_EXHAUSTED"]
    assert test.send().id
    row = database.one("SELECT used FROM daily_allowances WHERE service_id = :id", id=live.service_id)
    assert row.used == 2


def test_what_is_refused_for_another_reason_is_not_charged(new_tenant):
    tenant = new_tenant(sms_daily_limit=1)
    bad: list[dict[str, Any]] = [
        {"phone_number": "x"},
        {"personalisation": {}},
        {"template_id": tenant.email_template_id},
    ]
    for fields in bad:
        refused(partial(tenant.send, **fields))
    assert tenant.send().id
