"""Calls that no generated client makes, and what can be seen of the api from outside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from deploy.local.stack import Stack
from tests.integration.api.wire import Tenant

MIB = 1024 * 1024
SEND_SMS = "/octavo.v1.NotificationService/SendSms"
NOWHERE = "018f0000-0000-7000-8000-000000000000"


class Wire:
    """Calls that no generated client makes."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address, [("grpc.max_metadata_size", MIB)])

    def call(
        self,
        method: str,
        data: bytes = b"",
        metadata: Any = (),
        *,
        streaming: bool = False,
        seconds: float = 20,
        **options: Any,
    ) -> bytes:
        """Bytes out, bytes in; of a stream the first message."""
        if streaming:
            stream: Any = self.channel.unary_stream(method)
            return bytes(next(iter(stream(data, timeout=seconds, metadata=metadata))))
        unary: Any = self.channel.unary_unary(method)
        return bytes(unary(data, timeout=seconds, metadata=metadata, **options))


def code(call: Callable[[], object]) -> str:
    """How a call ended, whatever details it gives."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def memory(stack: Stack) -> int:
    """Resident bytes of the api."""
    status = Path(f"/proc/{stack.pid('api')}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def notifications(database: Any, tenant: Tenant) -> int:
    return int(database.one("SELECT count(*) AS n FROM notifications WHERE service_id = :id", id=tenant.service_id).n)
