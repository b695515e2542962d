"""Members of groups, and messages on topics of a real broker."""

import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from queue import Queue
from threading import Event, Thread

import pytest
from kafka import KafkaAdminClient

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.messaging import Partition, Record
from octavo.messaging.kafka import KafkaSink, KafkaSource
from octavo.messaging.kafka.size import LARGEST, LARGEST_DEAD
from octavo.messaging.loop import Consumer
from octavo.topics import JOBS, Topic
from octavo.v1.messages_pb2 import JobMessage
from tests.integration.looking import Kafka


class Reader:
    """A source that is read in a thread of its own, as a process does; what it yields is kept."""

    def __init__(self, source: KafkaSource) -> None:
        self.records: list[Record] = []
        self.owned: frozenset[Partition] = frozenset()
        self._source = source
        self._tasks: Queue[Future[None]] = Queue()
        self._work: dict[Future[None], Callable[[KafkaSource], None]] = {}
        self._stop = Event()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def does(self, work: Callable[[KafkaSource], None]) -> None:
        """Has something done with the source, between two polls; raises what that raises."""
        task: Future[None] = Future()
        self._work[task] = work
        self._tasks.put(task)
        task.result(30)

    def stop(self) -> None:
        """Leaves the group."""
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        while not self._stop.is_set():
            self.records += self._source.poll(0.1)
            while not self._tasks.empty():
                task = self._tasks.get()
                try:
                    self._work.pop(task)(self._source)
                except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
                    task.set_exception(error)
                else:
                    task.set_result(None)
            self.owned = self._source.owned()
        self._source.close()


class Member:
    """A consumer loop in a thread of its own, as a process has it."""

    def __init__(self, consumer: Consumer[JobMessage]) -> None:
        self.consumer = consumer
        self.error: BaseException | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends as SIGTERM ends a process."""
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Waits for the end."""
        self._thread.join(40)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.consumer.run(self._stop)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            self.error = error


@pytest.fixture
def kafka(kafka_bootstrap: str) -> Kafka:
    return Kafka(kafka_bootstrap)


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex}"


@pytest.fixture
def closed_later() -> Iterator[Callable[..., object]]:
    """`closed_later(thing)` is the thing, which is closed after the test."""
    things: list[KafkaSource | KafkaSink] = []

    def later(thing):
        things.append(thing)
        return thing

    yield later
    for thing in things:
        thing.close()


@pytest.fixture
def job_topic(kafka_bootstrap: str) -> Callable[..., Topic[JobMessage]]:
    """`job_topic(partitions)` is a new topic of jobs with its dead letters, both as large as in production."""

    def make(partitions: int = 1) -> Topic[JobMessage]:
        topic = replace(JOBS, name=f"test-{uuid.uuid4().hex}")
        with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
            admin.create_topics({topic.name: _options(partitions, LARGEST), topic.dead: _options(1, LARGEST_DEAD)})
        return topic

    return make


def _options(partitions: int, largest: int) -> dict[str, object]:
    return {
        "num_partitions": partitions,
        "replication_factor": 1,
        "configs": {"max.message.bytes": str(largest)},
    }


@pytest.fixture
def reader(kafka_bootstrap: str, group: str) -> Iterator[Callable[..., Reader]]:
    """`reader(topic)` is a new member of the test's group that reads; it is stopped after the test if it still does."""
    started: list[Reader] = []

    def start(topic: str) -> Reader:
        started.append(Reader(KafkaSource(kafka_bootstrap, group, [topic])))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def members() -> Iterator[Callable[[Consumer[JobMessage]], Member]]:
    """`members(consumer)` is a running member; it is stopped after the test if it still runs."""
    started: list[Member] = []

    def start(consumer: Consumer[JobMessage]) -> Member:
        started.append(Member(consumer))
        started[-1].start()
        return started[-1]

    yield start
    for member in started:
        member.stop()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Stack]:
    """A broker of the module's own, which may be killed."""
    with Stack(CACHE / f"test-{os.getpid()}-mortal", {"kafka"}, restart=False) as stack:
        yield stack
