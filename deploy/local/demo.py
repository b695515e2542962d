"""`make demo`: real messages through every part of an instance of its own, and a table of what became of each.

gRPC → Kafka → PostgreSQL → Kafka → a provider over HTTP → its receipt → the final status. The instance is removed at the end.
"""

import collections
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import grpc
from rich.console import Console
from rich.table import Table

from deploy.local.instance import CACHE
from deploy.local.stack import Stack, StackFailed
from octavo.v1 import notification_pb2 as pb
from octavo.v1.notification_service_pb2 import (
    GetNotificationRequest,
    SendEmailRequest,
    SendEmailResponse,
    SendSmsRequest,
    SendSmsResponse,
)
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub

SETTLE_SECONDS = 60
"""How long the last receipt may take."""

UNSETTLED = {
    pb.NOTIFICATION_STATUS_SCHEDULED,
    pb.NOTIFICATION_STATUS_CREATED,
    pb.NOTIFICATION_STATUS_SENDING,
    pb.NOTIFICATION_STATUS_PENDING,
}

# The test recipients of the simulated providers decide the outcome (facts of the field).
NUMBERS = ("07700900111", "07700900222", "07700900003", "07700900333", "07700900002", "07700900444")
ADDRESSES = (
    "ann@example.com",
    "temp-fail@simulator.example",
    "bob@example.com",
    "perm-fail@simulator.example",
    "cy@example.com",
)


@dataclass(frozen=True, slots=True)
class Account:
    """A service to send for: its stub, its key and its templates."""

    stub: NotificationServiceStub
    key: str
    sms_template_id: str
    email_template_id: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return (("authorization", f"Bearer {self.key}"),)


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


def run(stack: Stack, console: Console) -> int:
    """Sends, waits, shows. Returns 0 if nothing was lost and nothing sent twice."""
    known = stack.client_environment()
    with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
        account = Account(
            NotificationServiceStub(channel),
            known["OCTAVO_API_KEY"],
            known["OCTAVO_SMS_TEMPLATE_ID"],
            known["OCTAVO_EMAIL_TEMPLATE_ID"],
        )
        console.print(f"without its personalisation: {refused(account)}")
        accepted = list(send(account))
        console.print(f"accepted: {len(accepted)}, the first with the text “{accepted[0].body}”")
        notifications = settled(account, [answer.id for answer in accepted], SETTLE_SECONDS)
    console.print(table(notifications))
    accepts = ledger(known["SIMULATOR_URL"])
    twice = [n.id for n in notifications if accepts.get(n.id, 0) > 1]
    lost = [n for n in notifications if n.status in UNSETTLED]
    for n in lost:
        console.print(f"not settled: {n.id} is {name(n.status)}")
    for notification_id in twice:
        console.print(f"sent twice: {notification_id}")
    console.print(f"demo: {len(notifications)} accepted, {len(notifications) - len(lost)} settled, {len(lost)} lost")
    return 1 if lost or twice else 0


def main() -> int:
    """Runs the demo on an instance of its own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console() if Console().is_terminal else Console(width=160)
    console.print("starting Kafka, PostgreSQL, the providers and Octavo …")
    try:
        with Stack(CACHE / f"demo-{os.getpid()}") as stack:
            return run(stack, console)
    except StackFailed as failure:
        console.print(f"demo: {failure}; see {failure.log}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
