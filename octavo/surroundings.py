"""What a process finds around it when it starts: topics that are there, with enough partitions, and a database of its schema.

What differs is a misconfiguration, and ends the process with status 78. What is away is looked at again until it is there.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeAlias

import structlog
from sqlalchemy.exc import ProgrammingError

from octavo.config import DatabaseSettings
from octavo.domain.errors import Unavailable
from octavo.loading import Misconfigured, loaded_if_right
from octavo.messaging.kafka.administration import partitions_of
from octavo.messaging.security import KafkaConnection
from octavo.process import ThreadPart
from octavo.storage import schema
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.topics import BY_NAME

log = structlog.get_logger()

WAITED_FOR_SECONDS = 1.0
"""How long the other parts wait for the first look."""
AGAIN_SECONDS = 1.0
OTHERS_SECONDS = 3.0
"""How long what is known to differ waits for what else may."""

Look: TypeAlias = Callable[[], list[str]]
"""What differs in one place. Raises Unavailable while it is away."""


class Surroundings(ThreadPart):
    """A part that compares once, at start, what the code needs with what is there. Not ready until it has seen all of it."""

    def __init__(self, topics: Sequence[str], *, database: bool) -> None:
        super().__init__("surroundings", self._look)
        self._topics = sorted(set(topics))
        self._database = database
        self._compared = threading.Event()
        self._differs = threading.Event()

    async def start(self) -> None:
        """Looks. Raises Misconfigured if something differs, and goes on looking beside the other parts if something is away."""
        await super().start()
        looked: asyncio.Future[Any] = asyncio.ensure_future(asyncio.to_thread(self._compared.wait, WAITED_FOR_SECONDS))
        failed: asyncio.Future[Any] = self.failed or looked
        await asyncio.wait([looked, failed], return_when=asyncio.FIRST_COMPLETED)
        if self._differs.is_set() or failed.done():
            await failed

    def unready(self) -> str | None:
        """What is not known yet. Its thread ends once all is known."""
        return None if self._compared.is_set() else "database and topics have not been compared with the code yet"

    def faults(self) -> list[str]:
        """What differs, as far as it can be seen: nothing is said of what is away or not configured."""
        found: list[str] = []
        for look in self._looks():
            try:
                found += look()
            except Unavailable:
                continue
        return found

    def _looks(self) -> list[Look]:
        looks: list[Look] = []
        if self._topics and (kafka := loaded_if_right(KafkaConnection)):
            looks.append(lambda: self._faults_of_topics(kafka))
        if self._database and (database := loaded_if_right(DatabaseSettings)):
            looks.append(lambda: _faults_of_schema(database))
        return looks

    def _faults_of_topics(self, settings: KafkaConnection) -> list[str]:
        there = partitions_of(settings.kafka_bootstrap, settings.security(), self._topics)
        if len(there) < len(self._topics):
            # Brokers hear of a new topic one after the other.
            time.sleep(AGAIN_SECONDS)
            there = partitions_of(settings.kafka_bootstrap, settings.security(), self._topics)
        faults = []
        for name in self._topics:
            least = settings.least_partitions if name in BY_NAME else 1
            if name not in there:
                faults.append(f"KAFKA_BOOTSTRAP: topic {name} is not there, or this user may not see it")
            elif there[name] < least:
                faults.append(
                    f"KAFKA_BOOTSTRAP: topic {name} has {there[name]} partitions, OCTAVO_LEAST_PARTITIONS wants {least}"
                )
        return faults

    def _look(self, stop: threading.Event) -> None:
        waiting = {_begun(look): look for look in self._looks()}
        while waiting and not stop.is_set():
            done, _ = wait(list(waiting), AGAIN_SECONDS)
            faults: list[str] = []
            away: list[Look] = []
            for answer in done:
                look = waiting.pop(answer)
                try:
                    faults += answer.result()
                except Unavailable as error:
                    log.warning("waiting", what="surroundings", error=str(error))
                    away.append(look)
            # What is there is judged, whatever is away.
            if faults:
                self._differs.set()
                for answer in wait(list(waiting), OTHERS_SECONDS).done:
                    with suppress(Unavailable):
                        faults += answer.result()
                raise Misconfigured(sorted(faults))
            if away:
                stop.wait(AGAIN_SECONDS)
                waiting |= {_begun(look): look for look in away}
        if not waiting:
            self._compared.set()


def _begun(look: Look) -> Future[list[str]]:
    """What a look finds, in a thread that keeps no process from ending: a server that stands still answers late or never."""
    answer: Future[list[str]] = Future()

    def run() -> None:
        try:
            answer.set_result(look())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            answer.set_exception(error)

    threading.Thread(target=run, name="surroundings", daemon=True).start()
    return answer


def _faults_of_schema(settings: DatabaseSettings) -> list[str]:
    made = engine(settings.database_url.get_secret_value(), pool=1, application="octavo-start", lasting=False)
    try:
        with transaction(made) as connection:
            current = schema.current(connection)
    except ProgrammingError as error:
        return [f"DATABASE_URL: this user may not see the schema's number: {type(error.orig).__name__}"]
    finally:
        made.dispose()
    if current >= schema.newest():
        return []
    return [
        f"DATABASE_URL: the schema is {current or 'none'}, this release needs {schema.newest()}: run its migrations"
    ]
