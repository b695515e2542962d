"""Emails of megabytes: what holds many of them at once keeps to the memory of its pod, and loses none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from deploy.local.demo.account import Account
from deploy.local.stack import Stack
from octavo.v1 import notification_pb2 as pb
from octavo.v1.notification_service_pb2 import GetNotificationRequest, SendEmailRequest
from octavo.v1.template_service_pb2 import CreateTemplateRequest
from octavo.v1.template_service_pb2_grpc import TemplateServiceStub

COUNT = 40
BODY = "x" * 1_900_000
MEGABYTES = 256
"""What the smallest pod may have (deploy/k8s/base)."""
WAITING = {pb.NOTIFICATION_STATUS_CREATED, pb.NOTIFICATION_STATUS_SCHEDULED}


def most_megabytes(stack: Stack, name: str) -> float:
    """The most resident memory that the process has had."""
    status = Path(f"/proc/{stack.pid(name)}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def test_forty_large_emails_at_once_fit_in_the_smallest_pods(
    stack: Stack, account: Account, channel: grpc.Channel, eventually: Callable[..., Any]
) -> None:
    made = TemplateServiceStub(channel).CreateTemplate(
        CreateTemplateRequest(type=pb.NOTIFICATION_TYPE_EMAIL, name="large", subject="Large", body="((body))"),
        metadata=account.metadata,
        timeout=10,
    )

    def send(_number: int) -> str:
        request = SendEmailRequest(
            template_id=made.template.id, email_address="ann@example.com", personalisation={"body": BODY}
        )
        sent: str = account.stub.SendEmail(request, metadata=account.metadata, timeout=30).id
        return sent

    def waits(notification_id: str) -> bool:
        request = GetNotificationRequest(id=notification_id)
        try:
            answer = account.stub.GetNotification(request, metadata=account.metadata, timeout=30)
        except grpc.RpcError as error:
            # Not persisted yet.
            return error.code() is grpc.StatusCode.NOT_FOUND
        return answer.notification.status in WAITING

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(send, range(COUNT)))
    assert len(set(ids)) == COUNT
    for one in ids:
        eventually(lambda one=one: not waits(one), 120)
    assert {name: most_megabytes(stack, name) < MEGABYTES for name in ("persister", "dispatcher")} == {
        "persister": True,
        "dispatcher": True,
    }
