"""Connections that an event loop drives: what is acknowledged, what is left to the producer, and when one is given up."""

import asyncio
import socket
import struct
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from octavo.messaging.kafka import looped
from octavo.messaging.kafka.connection import Connection
from octavo.messaging.kafka.looped import LoopConnections
from octavo.messaging.kafka.shipment import Shipment
from octavo.topics import Outgoing

AT = TopicPartition("topic", 3)
VERSION = 9
REFUSED = 6
"""Not the leader of this partition."""


class Broker:
    """The other end of connections: it answers as a test says."""

    def __init__(self):
        self.connections = 0
        self.refuses = False
        self._end: Any = None

    def connect(self, node):
        self.connections += 1
        if self.refuses:
            raise KafkaConnectionError("nobody there")
        ours, self._end = socket.socketpair()
        self._end.settimeout(10)
        return Connection(node, ours, VERSION, 1.0)

    def read(self):
        """The next request: its number, and what it carries."""
        (size,) = struct.unpack(">i", self._exactly(4))
        whole = self._exactly(size)
        key, version, number = struct.unpack(">hhi", whole[:8])
        assert (key, version) == (0, VERSION)
        return number, whole

    def answers(self, number, code=0):
        """Bytes of an answer."""
        partition = struct.pack(">ihqqq", AT.partition, code, 0, -1, 0) + b"\x01\x00\x00"
        topic = b"\x02" + bytes([len(AT.topic) + 1]) + AT.topic.encode() + b"\x02" + partition + b"\x00"
        body = struct.pack(">i", number) + b"\x00" + topic + struct.pack(">i", 0) + b"\x00"
        return struct.pack(">i", len(body)) + body

    def answer(self, code=0):
        """Reads a request and answers it."""
        number, whole = self.read()
        self.write(self.answers(number, code))
        return whole

    def write(self, data):
        self._end.sendall(data)

    def hang_up(self):
        self._end.close()

    def _exactly(self, size):
        read = b""
        while len(read) < size:
            more = self._end.recv(size - len(read))
            assert more, "closed"
            read += more
        return read


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def told():
    """Shipments that ended, in this order."""
    return []


@pytest.fixture
def shipment(told):
    """`shipment(value)` is a new one with one record."""

    def make(value=b"value"):
        made = Shipment(AT, told.append)
        assert made.load(Outgoing(AT.topic, b"key", value), None)
        return made

    return make


async def true(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.005)


class Looped:
    """Connections of the test's loop, and what they returned."""

    def __init__(self, broker):
        self.returned: list[Shipment[Any]] = []
        self.connections = LoopConnections(broker.connect, self.returned.append, lambda: None)

    async def open(self, shipment):
        assert not self.connections.send(shipment, 1)
        await true(lambda: 1 in self.connections._open)


@pytest.fixture
async def over(broker, shipment):
    """Connections of which one is open."""
    made = Looped(broker)
    await made.open(shipment())
    yield made
    made.connections.close()


async def test_what_is_answered_without_an_error_has_ended(broker, over, shipment, told):
    first, second = shipment(b"first"), shipment(b"second")
    assert over.connections.send(first, 1)
    assert over.connections.send(second, 1)

    assert b"first" in broker.answer()
    await true(lambda: told == [first])
    assert b"second" in broker.answer()
    await true(lambda: told == [first, second])

    assert [first.error, second.error, *over.returned] == [None, None]
    assert broker.connections == 1


async def test_answers_come_in_any_pieces(broker, over, shipment, told):
    sent = [shipment(), shipment()]
    for one in sent:
        over.connections.send(one, 1)
    answers = b"".join(broker.answers(broker.read()[0]) for _ in sent)

    for place in range(len(answers)):
        broker.write(answers[place : place + 1])
        await asyncio.sleep(0)

    await true(lambda: told == sent)


async def test_what_is_answered_with_an_error_is_returned_and_the_others_end(broker, over, shipment, told):
    first, second = shipment(), shipment()
    over.connections.send(first, 1)
    over.connections.send(second, 1)

    broker.answer(REFUSED)
    broker.answer()

    await true(lambda: told == [second])
    assert over.returned == [first]


@pytest.mark.parametrize("end", ["closed", "another's answer", "no answer at all"])
async def test_what_is_under_way_when_a_connection_ends_is_returned(broker, over, shipment, told, end):
    sent = [shipment(), shipment(), shipment()]
    for one in sent:
        over.connections.send(one, 1)
    broker.answer()
    await true(lambda: told)
    if end == "closed":
        broker.hang_up()
    elif end == "another's answer":
        broker.write(broker.answers(4_711))
    else:
        broker.write(struct.pack(">i", 9) + b"x" * 9)

    await true(lambda: over.returned == sent[1:])
    assert told == sent[:1]
    # The next one finds no connection, and has one opened.
    over.connections._not_before.clear()
    await over.open(shipment())
    assert broker.connections == 2


async def test_a_broker_that_is_silent_is_given_up(broker, over, shipment, told):
    sent = shipment()
    over.connections.send(sent, 1)

    over.connections.give_up(sent.since)
    assert told == []
    over.connections.give_up(sent.since + 1)

    assert told == [sent]
    assert isinstance(sent.error, KafkaTimeoutError)
    assert over.returned == []
    assert not over.connections.send(shipment(), 1)


async def test_a_broker_that_has_nothing_to_answer_is_not_silent(over, shipment):
    over.connections.give_up(float("inf"))

    assert over.connections.send(shipment(), 1)


async def test_what_does_not_fit_at_once_is_written_when_there_is_room(broker, over, shipment, told):
    sent = [shipment(b"%d" % number * 200_000) for number in range(10)]
    for one in sent:
        over.connections.send(one, 1)

    carried = [await asyncio.to_thread(broker.answer) for _ in sent]

    await true(lambda: told == sent)
    for number, whole in enumerate(carried):
        assert b"%d" % number * 200_000 in whole


async def test_a_broker_is_connected_to_once_for_all_that_comes_meanwhile(broker, shipment):
    made = Looped(broker)
    for _ in range(10):
        assert not made.connections.send(shipment(), 1)

    await true(lambda: 1 in made.connections._open)
    made.connections.close()
    assert broker.connections == 1


async def test_a_broker_that_refuses_is_not_asked_at_once_again(broker, shipment, monkeypatch):
    broker.refuses = True
    made = Looped(broker)
    made.connections.send(shipment(), 1)
    await true(lambda: made.connections._not_before[1] < float("inf"))
    assert not made.connections.send(shipment(), 1)
    assert broker.connections == 1

    broker.refuses = False
    monkeypatch.setattr(looped, "monotonic", lambda: asyncio.get_running_loop().time() + looped.AGAIN_SECONDS + 1)
    await made.open(shipment())
    made.connections.close()


async def test_a_leader_that_is_not_known_is_not_sent_to(broker, shipment):
    assert not Looped(broker).connections.send(shipment(), None)
    assert broker.connections == 0
