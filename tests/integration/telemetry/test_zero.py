"""What can be known before the first event is there before it, at zero, and a scrape answers whatever is away."""

from itertools import product

import pytest

from octavo.domain.notification import NotificationType
from octavo.providers.registry import PROVIDERS
from octavo.telemetry.requests import CODES
from octavo.topics import ALL, LANES
from octavo.v1 import api_key_service_pb2, job_service_pb2, notification_service_pb2, registry_service_pb2
from octavo.v1 import template_service_pb2 as template_service
from octavo.version import VERSION
from services.api.serving.caller import CallerKind
from services.api.serving.calls import OF_STRANGERS
from services.callbacks.handler import RESULTS
from services.callbacks.receiver import MEANINGS, REFUSALS
from services.dispatcher.sending import OUTCOMES
from services.persister.sweeps import SWEEPS

KINDS = list(NotificationType)
NAMES = [*PROVIDERS, "test"]
RPCS = [
    (service.full_name, method.name)
    for file in (
        api_key_service_pb2,
        job_service_pb2,
        notification_service_pb2,
        registry_service_pb2,
        template_service,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
PERSIST, SEND = [lane.persist.name for lane in LANES], [lane.send.name for lane in LANES]


def samples(name, **labels):
    """Every combination of these label values."""
    for values in product(*labels.values()):
        yield name, frozenset(zip(labels, values, strict=True))


def at_zero(found, name, **labels):
    wanted = set(samples(name, **labels))
    assert wanted
    assert {key: found.get(key) for key in wanted} == dict.fromkeys(wanted, 0)


def of_topics(service):
    return [topic.name for topic in ALL if topic.consumer == service]


@pytest.mark.asked("S10", "C7")
def test_every_method_of_the_api_begins_at_zero(alone):
    found = alone("api")
    calls = {
        (labels["grpc_service"], labels["grpc_method"], labels["grpc_code"], labels["caller"]): value
        for (name, pairs), value in found.items()
        if name == "grpc_server_handled_total"
        for labels in [dict(pairs)]
    }
    callers = [kind.value for kind in CallerKind]
    assert calls.keys() >= {(*rpc, code, caller) for rpc in RPCS for code in OF_STRANGERS for caller in callers}
    whole = {(*rpc, caller) for *rpc, code, caller in calls if code == "OK"}
    assert {(*rpc, caller) for *rpc, code, caller in calls if code not in OF_STRANGERS} == whole
    assert calls.keys() >= {(*rpc, code, caller) for *rpc, caller in whole for code in CODES}
    assert {(service, method) for service, method, _ in whole} == set(RPCS)
    assert set(calls.values()) == {0}
    methods = {dict(pairs)["method"] for name, pairs in found if name == "notifications_requests_total"}
    assert methods == {f"{service}/{method}" for service, method in RPCS}


@pytest.mark.parametrize("service", ["api", "persister", "dispatcher", "callbacks"])
def test_every_process_tells_its_release(alone, service):
    assert alone(service)["notifications_build_info", frozenset({("version", VERSION)})] == 1


def test_the_api_tells_of_its_rooms(alone):
    found = alone("api")
    at_zero(found, "notifications_accepted_total", type=KINDS)
    at_zero(found, "notifications_published_total", topic=["db-sms", "db-email", "jobs"])
    at_zero(found, "notifications_leases", type=KINDS)
    at_zero(found, "notifications_leased_left", type=KINDS)
    at_zero(found, "notifications_leasing_total", type=KINDS, result=["granted", "used-up", "failed"])
    assert found["notifications_publishing", frozenset()] == 0
    assert found["notifications_publishing_fill_ratio", frozenset()] == 0
    pools = {dict(pairs)["pool"]: size for (name, pairs), size in found.items() if name == "notifications_pool_size"}
    assert all(size > 0 for size in pools.values())
    assert {"octavo-api", "octavo-api-directory", "octavo-api-limits"} <= pools.keys()
    assert {pool for pool in pools if ("notifications_pool_in_use", frozenset({("pool", pool)})) in found} == set(pools)


@pytest.mark.asked("S6", "S7")
def test_the_persister_begins_at_zero(alone):
    found = alone("persister")
    at_zero(found, "notifications_consumed_total", topic=of_topics("persister"))
    at_zero(found, "notifications_dead_letters_total", topic=of_topics("persister"))
    for name in ("notifications_persisted_total", "notifications_other_content_total"):
        at_zero(found, name, topic=PERSIST)
    at_zero(found, "notifications_published_total", topic=[*SEND, "bulk-sms", "bulk-email"])
    for name in ("notifications_retries_total", "notifications_retries_failed_total"):
        at_zero(found, name, step=["persist_sms", "persist_email", "read_job"])
    at_zero(found, "notifications_job_rows_total", type=KINDS, result=["published", "refused"])
    at_zero(found, "notifications_swept_total", sweep=[*(sweep.name for sweep in SWEEPS), "files of jobs"])


@pytest.mark.asked("S6", "S7")
def test_the_dispatcher_begins_at_zero(alone):
    found = alone("dispatcher")
    for name in ("notifications_consumed_total", "notifications_dead_letters_total"):
        at_zero(found, name, topic=of_topics("dispatcher"))
    at_zero(found, "notifications_claims_total", topic=SEND, result=["claimed", "skipped"])
    for name in ("notifications_retries_total", "notifications_retries_failed_total"):
        at_zero(found, name, step=["send_sms_to_provider", "send_email_to_provider"])
    at_zero(found, "notifications_provider_calls_total", provider=NAMES, outcome=OUTCOMES)
    for name in (
        "notifications_unconfirmed_total",
        "notifications_sends_refused_total",
        "notifications_provider_in_flight",
    ):
        at_zero(found, name, provider=NAMES)
    at_zero(found, "notifications_provider_seconds_count", provider=NAMES)
    at_zero(found, "notifications_to_provider_seconds_count", topic=SEND)


@pytest.mark.asked("S11")
def test_callbacks_begin_at_zero(alone):
    found = alone("callbacks")
    at_zero(found, "notifications_consumed_total", topic=["receipts"])
    at_zero(found, "notifications_receipts_total", provider=list(PROVIDERS), status=MEANINGS)
    at_zero(found, "notifications_receipts_unknown_total", provider=list(PROVIDERS))
    at_zero(found, "notifications_receipts_refused_total", provider=list(PROVIDERS), reason=REFUSALS)
    at_zero(found, "notifications_receipts_applied_total", provider=NAMES, result=RESULTS)
    at_zero(found, "notifications_to_final_seconds_count", type=KINDS)
    assert found["notifications_publishing_fill_ratio", frozenset()] == 0


MOST_SERIES = 4_500
"""Of which 100 take a millisecond."""


@pytest.mark.parametrize("service", ["api", "persister", "dispatcher", "callbacks"])
def test_a_scrape_stays_small(alone, service):
    found = alone(service)
    assert len(found) < MOST_SERIES
    assert not [name for name, _ in found if name.endswith("_created")]


@pytest.mark.parametrize("service", ["api", "persister", "dispatcher", "callbacks"])
def test_labels_take_few_values(alone, service):
    found = alone(service)
    values: dict[tuple[str, str], set[str]] = {}
    for name, pairs in found:
        for label, value in pairs:
            if label != "le":
                values.setdefault((name, label), set()).add(value)
    widest = max(values, key=lambda key: len(values[key]))
    assert len(values[widest]) <= 200, widest
