"""Calling the api over the wire: what a client sends, and how it reads a refusal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub

SECONDS = 20
TRAILER = "grpc-status-details-bin"


@dataclass(frozen=True)
class Refusal:
    """How a call was refused, or an item of a batch."""

    code: str
    message: str
    reason: str
    metadata: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    """Reason by field."""
    quota: str = ""
    retry_seconds: float | None = None


def read_refusal(code: str, status: status_pb2.Status) -> Refusal:
    found: dict[str, Any] = {}
    for packed in status.details:
        for kind in (details.ErrorInfo, details.BadRequest, details.QuotaFailure, details.RetryInfo):
            detail = kind()
            if packed.Unpack(detail):
                found[kind.DESCRIPTOR.name] = detail
    info = found.get("ErrorInfo", details.ErrorInfo())
    assert info.domain in {"", "octavo"}
    return Refusal(
        code=code,
        message=status.message,
        reason=info.reason,
        metadata=dict(info.metadata),
        fields={one.field: one.reason for one in found["BadRequest"].field_violations} if "BadRequest" in found else {},
        quota=found["QuotaFailure"].violations[0].subject if "QuotaFailure" in found else "",
        retry_seconds=found["RetryInfo"].retry_delay.ToTimedelta().total_seconds() if "RetryInfo" in found else None,
    )


def refusal_of(error: grpc.RpcError) -> Refusal:
    metadata: Any = error.trailing_metadata() or ()
    trailers: dict[str, bytes] = dict(metadata)
    status = status_pb2.Status.FromString(trailers[TRAILER]) if TRAILER in trailers else status_pb2.Status()
    return read_refusal(error.code().name, status)


def refused(call: Callable[[], object]) -> Refusal:
    """Expects a call to be refused, and says how."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return refusal_of(raised.value)


def reason_of(call: Callable[[], object]) -> str:
    """Why a call is refused; nothing if it is not."""
    try:
        call()
    except grpc.RpcError as error:
        return refusal_of(error).reason
    return ""


@dataclass
class Tenant:
    """A service with a key and templates, and the calls that it makes."""

    stub: NotificationServiceStub
    service_id: str
    key: str
    sms_template_id: str
    email_template_id: str

    @property
    def metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.key}")]

    def call(self, method: str, request: Message, seconds: float = SECONDS) -> Any:
        return getattr(self.stub, method)(request, timeout=seconds, metadata=self.metadata)

    def sms(self, **fields: Any) -> pb.SendSmsRequest:
        """A request that is right, but for what is given."""
        right: dict[str, Any] = {
            "template_id": self.sms_template_id,
            "phone_number": "07700 900001",
            "personalisation": {"name": "Ada", "code": "1234"},
        }
        return pb.SendSmsRequest(**(right | fields))

    def email(self, **fields: Any) -> pb.SendEmailRequest:
        right: dict[str, Any] = {
            "template_id": self.email_template_id,
            "email_address": "ada@example.com",
            "personalisation": {"name": "Ada"},
        }
        return pb.SendEmailRequest(**(right | fields))

    def send(self, **fields: Any) -> Any:
        return self.call("SendSms", self.sms(**fields))

    def get(self, notification_id: str) -> Any:
        return self.call("GetNotification", pb.GetNotificationRequest(id=notification_id)).notification

    def list(self, **filters: Any) -> Any:
        return self.call("ListNotifications", pb.ListNotificationsRequest(**filters))
