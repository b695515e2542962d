"""Kafka and PostgreSQL away: nothing is acknowledged that is not kept, and clients are told to try again."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.request import urlopen

import grpc
import pytest

from octavo.v1 import notification_service_pb2 as pb
from tests.integration.api.test_sending import request_id
from tests.integration.api.wire import refusal_of
from tests.waiting import until

UNAVAILABLE = "UNAVAILABLE"
RECOVERY_SECONDS = 100
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def outcome(send):
    try:
        return send()
    except grpc.RpcError as error:
        return refusal_of(error)


def there(tenant, notification_id):
    """Whether it is persisted."""
    return hasattr(outcome(partial(tenant.get, notification_id)), "status")


@pytest.mark.parametrize("signal", ["pause", "kill"])
def test_without_kafka_nothing_is_acknowledged(new_tenant, stack, database, signal):
    tenant = new_tenant()
    kept = [tenant.send().id]
    tenant.get(kept[0])
    chosen = request_id()
    if signal == "pause":
        stack.pause("kafka")
    else:
        stack.kill("kafka")
        stack.stop_program("kafka")
    try:
        began = time.monotonic()
        batch = pb.SendBatchRequest(items=[pb.BatchItem(sms=tenant.sms())])
        calls = [tenant.send] * 10
        calls += [partial(tenant.send, request_id=chosen), partial(tenant.call, "SendBatch", batch)]
        with ThreadPoolExecutor(len(calls)) as threads:
            answers = list(threads.map(outcome, calls))
        assert time.monotonic() - began < 30
        # Nobody knows what became of those that were on their way; the others were not taken.
        assert {answer.reason for answer in answers} - {"QUEUE_UNAVAILABLE"} == {"NOT_ACKNOWLEDGED"}
        for answer in answers:
            assert answer.code == UNAVAILABLE
            assert answer.retry_seconds
        # Looking up needs no Kafka.
        assert tenant.get(kept[0]).id == kept[0]
        assert tenant.list(reference="none").notifications == []
    finally:
        if signal == "pause":
            stack.resume("kafka")
        else:
            stack.start_program("kafka", 120)
    accepted = until(lambda: getattr(outcome(lambda: tenant.send(request_id=chosen)), "id", None), RECOVERY_SECONDS)
    kept.append(accepted)
    # Also if the first attempt got through after all, it is the same notification.
    assert tenant.send(request_id=chosen).id == accepted
    # Found by its row, that needs no producer; new calls do.
    kept.append(until(lambda: getattr(outcome(tenant.send), "id", None), RECOVERY_SECONDS))
    for one in kept:
        until(partial(there, tenant, one), RECOVERY_SECONDS)
    query = "SELECT count(*) AS n FROM notifications WHERE id = :id"
    assert database.one(query, id=accepted).n == 1


@pytest.mark.parametrize("stands_still", [False, True], ids=["gone", "stands still"])
def test_without_postgresql_it_goes_on_accepting(new_tenant, stack, database, stands_still):
    tenant = new_tenant()
    sent = [tenant.send().id for _ in range(3)]
    if stands_still:
        stack.pause("postgres")
    else:
        stack.stop_program("postgres")
    try:
        # What it knows, and what it has leased, serves on.
        sent += [tenant.send().id for _ in range(20)]
        lost = outcome(lambda: tenant.get(sent[0]))
        assert (lost.code, lost.reason) == (UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert lost.retry_seconds
        sent += [tenant.send().id for _ in range(20)]
        assert urlopen(_operations(stack) + "/livez", timeout=5).status == 200
    finally:
        if stands_still:
            stack.resume("postgres")
        else:
            stack.start_program("postgres", 120)
        # The test's own connections are gone.
        database.engine.dispose()
    for one in sent:
        until(partial(there, tenant, one), RECOVERY_SECONDS)


def test_a_process_accepts_the_first_call_that_reaches_it(new_tenant, more_processes):
    """It listens once it has what it needs: nobody is refused only because it has just started."""
    tenant = new_tenant()
    for process in more_processes(2):
        tenant.stub = process.stub
        assert tenant.send().id


def test_a_process_starts_while_kafka_is_away(new_tenant, stack, more_processes):
    tenant = new_tenant()
    stack.stop_program("kafka")
    try:
        tenant.stub = more_processes(1)[0].stub
        answer = outcome(tenant.send)
        assert (answer.code, answer.reason) == (UNAVAILABLE, "QUEUE_UNAVAILABLE")
    finally:
        stack.start_program("kafka", 120)
    until(lambda: getattr(outcome(tenant.send), "id", None), RECOVERY_SECONDS)


def _operations(stack):
    return stack.addresses["API_METRICS_URL"].removesuffix("/metrics")
