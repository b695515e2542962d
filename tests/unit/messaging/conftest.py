"""A consumer loop of a handler, with the broker in memory."""

from threading import Event

import pytest
from tenacity import wait_none

from octavo.messaging.loop import Consumer
from octavo.messaging.memory import Broker
from octavo.topics import JOBS
from tests.unit.messaging.looping import GROUP, Handler


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def stop():
    return Event()


@pytest.fixture
def source(broker):
    return broker.source(GROUP, JOBS.name)


@pytest.fixture
def consumer(broker, handler, source):
    return Consumer(JOBS, source, handler, broker, wait=wait_none())
