"""Calls are counted by who called, method, the module and function that handled them, and status."""

import re
from collections import Counter
from urllib.request import urlopen

import grpc
import pytest

from octavo.v1 import notification_service_pb2 as pb
from octavo.v1 import registry_service_pb2
from octavo.v1.registry_service_pb2_grpc import RegistryServiceStub
from tests.integration.api.wire import refused
from tests.waiting import until

LINE = re.compile(r"^notifications_requests_total\{(.*)\} ([0-9.]+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


def counts(stack, *labels):
    """The calls so far, by the labels asked for: as a sum over all others."""
    text = urlopen(stack.addresses["API_METRICS_URL"], timeout=5).read().decode()
    found = Counter[tuple[str, ...]]()
    for line, value in LINE.findall(text):
        by_name = dict(LABEL.findall(line))
        assert set(by_name) == {"caller", "method", "module", "function", "status"}
        found[tuple(by_name[label] for label in labels)] += int(float(value))
    return found


@pytest.mark.asked("S10")
def test_calls_aggregate_by_caller_method_module_function_and_status(stack, tenant):
    labels = ("caller", "method", "module", "function", "status")
    before = counts(stack, *labels)
    tenant.send()
    refused(lambda: tenant.send(phone_number="x"))
    with grpc.insecure_channel(stack.addresses["OCTAVO_ADDRESS"]) as channel:
        registry = RegistryServiceStub(channel)
        request = registry_service_pb2.ListServicesRequest()
        admin = [("authorization", f"Bearer {stack.environment['OCTAVO_ADMIN_KEY']}")]
        registry.ListServices(request, timeout=20, metadata=admin)
        assert refused(lambda: registry.ListServices(request, timeout=20)).code == "UNAUTHENTICATED"
    send = ("octavo.v1.NotificationService/SendSms", "services.api.notifications", "NotificationServicer.SendSms")
    services = (
        "octavo.v1.RegistryService/ListServices",
        "services.api.management.registry",
        "RegistryServicer.ListServices",
    )
    expected = {
        ("API", *send, "OK"): 1,
        ("API", *send, "INVALID_ARGUMENT"): 1,
        ("ADMIN", *services, "OK"): 1,
        ("NOBODY", *services, "UNAUTHENTICATED"): 1,
    }
    until(lambda: counts(stack, *labels) - before == expected)


@pytest.mark.asked("S10")
@pytest.mark.parametrize("label", ["caller", "method", "module", "function", "status"])
def test_each_label_alone_adds_up_to_all_calls(stack, tenant, label):
    tenant.send()
    total, by_label = counts(stack), counts(stack, label)
    assert sum(by_label.values()) == total[()]
    assert all(name for (name,) in by_label)


STARTED = re.compile(r"^grpc_server_started_total\{(.*)\} ([0-9.]+)$", re.MULTILINE)


def started(stack, caller, method):
    """The calls of a method begun so far by such callers."""
    text = urlopen(stack.addresses["API_METRICS_URL"], timeout=5).read().decode()
    wanted = {"caller": caller, "grpc_method": method}.items()
    return sum(
        int(float(value)) for line, value in STARTED.findall(text) if wanted <= dict(LABEL.findall(line)).items()
    )


def cancelled(stack):
    """The streams so far that their clients ended."""
    key = ("API", "octavo.v1.NotificationService/WatchNotifications", "CANCELLED")
    return counts(stack, "caller", "method", "status")[key]


def test_a_call_is_counted_as_begun_when_it_begins(stack, new_tenant):
    tenant, method = new_tenant(), "WatchNotifications"
    begun, nobodys, before = started(stack, "API", method), started(stack, "NOBODY", method), cancelled(stack)
    call = tenant.stub.WatchNotifications(pb.WatchNotificationsRequest(), timeout=20, metadata=tenant.metadata)
    assert call.initial_metadata()
    assert started(stack, "API", method) == begun + 1
    call.cancel()
    refused(lambda: list(tenant.stub.WatchNotifications(pb.WatchNotificationsRequest(), timeout=20)))
    until(lambda: started(stack, "NOBODY", method) == nobodys + 1)
    assert started(stack, "API", method) == begun + 1
    # Counted a little later, which the next test would see.
    until(lambda: cancelled(stack) == before + 1)


def test_a_stream_is_counted_when_it_ends(stack, new_tenant):
    tenant = new_tenant()
    before = cancelled(stack)
    call = tenant.stub.WatchNotifications(pb.WatchNotificationsRequest(), timeout=20, metadata=tenant.metadata)
    assert call.initial_metadata()
    call.cancel()
    until(lambda: cancelled(stack) == before + 1)
