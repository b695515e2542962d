"""Dispatchers between a real broker, a real database and simulated providers."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.seed import seed
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.topics import LANES, Lane
from tests.integration.dispatching.running import Bench, Providers

API_SMS, API_EMAIL, CSV_SMS, CSV_EMAIL = LANES


@pytest.fixture(scope="session")
def provider_stack() -> Iterator[Stack]:
    """An instance of the stack that is the simulated providers alone."""
    with Stack(CACHE / f"test-{os.getpid()}-providers", {"simulator"}) as stack:
        yield stack


@pytest.fixture
def providers(provider_stack: Stack) -> Providers:
    """Providers that take everything, and send no receipts."""
    made = Providers(provider_stack.addresses["SIMULATOR_URL"])
    made.behave()
    made.forget()
    return made


@pytest.fixture
def new_bench(
    database_url: str, kafka_bootstrap: str, new_topic: Callable[..., str], provider_stack: Stack, providers: Providers
) -> Iterator[Callable[[Lane], Bench]]:
    """`new_bench(lane)` is a lane like that one, on a topic of the test's own."""
    made: list[Bench] = []
    environment = provider_stack.environment | {"DATABASE_URL": database_url, "KAFKA_BOOTSTRAP": kafka_bootstrap}

    def make(like: Lane = API_SMS, partitions: int = 2) -> Bench:
        lane = replace(like, send=replace(like.send, name=new_topic(partitions)))
        engine = make_engine(database_url, application="test")
        with transaction(engine) as connection:
            seeded = seed(connection)
        made.append(Bench(lane, environment, engine, seeded, providers))
        return made[-1]

    yield make
    for bench in made:
        for dispatcher in bench.dispatchers:
            dispatcher.drain()
        bench.engine.dispose()


@pytest.fixture
def bench(new_bench: Callable[[Lane], Bench]) -> Bench:
    """The lane of SMS that come by calls."""
    return new_bench(API_SMS)
