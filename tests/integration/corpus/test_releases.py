"""The schema and the messages of a release before, handled by this code; and this code on the schema of a release after."""

import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from psycopg2.extras import Json
from sqlalchemy import Engine, text
from tenacity import wait_fixed

from deploy.local.instance import ROOT
from octavo import topics
from octavo.crypto import Sealer
from octavo.domain.notification import Status
from octavo.messaging.deferred import Deferred
from octavo.messaging.loop import Consumer
from octavo.messaging.memory import Broker
from octavo.providers import EmailMessage, TextMessage
from octavo.storage import columns, migrations, partitions, schema
from octavo.storage.directory import Directory
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.jobqueue import claim_jobs
from octavo.storage.send import Recorded, record_outcomes
from octavo.topics import LANES, Lane
from octavo.v1.messages_pb2 import NotificationMessage, ReceiptMessage
from services.callbacks.handler import Mover
from services.callbacks.pace import Pace
from services.dispatcher.claims import Claimed, Claims
from services.dispatcher.compose import Composer
from services.persister.due import Due
from tests.corpora import RELEASES, corpus, later_release
from tests.integration.persister.conftest import Bench

BEFORE_SENDING = ("services", "templates", "template_versions", "jobs")
LATER = "9999"
EXPANDED = (
    "ALTER TABLE notifications ADD COLUMN later text",
    "ALTER TABLE notification_history ADD COLUMN later text NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN later integer",
    "CREATE TABLE later (id uuid PRIMARY KEY)",
    f"UPDATE alembic_version SET version_num = '{LATER}'",
)
"""What a migration of a later release may do: it only adds."""


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> dict[str, Any]:
    return corpus(request.param)


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    made = make_engine(empty_database_url)
    yield made
    made.dispose()


def statements(engine: Engine, *given: str) -> None:
    with transaction(engine) as connection:
        for statement in given:
            connection.execute(text(statement))


def upgraded(engine: Engine, release: dict[str, Any], *tables: str) -> None:
    """A database as that release left it, with these rows of it, and then migrated by this one."""
    with transaction(engine) as connection:
        command.upgrade(migrations.config(connection), release["schema"])
        for table in tables:
            for row in release["rows"][table]:
                connection.exec_driver_sql(
                    f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s)", (Json(row),)
                )
        migrations.upgrade(connection)
    partitions.ensure(engine, datetime.now(UTC))


@pytest.fixture(params=["this schema", "the next schema"])
def database(request: pytest.FixtureRequest, engine: Engine, release: dict[str, Any]) -> Engine:
    """What that release left before it sent anything; on this release's schema, or on one of a later release."""
    upgraded(engine, release, *BEFORE_SENDING)
    if request.param == "the next schema":
        statements(engine, *EXPANDED)
    return engine


def recorded(release: dict[str, Any], topic: str) -> list[bytes]:
    return [b64decode(record["value"]) for record in release["records"] if record["topic"] == topic]


def still_ahead(value: bytes) -> bytes:
    """The message, for tomorrow if it was for later when it was recorded."""
    message = NotificationMessage.FromString(value)
    if message.send_at_micros:
        message.send_at_micros = columns.micros(datetime.now(UTC) + timedelta(days=1))
    return message.SerializeToString()


def persist(engine: Engine, lane: Lane, values: list[bytes]) -> list[bytes]:
    """Has the persister handle these records; what it publishes for the dispatcher."""
    bench = Bench(engine, lane)
    bench.broker.publish([topics.Outgoing(lane.persist.name, b"", value) for value in values])
    bench.step()
    assert bench.broker.values(lane.persist.dead) == []
    return bench.broker.values(lane.send.name)


def claim(engine: Engine, release: dict[str, Any], lane: Lane, values: list[bytes]) -> list[Claimed]:
    """Has the dispatcher claim these records: opened, rendered and ready to be sent."""
    broker, claimed, topic = Broker(), list[Claimed](), lane.send.name
    sealer = Sealer(release["sealing_keys"].split(","))
    composer = Composer(sealer, Directory(engine), default_region="GB", default_sms_sender="Octavo")
    source = Deferred(broker.source("dispatcher", topic), 1000, commit_seconds=0)
    claims = Claims(
        engine, composer, topic=topic, begin=source.begin, hand_on=claimed.extend, make_room=source.make_room
    )
    broker.publish([topics.Outgoing(topic, b"", value) for value in values])
    Consumer(lane.send, source, claims.claim, broker, wait=wait_fixed(0)).step(Event())
    assert broker.values(f"{topic}.dead") == []
    assert all(isinstance(one.message, TextMessage | EmailMessage) for one in claimed)
    return claimed


def accept(engine: Engine, claimed: list[Claimed], references: dict[str, str]) -> None:
    at = datetime.now(UTC)
    with transaction(engine) as connection:
        record_outcomes(
            connection,
            [Recorded(c.id, c.token, Status.SENDING, "", "mmg", references.get(str(c.id)), at) for c in claimed],
        )


def test_what_a_release_before_left_on_every_topic_goes_its_way_to_the_end(database, release):
    there = {row["id"]: row for row in release["rows"]["notifications"]}
    references = {one: row["provider_reference"] for one, row in there.items()}
    for lane in LANES:
        sent = persist(database, lane, [still_ahead(value) for value in recorded(release, lane.persist.name)])
        assert sorted(sent) == sorted(recorded(release, lane.send.name))
        claimed = claim(database, release, lane, recorded(release, lane.send.name))
        assert len(claimed) == len(sent)
        accept(database, claimed, references)
    broker = Broker()
    broker.publish([topics.Outgoing(topics.RECEIPTS.name, b"", value) for value in recorded(release, "receipts")])
    source = broker.source("callbacks", topics.RECEIPTS.name)
    Consumer(topics.RECEIPTS, source, Mover(database, Pace(database)).move, broker, wait=wait_fixed(0)).step(Event())
    with database.connect() as connection:
        rows = connection.execute(text("SELECT id, status, status_reason FROM notifications")).all()
    assert {(str(row.id), row.status, row.status_reason) for row in rows} == {
        (one, row["status"], row["status_reason"]) for one, row in there.items()
    }


def test_rows_of_a_release_before_that_were_under_way_go_on(engine, release):
    upgraded(engine, release, *BEFORE_SENDING, "notifications", "notification_history")
    statements(engine, "UPDATE notifications SET next_attempt_at = now() WHERE status = 'scheduled'")
    broker = Broker()
    waiting = len(Due(engine, broker).publish_due())
    assert waiting == sum(row["status"] == "scheduled" for row in release["rows"]["notifications"]) > 0
    claimed = [one for lane in LANES for one in claim(engine, release, lane, broker.values(lane.send.name))]
    assert len(claimed) == waiting


def test_a_job_of_a_release_before_that_was_not_read_is_read(engine, release):
    upgraded(engine, release, *BEFORE_SENDING)
    statements(engine, "UPDATE jobs SET status = 'ready', next_row = 1, finished_at = NULL")
    with transaction(engine) as connection:
        claimed = claim_jobs(connection, UUID(int=1), 10)
    assert {job.id.bytes for job in claimed} == {
        topics.JOBS.decode(value).job_id for value in recorded(release, topics.JOBS.name)
    }


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.persist.name)
def test_a_field_that_only_a_later_release_knows_reaches_its_dispatcher_unharmed(database, release, lane):
    values = [
        later_release(value)
        for value in recorded(release, lane.persist.name)
        if not NotificationMessage.FromString(value).send_at_micros
    ]
    sent = persist(database, lane, values)
    assert sorted(sent) == sorted(values)
    assert len(claim(database, release, lane, sent)) == len(values)


def test_a_receipt_that_is_held_keeps_what_only_a_later_release_knows(database, release):
    value = later_release(recorded(release, topics.RECEIPTS.name)[0])
    broker = Broker()
    broker.publish([topics.Outgoing(topics.RECEIPTS.name, b"", value)])
    source = broker.source("callbacks", topics.RECEIPTS.name)
    Consumer(topics.RECEIPTS, source, Mover(database, Pace(database)).move, broker, wait=wait_fixed(0)).step(Event())
    with database.connect() as connection:
        (held,) = connection.execute(text("SELECT message FROM held_receipts")).scalars()
    assert b"from later" in bytes(held)
    assert ReceiptMessage.FromString(bytes(held)).provider == ReceiptMessage.FromString(value).provider


@pytest.fixture
def storage(database_server, engine: Engine) -> Callable[[str], "subprocess.CompletedProcess[str]"]:
    """`python -m octavo.storage` on this database, as pods run it before they start."""

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return subprocess.run(
            [sys.executable, "-m", "octavo.storage", name],
            cwd=ROOT,
            env={**os.environ, **database_server.environment, "DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_schema_behind_is_waited_for_and_one_ahead_will_do(engine, storage):
    done = storage("check")
    assert (done.returncode, done.stdout) == (1, f"database none, code {schema.newest()}\n")
    assert storage("migrate").returncode == 0
    assert storage("check").returncode == 0
    statements(engine, "UPDATE alembic_version SET version_num = '0000'")
    done = storage("check")
    assert (done.returncode, done.stdout) == (1, f"database 0000, code {schema.newest()}\n")
    statements(engine, *EXPANDED)
    done = storage("check")
    assert (done.returncode, done.stdout) == (0, f"database {LATER}, code {schema.newest()}\n")


def test_a_release_that_was_taken_back_to_leaves_the_later_schema_as_it_is(engine, storage):
    storage("migrate")
    statements(engine, *EXPANDED)
    done = storage("migrate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"schema {LATER}, ")
