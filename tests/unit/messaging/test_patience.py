"""A batch is gone once it is done: nothing keeps it until the collector comes by."""

import gc
from collections.abc import Iterator
from threading import Event

import pytest
from tenacity import wait_none

from octavo.domain.errors import Unavailable
from octavo.messaging.loop import Consumer, Received
from octavo.messaging.memory import Broker
from octavo.messaging.patience import Patience
from octavo.topics import JOBS, to
from octavo.v1.messages_pb2 import JobMessage


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Ending(Event):
    """Set after so many looks at it."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def kept() -> int:
    return sum(isinstance(one, Received) for one in gc.get_objects())


@pytest.mark.parametrize("fails_first", [False, True])
def test_a_batch_that_is_done_is_kept_by_nothing(fails_first):
    broker, seen = Broker(), []
    broker.publish([to(JOBS, JobMessage(job_id=b"one"))])

    def handle(batch):
        seen.append(kept())
        if fails_first and len(seen) == 1:
            raise Unavailable("the database is away")
        return []

    told = []
    consumer = Consumer(
        JOBS, broker.source("group", JOBS.name), handle, broker, wait=wait_none(), on_retry=lambda _, n: told.append(n)
    )
    consumer.run(Ending(4))
    assert seen == [1] * (1 + fails_first)
    assert told == [1] * fails_first
    assert kept() == 0


def test_nobody_is_told_of_a_batch_that_is_over():
    source = Broker().source("group", JOBS.name)
    told: list[int] = []
    patience = Patience(JOBS.name, source, wait_none(), Event())
    patience.on_retry = told.append
    patience.forget()
    tries = iter([Unavailable("away"), None])

    def work() -> str:
        if error := next(tries):
            raise error
        return "done"

    assert patience(work) == "done"
    assert told == []
