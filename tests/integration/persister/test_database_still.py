"""A persister whose PostgreSQL stands still (SIGSTOP), between a real broker and a database of its own."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.messaging.kafka import KafkaSink
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.migrations import upgrade
from octavo.topics import Lane, to
from octavo.v1.messages_pb2 import NotificationMessage
from services.persister.parts import lane_part
from services.persister.settings import PersisterSettings
from tests.integration.dispatching.running import configured
from tests.integration.looking import Kafka
from tests.integration.persister.conftest import API_SMS, accepted
from tests.waiting import until

STILL_SECONDS = 6.0

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Stack]:
    """PostgreSQL alone, which may be frozen."""
    with Stack(CACHE / f"test-{os.getpid()}-still", {"postgres"}) as stack:
        yield stack


@pytest.fixture
def pool(server: Stack) -> Iterator[Engine]:
    """A database with the newest schema."""
    made = make_engine(server.database_url, application="test-persister")
    with transaction(made) as connection:
        upgrade(connection)
    yield made
    made.dispose()


@pytest.fixture
def lane(new_topic: Callable[..., str]) -> Lane:
    """A lane like that of SMS, on topics of the test's own."""
    return replace(
        API_SMS,
        persist=replace(API_SMS.persist, name=new_topic(2)),
        send=replace(API_SMS.send, name=new_topic(2)),
    )


def test_offsets_wait_while_the_database_stands_still_and_then_each_is_one_row_and_goes_on(
    server: Stack, pool: Engine, lane: Lane, kafka_bootstrap: str
) -> None:
    kafka = Kafka(kafka_bootstrap)
    first, during = [accepted(lane) for _ in range(50)], [accepted(lane) for _ in range(200)]
    settings = configured(PersisterSettings, {"DATABASE_URL": server.database_url, "KAFKA_BOOTSTRAP": kafka_bootstrap})

    def publish(messages: list[NotificationMessage]) -> None:
        with closing(KafkaSink(kafka_bootstrap)) as sink:
            sink.publish([to(lane.persist, message) for message in messages])

    def finished() -> int:
        return sum(kafka.committed(lane.persist.group).values())

    async def scenario() -> None:
        part = lane_part(lane, settings, pool)
        await part.start()
        try:
            publish(first)
            # What has gone on comes from a member that has joined: before, a new broker can't say how far the group is.
            await asyncio.to_thread(until, lambda: len(kafka.values(lane.send.name)) == len(first))
            await asyncio.to_thread(until, lambda: finished() == len(first))
            server.pause("postgres")
            try:
                publish(during)
                # There is nothing to wait for: it must not go on.
                await asyncio.sleep(STILL_SECONDS)
                assert finished() == len(first)
                assert len(kafka.values(lane.send.name)) == len(first)
                assert part.unready() is None
            finally:
                server.resume("postgres")
            await asyncio.to_thread(until, lambda: finished() == len(first) + len(during), 60)
        finally:
            await part.drain()

    asyncio.run(scenario())
    everyone = {UUID(bytes=message.id) for message in first + during}
    with transaction(pool) as connection:
        rows = list(connection.execute(text("SELECT id FROM notifications")).scalars())
    assert sorted(rows) == sorted(everyone)
    sent = [UUID(bytes=NotificationMessage.FromString(value).id) for value in kafka.values(lane.send.name)]
    assert set(sent) == everyone
