"""The whole of Octavo, with all its processes, once for the tests of this folder."""

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import grpc
import pytest

from deploy.local.demo.account import Account
from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.waiting import until

T = TypeVar("T")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Every process, on ports of its own."""
    with Stack(CACHE / f"test-{os.getpid()}-whole") as stack:
        yield stack


@pytest.fixture(scope="session")
def known(stack: Stack) -> dict[str, str]:
    """What `make up` writes to .local/env."""
    return stack.client_environment()


@pytest.fixture(scope="session")
def channel(known: dict[str, str]) -> Iterator[grpc.Channel]:
    """A connection to the api."""
    with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
        yield channel


@pytest.fixture(scope="session")
def account(channel: grpc.Channel, known: dict[str, str]) -> Account:
    """The service that the seed made."""
    return Account(
        NotificationServiceStub(channel),
        known["OCTAVO_API_KEY"],
        known["OCTAVO_SMS_TEMPLATE_ID"],
        known["OCTAVO_EMAIL_TEMPLATE_ID"],
    )


@pytest.fixture(scope="session")
def eventually() -> Callable[..., T]:
    """`eventually(read, seconds)` reads until the answer is true, and returns it; it fails after some time."""
    return until
