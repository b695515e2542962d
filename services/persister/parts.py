"""The parts of the process, put together from their settings."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event

from sqlalchemy import Engine

from octavo import topics
from octavo.audit.auditor import Auditor
from octavo.faultpoint import Point, reach
from octavo.messaging.deferred import SOON_SECONDS, Deferred
from octavo.messaging.kafka import KafkaBacklog, KafkaSink, KafkaSource
from octavo.messaging.kafka.published import FinishedRecords
from octavo.messaging.loop import Consumer
from octavo.process import Part, ThreadPart
from octavo.storage.engine import engine
from octavo.topics import LANES, Lane
from services.persister.auditwatch import AuditWatch
from services.persister.due import Due
from services.persister.persist import BATCH, Persister
from services.persister.settings import PersisterSettings
from services.persister.sweeps import SWEEPS, Sweeper
from services.persister.watch import RowWatch, TopicWatch

AUDITED_BEFORE_START = timedelta(minutes=10)
"""How far back the audit of a new process begins: longer than it takes to replace one."""


def lane_part(lane: Lane, settings: PersisterSettings, pool: Engine) -> Part:
    """The consumer of one lane, with a group, a source and a sink of its own."""
    topic = lane.persist
    kafka = KafkaSource(
        settings.kafka_bootstrap,
        topic.group,
        [topic.name],
        security=settings.security(),
        at_most=BATCH,
        session_seconds=settings.consumer_session_seconds,
    )
    # A commit for each batch would cost as much as the batch: what is handled again after a crash changes nothing.
    source = Deferred(kafka, BATCH, SOON_SECONDS, batch=BATCH)
    persister = Persister(pool, lane)

    def consume(stop: Event) -> None:
        sink = KafkaSink(settings.kafka_bootstrap, settings.security())
        Consumer(
            topic,
            source,
            persister.persist,
            sink,
            on_retry=persister.retrying,
            on_dead=persister.buried,
            on_published=lambda: reach(Point.PERSISTER_AFTER_PUBLISH),
        ).run(stop)

    return ThreadPart(topic.name, consume, lambda: None if kafka.joined else "no broker answers yet")


def due_parts(settings: PersisterSettings, pool: Engine) -> list[Part]:
    """The due loop."""
    sink = KafkaSink(settings.kafka_bootstrap, settings.security())
    return [ThreadPart("due", Due(pool, sink).run)]


def sweep_parts(_settings: PersisterSettings, pool: Engine) -> list[Part]:
    """All sweeps."""
    return [ThreadPart(sweep.name, Sweeper(pool, sweep).run) for sweep in SWEEPS]


def watch_parts(settings: PersisterSettings, pool: Engine) -> list[Part]:
    """What tells of all that waits."""
    backlog = KafkaBacklog(settings.kafka_bootstrap, settings.security())
    since = datetime.now(UTC) - AUDITED_BEFORE_START
    records = FinishedRecords(settings.kafka_bootstrap, settings.security(), [lane.persist for lane in LANES], since)
    audit = AuditWatch(Auditor(pool, records), KafkaBacklog(settings.kafka_bootstrap, settings.security()))
    return [
        ThreadPart("topic watch", TopicWatch(backlog).run),
        ThreadPart("row watch", RowWatch(pool).run),
        ThreadPart("audit", audit.run),
    ]


TOPICS: dict[str, Callable[[PersisterSettings, Engine], list[Part]]] = {
    lane.persist.name: lambda settings, pool, lane=lane: [lane_part(lane, settings, pool)]  # type: ignore[misc]
    for lane in LANES
}
"""What the process can consume."""

ROLES: dict[str, Callable[[PersisterSettings, Engine], list[Part]]] = {
    "due": due_parts,
    "sweeps": sweep_parts,
    "watch": watch_parts,
}
"""What the process can do beside."""

JOBS = "jobs"
"""The role that reads CSV jobs, with settings of its own (services/persister/jobparts.py)."""

USED: dict[str, list[str]] = {
    **{lane.persist.name: [lane.persist.name, lane.persist.dead, lane.send.name] for lane in LANES},
    "due": [lane.send.name for lane in LANES],
    "sweeps": [],
    "watch": [topic.name for topic in topics.ALL],
    JOBS: [topics.JOBS.name, topics.JOBS.dead, *(lane.persist.name for lane in LANES if lane.origin == "csv")],
}
"""The topics that are read, written or looked at by each of them."""


def parts(settings: PersisterSettings, chosen: list[str]) -> list[Part]:
    """The parts of the chosen topics and roles."""
    url, size = settings.database_url.get_secret_value(), settings.database_pool
    lanes = engine(url, pool=size, application="octavo-persister", by_key=True, one_by_one=True)
    roles = engine(url, pool=size, application="octavo-persister-roles")
    made = [TOPICS[name](settings, lanes) if name in TOPICS else ROLES[name](settings, roles) for name in chosen]
    return [part for several in made for part in several]
