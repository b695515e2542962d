"""PostgreSQL away: whatever needs it says so, and when to try again; and works as soon as it is back."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
import psycopg2
import pytest

from octavo.seed import seed
from octavo.storage.errors import transaction
from octavo.v1 import api_key_service_pb2 as keys
from octavo.v1 import job_service_pb2 as jobs
from octavo.v1 import notification_service_pb2 as notifications
from octavo.v1 import registry_service_pb2 as registry
from octavo.v1 import template_service_pb2 as templates
from octavo.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from octavo.v1.job_service_pb2_grpc import JobServiceStub
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from octavo.v1.registry_service_pb2_grpc import RegistryServiceStub
from octavo.v1.template_service_pb2_grpc import TemplateServiceStub
from tests.integration.api.wire import Refusal, refusal_of
from tests.waiting import until

# Longer than the api itself waits for a database that stands still.
SECONDS = 45
RECOVERY_SECONDS = 60

Calls = dict[str, Callable[[], Any]]


@contextmanager
def stopped(stack) -> Iterator[None]:
    stack.stop_program("postgres")
    try:
        yield
    finally:
        stack.start_program("postgres", 120)


@contextmanager
def refusing(stack) -> Iterator[None]:
    """It takes no connection to the database, and has ended those there were."""
    server, _, name = stack.database_url.rpartition("/")
    connection = psycopg2.connect(f"{server}/postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    connection.close()


@contextmanager
def standing_still(stack) -> Iterator[None]:
    stack.pause("postgres")
    try:
        yield
    finally:
        stack.resume("postgres")


@pytest.fixture
def channel(stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.addresses["OCTAVO_ADDRESS"]) as made:
        yield made


@pytest.mark.parametrize("away", [stopped, refusing, pytest.param(standing_still, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_calls_that_need_the_database_say_that_it_is_away_until_it_is_back(new_tenant, stack, database, channel, away):
    tenant = new_tenant()
    with transaction(database.engine) as connection:
        stranger = seed(connection, "A service whose key the api has not met")["api_key"]
    calls = management(channel, tenant, stack.environment["OCTAVO_ADMIN_KEY"])
    unmet = caller(NotificationServiceStub(channel), stranger)
    for call in calls.values():
        call()
    with away(stack):
        calls["an unknown key"] = lambda: unmet("ListNotifications", notifications.ListNotificationsRequest())
        with ThreadPoolExecutor(len(calls)) as threads:
            answers = dict(zip(calls, threads.map(outcome, calls.values()), strict=True))
        for name, answer in answers.items():
            assert answer is not None, name
            told = (name, answer.code, answer.reason, bool(answer.retry_seconds))
            assert told == (name, "UNAVAILABLE", "DATABASE_UNAVAILABLE", True)
    # The test's own connections are gone.
    database.engine.dispose()
    until(lambda: outcome(calls["GetService"]) is None, RECOVERY_SECONDS)
    # No call meets a connection that died meanwhile, whichever pool it takes one of.
    for name, call in calls.items():
        assert (name, outcome(call)) == (name, None)


def management(channel: grpc.Channel, tenant, admin_key: str) -> Calls:
    """Every kind of call but sending, by name; each works, and can be repeated."""
    admin = {"service_id": tenant.service_id}
    service = {"id": tenant.service_id}
    template = {"id": tenant.sms_template_id}
    nobody = "0198c0de-0000-7000-8000-000000000000"
    wanted = [
        (RegistryServiceStub, admin_key, "GetService", registry.GetServiceRequest(**service)),
        (RegistryServiceStub, admin_key, "ListServices", registry.ListServicesRequest(page_size=1)),
        (RegistryServiceStub, admin_key, "ListGuests", registry.ListGuestsRequest(**admin)),
        (RegistryServiceStub, admin_key, "AddGuests", registry.AddGuestsRequest(**admin, recipients=["a@example.com"])),
        (RegistryServiceStub, admin_key, "RemoveGuests", registry.RemoveGuestsRequest(**admin, recipients=["a@b.co"])),
        (
            RegistryServiceStub,
            admin_key,
            "UpdateService",
            registry.UpdateServiceRequest(
                service=registry.Service(**service, trial=False), update_mask={"paths": ["trial"]}
            ),
        ),
        (ApiKeyServiceStub, admin_key, "ListApiKeys", keys.ListApiKeysRequest(**admin)),
        (TemplateServiceStub, tenant.key, "GetTemplate", templates.GetTemplateRequest(**template)),
        (TemplateServiceStub, tenant.key, "ListTemplates", templates.ListTemplatesRequest()),
        (TemplateServiceStub, tenant.key, "ListTemplateVersions", templates.ListTemplateVersionsRequest(**template)),
        (TemplateServiceStub, tenant.key, "UpdateTemplate", templates.UpdateTemplateRequest(**template, name="a name")),
        (
            TemplateServiceStub,
            tenant.key,
            "PreviewTemplate",
            templates.PreviewTemplateRequest(**template, personalisation={"name": "Ada", "code": "1"}),
        ),
        (JobServiceStub, tenant.key, "ListJobs", jobs.ListJobsRequest()),
        (JobServiceStub, tenant.key, "GetJob", jobs.GetJobRequest(id=nobody)),
        (JobServiceStub, tenant.key, "CancelJob", jobs.CancelJobRequest(id=nobody)),
        (JobServiceStub, tenant.key, "WatchJob", jobs.WatchJobRequest(id=nobody)),
        (JobServiceStub, tenant.key, "DownloadReport", jobs.DownloadReportRequest(id=nobody)),
        (NotificationServiceStub, tenant.key, "GetStatistics", notifications.GetStatisticsRequest()),
        (NotificationServiceStub, tenant.key, "ListNotifications", notifications.ListNotificationsRequest()),
        (NotificationServiceStub, tenant.key, "CancelNotification", notifications.CancelNotificationRequest(id=nobody)),
    ]
    calls: Calls = {}
    for stub, key, method, request in wanted:
        calls[method] = partial(caller(stub(channel), key), method, request)
    return calls


def caller(stub: Any, key: str) -> Callable[[str, Any], None]:
    """Calls to the end of the answer. That there is no such thing is an answer, too."""

    def call(method: str, request: Any) -> None:
        try:
            answer = getattr(stub, method)(request, timeout=SECONDS, metadata=[("authorization", f"Bearer {key}")])
            if isinstance(answer, grpc.Call):
                list(answer)  # type: ignore[call-overload]
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise

    return call


def outcome(call: Callable[[], None]) -> Refusal | None:
    """How a call was refused; None if it was not."""
    try:
        call()
    except grpc.RpcError as error:
        return refusal_of(error)
    return None
