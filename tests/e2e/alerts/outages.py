"""Something is away, stands still, or is too small: for as long as a block, which ends with the remedy of the alert's page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import grpc
import psycopg2

from octavo.v1 import job_service_pb2 as jobs
from tests.e2e import paths
from tests.e2e.alerts.scene import Scene
from tests.e2e.callers import VALUES
from tests.e2e.test_whole_path import samples
from tests.waiting import until

SMS_PROVIDERS = ("mmg", "firetext")


@contextmanager
def broker_frozen(scene: Scene) -> Iterator[None]:
    """Kafka stands still while more is sent than a process has room for; then it goes on."""
    # Large ones, so that a hundred fill the room of 64 MiB.
    large = scene.service.email(personalisation=VALUES | {"code": "x" * 500_000})
    scene.stack.pause("kafka")
    try:
        send = scene.service.api.notifications.SendEmail.future
        calls = [send(large, metadata=scene.service.metadata, timeout=30) for _ in range(150)]
        yield
        assert all(call.exception() for call in calls)
    finally:
        scene.stack.resume("kafka")


@contextmanager
def database_away(scene: Scene) -> Iterator[None]:
    """PostgreSQL is stopped; then started."""
    # Calls go on with a block in hand. Asked of the api itself: Prometheus may not have seen yet that there is one.
    until(lambda: not sum(held for _, held in samples(scene.known["API_METRICS_URL"], "notifications_leases")))
    scene.stack.stop_program("postgres")
    try:
        yield
    finally:
        scene.stack.start_program("postgres", 120)


@contextmanager
def table_locked(scene: Scene) -> Iterator[None]:
    """Somebody holds a lock on a table that all look into; then it is let go."""
    [known] = scene.settled(scene.send(1))

    def look(_number: int) -> None:
        with suppress(grpc.RpcError):
            scene.service.get(known.id)

    with ThreadPoolExecutor(16) as threads, psycopg2.connect(scene.known["DATABASE_URL"]) as connection:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
        looks = threads.map(look, range(16))
        yield
        connection.rollback()
        list(looks)
    connection.close()


@contextmanager
def persister_away(scene: Scene) -> Iterator[None]:
    """Nobody persists what clients send; then somebody does."""
    with scene.workers.away("persister-db"):
        yield


@contextmanager
def workers_away(scene: Scene) -> Iterator[None]:
    """Nobody persists CSV rows, takes up what is due, or sweeps; then somebody does."""
    with scene.workers.away("persister-bulk", "persister-due"):
        job = scene.service.job(b"phone number,name,code\n" + b"07700900111,Ann,1\n" * 20)
        soon = scene.service.sms()
        soon.send_at.FromDatetime(datetime.now(UTC).replace(tzinfo=None))
        soon.send_at.seconds += 2
        scheduled = scene.service.send(soon)
        _leave_claims(scene)
        yield
    scene.settled([scheduled])
    states = scene.service.call("WatchJob", jobs.WatchJobRequest(id=job.id))
    assert states[-1].job.status == jobs.JOB_STATUS_FINISHED
    assert "audit: 0 faults" in scene.command("octavo.audit", "--stuck-seconds", "1")


def _leave_claims(scene: Scene) -> None:
    """A dispatcher is killed in the middle of its calls."""
    with paths.behaving(scene.known, latency_ms=60_000, receipts=False):
        scene.send(3)
        until(lambda: scene.prometheus.result("sum(notifications_provider_in_flight) >= 3"))
        scene.stack.kill("dispatcher")
        scene.stack.wait_ready("dispatcher")


@contextmanager
def watch_away(scene: Scene) -> Iterator[None]:
    """The watch is gone; then it is started."""
    with scene.workers.away("persister-watch"):
        yield


@contextmanager
def targets_away(scene: Scene) -> Iterator[None]:
    """Prometheus knows of no process; then it is told of them again."""
    there = scene.prometheus.targets
    scene.prometheus.scrape({})
    try:
        yield
    finally:
        scene.prometheus.scrape(there)


@contextmanager
def receiver_away(scene: Scene) -> Iterator[None]:
    """Receipts find no way in; then it is open, and providers send again what was not taken."""
    scene.stack.stop_program("callbacks")
    try:
        yield
    finally:
        scene.stack.start_program("callbacks")


@contextmanager
def dispatcher_small(scene: Scene) -> Iterator[None]:
    """More is sent than a dispatcher gets on with; then there are three of them."""
    size = {"OCTAVO_IN_FLIGHT": "4"}
    scene.restart("dispatcher", **size)
    scene.afterwards.callback(scene.restart, "dispatcher")
    scene.afterwards.enter_context(paths.behaving(scene.known, SMS_PROVIDERS, latency_ms=500))
    yield
    scene.afterwards.callback(scene.workers.stop, "dispatcher-2", "dispatcher-3")
    scene.workers.start("dispatcher-2", "dispatcher-3", **size)
