"""The daily limit: never exceeded, whoever dies; and used up to the last, once nobody holds a part of it in vain."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import grpc

from octavo.domain.ids import repeatable_id, uuid7
from octavo.seed import seed
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.v1.notification_service_pb2 import SendSmsRequest
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.faults.case import Case, Fault
from tests.faults.evidence import Quota
from tests.faults.load import Account
from tests.faults.members import free_port, member

LIMIT = 120
SHARED = 30
"""How many each of two processes takes before one of them falls idle."""
READY_SECONDS = 90.0
PATIENCE_SECONDS = 8.0
"""How long the limit is tried: longer than it may take."""
NUMBER = "07700900111"


def _small(case: Case) -> Account:
    """A new service with a small limit."""
    database = engine(case.system.stack.database_url)
    with transaction(database) as connection:
        made = seed(connection, f"small {case.name} {case.random.random()}")
    database.dispose()
    case.system.database.ask(
        "UPDATE services SET sms_daily_limit = %(limit)s, rate_per_minute = 60000 WHERE id = %(id)s",
        limit=LIMIT,
        id=UUID(made["service_id"]),
    )
    return replace(
        case.system.account,
        service_id=UUID(made["service_id"]),
        api_key=made["api_key"],
        sms_template_id=made["sms_template_id"],
        email_template_id=made["email_template_id"],
    )


class _Caller:
    """Sends at one api, each text with a request_id of its own, and writes both of a client's ledgers."""

    def __init__(self, case: Case, account: Account, address: str) -> None:
        self._case = case
        self._account = account
        self._channel = grpc.insecure_channel(address)
        self._stub = NotificationServiceStub(self._channel)
        grpc.channel_ready_future(self._channel).result(READY_SECONDS)

    def send(self) -> bool:
        """Whether one more is accepted. Raises grpc.RpcError for any other refusal than the limit's."""
        account, load = self._account, self._case.load
        request_id = uuid7(datetime.now(UTC), os.urandom(10))
        load.note_attempt(repeatable_id(request_id, account.service_id, account.id_key), request_id, "delivered")
        request = SendSmsRequest(
            template_id=account.sms_template_id,
            phone_number=NUMBER,
            personalisation={"name": "Ann", "code": "1"},
            request_id=str(request_id),
        )
        try:
            answer = self._stub.SendSms(request, metadata=[("authorization", f"Bearer {account.api_key}")], timeout=10)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                return False
            raise
        load.note_acknowledgement(request_id, answer.id)
        return True

    def close(self) -> None:
        """Ends its connection."""
        self._channel.close()


@contextmanager
def _caller(case: Case, account: Account, address: str) -> Iterator[_Caller]:
    caller = _Caller(case, account, address)
    try:
        yield caller
    finally:
        caller.close()


def shared(case: Case) -> Sequence[str]:
    """Two processes share the limit; one falls idle, and the other gets all that is left within seconds."""
    account = _small(case)
    port = free_port()
    second = f"127.0.0.1:{port}"
    with (
        member(case, "api", more={"OCTAVO_API_PORT": str(port)}),
        _caller(case, account, account.address) as one,
        _caller(case, account, second) as other,
    ):
        case.runs += 1
        accepted = 0
        for _ in range(SHARED):
            accepted += one.send() + other.send()
        idle_since = time.monotonic()
        reached: float | None = None
        while reached is None and time.monotonic() - idle_since < PATIENCE_SECONDS:
            accepted += one.send()
            if accepted >= LIMIT:
                reached = time.monotonic() - idle_since
        # One more than there is: nobody gets it.
        accepted += other.send() + one.send()
    case.quotas.append(Quota("a small service", LIMIT, accepted, exceeded=True, reached_in=reached))
    return []


def killed(case: Case) -> Sequence[str]:
    """The api dies with a part of the limit in hand, again and again: what it held is forfeited, and never spent twice."""
    account, system = _small(case), case.system
    for _ in range(3):
        with _caller(case, account, account.address) as one:
            for _ in range(case.random.randint(5, LIMIT // 3)):
                one.send()
        system.kill("api")
        case.runs += 1
        system.revive("api")
    with _caller(case, account, account.address) as one:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            one.send()
    counted = system.database.ask(
        "SELECT count(*) AS accepted FROM notifications WHERE service_id = %(id)s", id=account.service_id
    )[0]["accepted"]
    case.quotas.append(Quota("a small service", LIMIT, counted))
    return []


FAULTS: dict[str, Fault] = {"limit shared by two": shared, "limit with an api killed": killed}
"""By name."""
