"""The load: a client that repeats what failed under the same request_id, and writes down what it asked for and what it was told.

Ledger T has a line before the first call of a notification, ledger A one before its acknowledgement counts.
"""

import asyncio
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import grpc
import grpc.aio

from octavo.domain.ids import repeatable_id, uuid7
from octavo.v1.notification_service_pb2 import SendEmailRequest, SendSmsRequest
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.faults.evidence import Acknowledgement, Attempt

RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
}
CALL_SECONDS = 10.0
PATIENT_SECONDS = 60.0
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 0.1, 1.5
MOST_WAITING = 400
"""Calls under way at once; nobody is asked for more until some have ended."""
OPTIONS = [
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # As clients of several pods: each in turn, of those that say they are healthy.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}'),
]

OUTCOMES = {
    "delivered": ("07700900111", "ann@example.com"),
    "temporary-failure": ("07700900003", "temp-fail@simulator.example"),
    "permanent-failure": ("07700900002", "perm-fail@simulator.example"),
}
"""What becomes of a message, and the recipients that lead to it."""


@dataclass(frozen=True, slots=True)
class Account:
    """A service, as its client knows it, and the key that foresees the ids of its notifications."""

    address: str
    service_id: UUID
    api_key: str
    sms_template_id: str
    email_template_id: str
    id_key: bytes

    @classmethod
    def of(cls, known: Mapping[str, str], hash_key: str) -> "Account":
        """The account that a stack was seeded with."""
        return cls(
            known["OCTAVO_ADDRESS"],
            UUID(known["OCTAVO_SERVICE_ID"]),
            known["OCTAVO_API_KEY"],
            known["OCTAVO_SMS_TEMPLATE_ID"],
            known["OCTAVO_EMAIL_TEMPLATE_ID"],
            sha256(b"ids" + hash_key.encode()).digest(),
        )


class Ledger:
    """A file of lines, each handed to the operating system before anything goes on."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self.path = path

    def write(self, **line: str) -> None:
        """Writes a line."""
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def lines(self) -> list[dict[str, str]]:
        """All lines."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


class Load:
    """Notifications at a steady rate, until told to stop. Equal seeds ask for equal messages."""

    def __init__(
        self,
        account: Account,
        folder: Path,
        seed: str,
        *,
        rate: float = 30.0,
        patient: bool = False,
        others: Sequence[str] = (),
    ) -> None:
        """`patient` calls wait for a connection instead of failing without one. `others` are called in turn with the first."""
        self._account = account
        self.addresses = (account.address, *others)
        self._random = Random(seed)
        self._pause = 1 / rate
        self._patient = patient
        self._attempted = Ledger(folder / "attempted.jsonl")
        self._acknowledged = Ledger(folder / "acknowledged.jsonl")
        self._stop = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)
        self._calls: set[asyncio.Task[None]] = set()
        self.acknowledged = 0
        """How many were acknowledged so far."""
        self.errors: Counter[str] = Counter()
        """What calls were told instead, by status; most of them are made again."""
        self.refused: list[str] = []
        """What was refused for good, which a sound message never is."""

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self, give_up_seconds: float = 60.0) -> None:
        """Asks for nothing new, and returns once every call was acknowledged, or given up after so many seconds."""
        self._give_up_at = time.monotonic() + give_up_seconds
        self._stop.set()
        self._thread.join()
        self._attempted.close()
        self._acknowledged.close()

    @property
    def under_way(self) -> int:
        """Calls that have no answer yet, those that wait for a connection or for their next try too."""
        return len(self._calls)

    def attempts(self) -> dict[str, Attempt]:
        """Ledger T."""
        return {line["id"]: Attempt(**line) for line in self._attempted.lines()}

    def acknowledgements(self) -> list[Acknowledgement]:
        """Ledger A."""
        return [Acknowledgement(**line) for line in self._acknowledged.lines()]

    def note_attempt(self, notification_id: UUID, request_id: UUID, expected: str) -> None:
        """Writes down what somebody is about to ask for."""
        self._attempted.write(id=str(notification_id), request_id=str(request_id), expected=expected)

    def note_acknowledgement(self, request_id: UUID, notification_id: str) -> None:
        """Writes down what somebody was told."""
        self._acknowledged.write(request_id=str(request_id), id=notification_id)
        self.acknowledged += 1

    async def _run(self) -> None:
        target = f"ipv4:{','.join(self.addresses)}"
        async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
            stub = NotificationServiceStub(channel)
            due = time.monotonic()
            while not self._stop.is_set():
                if len(self._calls) < MOST_WAITING:
                    call = asyncio.create_task(self._send(stub))
                    self._calls.add(call)
                    call.add_done_callback(self._calls.discard)
                due = max(due + self._pause, time.monotonic() - 1)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.gather(*self._calls)

    async def _send(self, stub: NotificationServiceStub) -> None:
        kind = self._random.choice(["sms", "email"])
        expected = self._random.choices(list(OUTCOMES), weights=[8, 1, 1])[0]
        request_id = uuid7(datetime.now(UTC), self._random.randbytes(10))
        call, request = self._call(stub, kind, expected, str(request_id))
        notification_id = repeatable_id(request_id, self._account.service_id, self._account.id_key)
        self.note_attempt(notification_id, request_id, expected)
        wait = FIRST_WAIT_SECONDS
        while time.monotonic() < self._give_up_at:
            try:
                answer = await call(
                    request,
                    # A busy machine is no reason for one of several processes to fail a call.
                    timeout=PATIENT_SECONDS if self._patient or len(self.addresses) > 1 else CALL_SECONDS,
                    metadata=[("authorization", f"Bearer {self._account.api_key}")],
                    wait_for_ready=self._patient,
                )
            except grpc.aio.AioRpcError as error:
                self.errors[error.code().name] += 1
                if error.code() not in RETRYABLE:
                    self.refused.append(f"{notification_id}: {error.code().name}: {error.details()}")
                    return
                await asyncio.sleep(wait)
                wait = min(2 * wait, LAST_WAIT_SECONDS)
            else:
                self.note_acknowledgement(request_id, answer.id)
                return

    def _call(self, stub: NotificationServiceStub, kind: str, expected: str, request_id: str) -> tuple[Any, Any]:
        number, address = OUTCOMES[expected]
        if kind == "sms":
            return stub.SendSms, SendSmsRequest(
                template_id=self._account.sms_template_id,
                phone_number=number,
                personalisation={"name": "Ann", "code": str(self._random.randrange(10**6))},
                request_id=request_id,
            )
        return stub.SendEmail, SendEmailRequest(
            template_id=self._account.email_template_id,
            email_address=address,
            personalisation={"name": "Ann"},
            request_id=request_id,
        )
