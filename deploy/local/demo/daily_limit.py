"""A service that reaches its daily limit: the platform team makes it, with a key and a template, and it sends too much."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from deploy.local.demo.account import bearer
from octavo.v1 import notification_pb2 as pb
from octavo.v1.api_key_service_pb2 import CreateApiKeyRequest
from octavo.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from octavo.v1.notification_service_pb2 import SendSmsRequest
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from octavo.v1.registry_service_pb2 import CreateServiceRequest, Service
from octavo.v1.registry_service_pb2_grpc import RegistryServiceStub
from octavo.v1.template_service_pb2 import CreateTemplateRequest
from octavo.v1.template_service_pb2_grpc import TemplateServiceStub

LIMIT = 10
DEMAND = 15


@dataclass(frozen=True, slots=True)
class Spent:
    """What became of the calls. `reason`, `quota` and `again_seconds` are what the first refusal said."""

    accepted: int
    refused: int
    reason: str
    quota: str
    again_seconds: int


def spend(channel: grpc.Channel, known: Mapping[str, str]) -> Spent:
    """Sends more than the limit allows, and tells what was answered."""
    key, template_id = _onboarded(channel, bearer(known["OCTAVO_ADMIN_KEY"]))
    stub = NotificationServiceStub(channel)
    accepted, refusals = 0, []
    for number in range(DEMAND):
        request = SendSmsRequest(template_id=template_id, phone_number=f"077009004{number:02}")
        try:
            stub.SendSms(request, metadata=bearer(key), timeout=10)
        except grpc.RpcError as error:
            refusals.append(error)
        else:
            accepted += 1
    return _told(accepted, refusals)


def _onboarded(channel: grpc.Channel, admin: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """A new service with a daily limit: its key and its template."""
    service = (
        RegistryServiceStub(channel)
        .CreateService(
            CreateServiceRequest(service=Service(name=f"{LIMIT} a day", sms_daily_limit=LIMIT)),
            metadata=admin,
            timeout=10,
        )
        .service
    )
    template = (
        TemplateServiceStub(channel)
        .CreateTemplate(
            CreateTemplateRequest(
                type=pb.NOTIFICATION_TYPE_SMS, name="Reminder", body="Do not forget.", service_id=service.id
            ),
            metadata=admin,
            timeout=10,
        )
        .template
    )
    made = ApiKeyServiceStub(channel).CreateApiKey(
        CreateApiKeyRequest(service_id=service.id, name="demo", type=pb.KEY_TYPE_LIVE), metadata=admin, timeout=10
    )
    return made.secret, template.id


def _told(accepted: int, refusals: list[grpc.RpcError]) -> Spent:
    info, quota, again = error_details_pb2.ErrorInfo(), error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
    status = rpc_status.from_call(refusals[0]) if refusals else None
    for detail in status.details if status else ():
        for kind in (info, quota, again):
            detail.Unpack(kind)
    subject = quota.violations[0].description if quota.violations else ""
    return Spent(accepted, len(refusals), info.reason, subject, again.retry_delay.seconds)
