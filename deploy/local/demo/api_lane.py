"""The API lane: gRPC → Kafka → PostgreSQL → Kafka → a provider over HTTP → its receipt → the final status."""

import collections
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence

import grpc
from rich.table import Table

from deploy.local.demo.account import UNSETTLED, Account
from octavo.v1 import notification_pb2 as pb
from octavo.v1.notification_service_pb2 import (
    GetNotificationRequest,
    SendEmailRequest,
    SendEmailResponse,
    SendSmsRequest,
    SendSmsResponse,
)

# The test recipients of the simulated providers decide the outcome (facts of the field).
NUMBERS = ("07700900111", "07700900222", "07700900003", "07700900333", "07700900002", "07700900444")
ADDRESSES = (
    "ann@example.com",
    "temp-fail@simulator.example",
    "bob@example.com",
    "perm-fail@simulator.example",
    "cy@example.com",
)


def send(account: Account) -> Iterator[SendSmsResponse | SendEmailResponse]:
    """Sends a message to each of the recipients."""
    for number in NUMBERS:
        request = SendSmsRequest(
            template_id=account.sms_template_id,
            phone_number=number,
            personalisation={"name": "Ann", "code": "12345"},
            reference="demo",
        )
        yield account.stub.SendSms(request, metadata=account.metadata, timeout=10)
    for address in ADDRESSES:
        mail = SendEmailRequest(
            template_id=account.email_template_id,
            email_address=address,
            personalisation={"name": "Ann"},
            reference="demo",
        )
        yield account.stub.SendEmail(mail, metadata=account.metadata, timeout=10)


def refused(account: Account) -> str:
    """Sends one that can't be sent, and tells how that is answered."""
    try:
        account.stub.SendSms(
            SendSmsRequest(template_id=account.sms_template_id, phone_number="07700900111"),
            metadata=account.metadata,
            timeout=10,
        )
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"
    return "accepted, which it should not be"


def settled(account: Account, ids: Sequence[str], seconds: float) -> list[pb.Notification]:
    """Waits for the final status of each, and returns how they stand."""
    deadline = time.monotonic() + seconds
    found: dict[str, pb.Notification] = {}
    while True:
        for notification_id in ids:
            if notification_id not in found or found[notification_id].status in UNSETTLED:
                answer = account.stub.GetNotification(
                    GetNotificationRequest(id=notification_id), metadata=account.metadata, timeout=10
                )
                found[notification_id] = answer.notification
        if all(n.status not in UNSETTLED for n in found.values()) or time.monotonic() > deadline:
            return [found[notification_id] for notification_id in ids]
        time.sleep(0.1)


def ledger(simulator: str) -> dict[str, int]:
    """How often the providers accepted each reference."""
    with urllib.request.urlopen(f"{simulator}/ledger?since=0", timeout=10) as lines:  # noqa: S310 - our own simulator
        return collections.Counter(json.loads(line)["reference"] for line in lines if line.strip())


def name(status: int) -> str:
    """A status as people write it."""
    return pb.NotificationStatus.Name(status).removeprefix("NOTIFICATION_STATUS_").lower().replace("_", "-")


def table(notifications: Sequence[pb.Notification]) -> Table:
    """Every notification with its statuses and when it came to them, in milliseconds after its acceptance."""
    drawn = Table(
        "notification", "type", "provider", "status", "history (ms after acceptance)", title="What became of them"
    )
    for n in notifications:
        accepted = n.created_at.ToMilliseconds()
        history = " → ".join(f"{name(move.status)} {move.at.ToMilliseconds() - accepted}" for move in n.history)
        colour = "green" if n.status == pb.NOTIFICATION_STATUS_DELIVERED else "yellow"
        kind = "sms" if n.type == pb.NOTIFICATION_TYPE_SMS else "email"
        drawn.add_row(n.id, kind, n.provider, f"[{colour}]{name(n.status)}[/]", history)
    return drawn
