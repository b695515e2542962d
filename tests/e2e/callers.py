"""Services of the stack's own, made over the API as a platform team makes them, and calls that carry canaries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc

from deploy.local.demo.account import bearer
from octavo.v1 import api_key_service_pb2 as keys
from octavo.v1 import job_service_pb2 as jobs
from octavo.v1 import notification_pb2 as common
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1 import registry_service_pb2 as registry
from octavo.v1 import template_service_pb2 as templates
from octavo.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from octavo.v1.job_service_pb2_grpc import JobServiceStub
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from octavo.v1.registry_service_pb2_grpc import RegistryServiceStub
from octavo.v1.template_service_pb2_grpc import TemplateServiceStub
from tests.e2e.canaries import ADDRESS, CODE, NAME, NUMBER

SECONDS = 30
VALUES = {"name": NAME, "code": CODE}


class Api:
    """Every stub on one connection."""

    def __init__(self, channel: grpc.Channel, admin_key: str) -> None:
        self.channel = channel
        self.admin = bearer(admin_key)
        self.notifications = NotificationServiceStub(channel)
        self.jobs = JobServiceStub(channel)
        self.templates = TemplateServiceStub(channel)
        self.registry = RegistryServiceStub(channel)
        self.keys = ApiKeyServiceStub(channel)

    def call(self, stub: Any, method: str, request: Any, metadata: Any) -> Any:
        answer = getattr(stub, method)(request, metadata=metadata, timeout=SECONDS)
        # A stream is read to its end, or to its error.
        return list(answer) if isinstance(answer, Iterator) else answer

    def as_admin(self, stub: Any, method: str, request: Any) -> Any:
        return self.call(stub, method, request, self.admin)

    def service(self, key_type: Any = common.KEY_TYPE_LIVE, **settings: Any) -> "Service":
        """A new service with a key and templates whose every part is personalised."""
        wanted = registry.Service(
            name=f"Birds {uuid4().hex[:8]}",
            reply_to_addresses=["replies@octavo.example"],
            sms_senders=["Octavo"],
            **settings,
        )
        made = self.as_admin(self.registry, "CreateService", registry.CreateServiceRequest(service=wanted)).service
        key = self.as_admin(
            self.keys, "CreateApiKey", keys.CreateApiKeyRequest(service_id=made.id, name="birds", type=key_type)
        )
        sms = self.template(made.id, common.NOTIFICATION_TYPE_SMS, "Hello ((name)), your code is ((code)).")
        body = "# Hello\n\n((name)), your code is ((code)).\n"
        email = self.template(made.id, common.NOTIFICATION_TYPE_EMAIL, body, "For ((name))")
        return Service(self, made.id, made.name, key.api_key.id, key.secret, sms, email)

    def template(self, service_id: str, kind: Any, body: str, subject: str = "") -> str:
        request = templates.CreateTemplateRequest(
            service_id=service_id, type=kind, name=f"T {uuid4().hex[:8]}", subject=subject, body=body
        )
        template_id: str = self.as_admin(self.templates, "CreateTemplate", request).template.id
        return template_id


@dataclass(frozen=True)
class Service:
    """A service, and requests of it that are right but for what is given."""

    api: Api
    id: str
    name: str
    key_id: str
    key: str
    sms_template_id: str
    email_template_id: str

    @property
    def metadata(self) -> Any:
        return bearer(self.key)

    def sms(self, **fields: Any) -> pb.SendSmsRequest:
        right: dict[str, Any] = {
            "template_id": self.sms_template_id,
            "phone_number": NUMBER,
            "personalisation": VALUES,
        }
        return pb.SendSmsRequest(**(right | fields))

    def email(self, **fields: Any) -> pb.SendEmailRequest:
        right: dict[str, Any] = {
            "template_id": self.email_template_id,
            "email_address": ADDRESS,
            "personalisation": VALUES,
        }
        return pb.SendEmailRequest(**(right | fields))

    def call(self, method: str, request: Any) -> Any:
        """A call of the stub that has this method."""
        stubs = (self.api.notifications, self.api.jobs, self.api.templates, self.api.registry)
        stub = next(stub for stub in stubs if hasattr(stub, method))
        return self.api.call(stub, method, request, self.metadata)

    def send(self, request: pb.SendSmsRequest | pb.SendEmailRequest) -> str:
        method = "SendSms" if isinstance(request, pb.SendSmsRequest) else "SendEmail"
        notification_id: str = self.call(method, request).id
        return notification_id

    def get(self, notification_id: str) -> common.Notification:
        answer = self.call("GetNotification", pb.GetNotificationRequest(id=notification_id))
        notification: common.Notification = answer.notification
        return notification

    def upload(self, data: bytes) -> jobs.CsvFile:
        chunks = iter([jobs.UploadCsvRequest(chunk=data)])
        answer = self.api.jobs.UploadCsv(chunks, metadata=self.metadata, timeout=SECONDS)
        file: jobs.CsvFile = answer.file
        return file

    def job(self, data: bytes, **fields: Any) -> jobs.Job:
        file = self.upload(data)
        right: dict[str, Any] = {
            "template_id": self.sms_template_id,
            "object_key": file.object_key,
            "etag": file.etag,
            "file_name": "birds.csv",
        }
        job: jobs.Job = self.call("CreateJob", jobs.CreateJobRequest(**(right | fields))).job
        return job
