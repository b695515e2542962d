"""The api with all that it works with, for those who mean it no good."""

from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from deploy.local.stack import Stack
from tests.hostile.attack import MIB, Wire, memory
from tests.hostile.receipts import credentials, honest, reached, receipts_stack, refused, service, sns
from tests.integration.api.served import database, new_template, new_tenant, stack, stub, tenant
from tests.integration.api.wire import Tenant
from tests.waiting import until

__all__ = [
    "credentials",
    "database",
    "honest",
    "new_template",
    "new_tenant",
    "reached",
    "receipts_stack",
    "refused",
    "service",
    "sns",
    "stack",
    "stub",
    "tenant",
]

MOST_GROWTH = 100 * MIB
"""What the process may have grown by after all of this: buffers of the largest messages, and what allocators keep."""


@pytest.fixture(scope="module")
def alive_and_small(stack: Stack, tenant: Tenant) -> Iterator[None]:
    """All of it happens to one process, which at the end is the same, serves, and has neither grown nor complained."""
    tenant.send()
    log = stack.instance.logs / "api.log"
    pid, before, logged = stack.pid("api"), memory(stack), log.stat().st_size
    yield
    assert stack.pid("api") == pid
    sent = tenant.send()
    assert tenant.get(sent.id).body == sent.body
    operations = stack.addresses["API_METRICS_URL"].removesuffix("/metrics")
    for path in ("/livez", "/readyz"):
        assert urlopen(operations + path, timeout=5).status == 200
    until(lambda: memory(stack) - before < MOST_GROWTH)
    complaints = log.read_bytes()[logged:].decode()
    assert "Traceback" not in complaints
    assert "internal error" not in complaints


@pytest.fixture(scope="module")
def wire(stack: Stack) -> Iterator[Wire]:
    """A connection for calls that no generated client makes."""
    made = Wire(stack.addresses["OCTAVO_ADDRESS"])
    yield made
    made.channel.close()
