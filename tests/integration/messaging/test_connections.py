"""Connections that an event loop drives: what is acknowledged, what is left to the producer, and when one is given up."""

import asyncio
import socket
import struct
import time
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaTimeoutError

from octavo.messaging.kafka import connection, looped
from octavo.messaging.kafka.connection import Connection, connect
from octavo.messaging.kafka.looped import LoopConnections
from octavo.messaging.kafka.shipment import Shipment
from octavo.messaging.security import KafkaSecurity
from octavo.topics import Outgoing
from tests.certificates import Authority
from tests.waiting import comes_true

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

    def answers(self, number, code=0, partitions=(AT.partition,)):
        """Bytes of an answer."""
        each = [struct.pack(">ihqqq", one, code, 0, -1, 0) + b"\x01\x00\x00" for one in partitions]
        topic = bytes([len(AT.topic) + 1]) + AT.topic.encode() + bytes([len(each) + 1]) + b"".join(each) + b"\x00"
        body = struct.pack(">i", number) + b"\x00\x02" + topic + struct.pack(">i", 0) + b"\x00"
        return struct.pack(">i", len(body)) + body

    def answer(self, code=0, partitions=(AT.partition,)):
        """Reads a request and answers it."""
        number, whole = self.read()
        self.write(self.answers(number, code, partitions))
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

    def make(value=b"value", partition=AT.partition):
        made = Shipment(TopicPartition(AT.topic, partition), told.append)
        assert made.load(Outgoing(AT.topic, b"key", value), None)
        return made

    return make


async def true(condition):
    await comes_true(condition, 10, every=0.005)


class Looped:
    """Connections of the test's loop, and what they returned."""

    def __init__(self, broker):
        self.returned: list[Shipment[Any]] = []
        self.connections = LoopConnections(broker.connect, self.returned.append, lambda: None)

    def send(self, *shipments):
        """Whether all are under way."""
        return self.connections.send(shipments, 1) == []

    async def open(self, shipment):
        assert self.connections.send([shipment], 1) == [shipment]
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
    assert over.send(first)
    assert over.send(second)

    assert b"first" in broker.answer()
    await true(lambda: told == [first])
    assert b"second" in broker.answer()
    await true(lambda: told == [first, second])

    assert [first.error, second.error, *over.returned] == [None, None]
    assert broker.connections == 1


async def test_answers_come_in_any_pieces(broker, over, shipment, told):
    sent = [shipment(), shipment()]
    for one in sent:
        over.send(one)
    answers = b"".join(broker.answers(broker.read()[0]) for _ in sent)

    for place in range(len(answers)):
        broker.write(answers[place : place + 1])
        await asyncio.sleep(0)

    await true(lambda: told == sent)


async def test_what_is_answered_with_an_error_is_returned_and_the_others_end(broker, over, shipment, told):
    first, second = shipment(), shipment()
    over.send(first)
    over.send(second)

    broker.answer(REFUSED)
    broker.answer()

    await true(lambda: told == [second])
    assert over.returned == [first]


@pytest.mark.parametrize("end", ["closed", "another's answer", "no answer at all"])
async def test_what_is_under_way_when_a_connection_ends_is_returned(broker, over, shipment, told, end):
    sent = [shipment(), shipment(), shipment()]
    for one in sent:
        over.send(one)
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
    over.send(sent)

    over.connections.give_up(sent.since)
    assert told == []
    over.connections.give_up(sent.since + 1)

    assert told == [sent]
    assert isinstance(sent.error, KafkaTimeoutError)
    assert over.returned == []
    assert not over.send(shipment())


async def test_a_broker_that_has_nothing_to_answer_is_not_silent(over, shipment):
    over.connections.give_up(float("inf"))

    assert over.send(shipment())


async def test_what_does_not_fit_at_once_is_written_when_there_is_room(broker, over, shipment, told):
    sent = [shipment(b"%d" % number * 200_000) for number in range(looped.MOST_UNDER_WAY)]
    for one in sent:
        over.send(one)

    carried = [await asyncio.to_thread(broker.answer) for _ in sent]

    await true(lambda: told == sent)
    for number, whole in enumerate(carried):
        assert b"%d" % number * 200_000 in whole


async def test_a_broker_is_connected_to_once_for_all_that_comes_meanwhile(broker, shipment):
    made = Looped(broker)
    for _ in range(10):
        assert not made.send(shipment())

    await true(lambda: 1 in made.connections._open)
    made.connections.close()
    assert broker.connections == 1


async def test_a_broker_that_refuses_is_not_asked_at_once_again(broker, shipment, monkeypatch):
    broker.refuses = True
    made = Looped(broker)
    made.send(shipment())
    await true(lambda: made.connections._not_before[1] < float("inf"))
    assert not made.send(shipment())
    assert broker.connections == 1

    broker.refuses = False
    monkeypatch.setattr(looped, "monotonic", lambda: asyncio.get_running_loop().time() + looped.AGAIN_SECONDS + 1)
    await made.open(shipment())
    made.connections.close()


async def test_any_mistake_in_connecting_is_followed_by_another_attempt(broker, shipment, monkeypatch):
    made = Looped(broker)
    monkeypatch.setattr(made.connections, "_connect", {}.__getitem__)
    made.send(shipment())
    await true(lambda: made.connections._not_before[1] < float("inf"))

    monkeypatch.undo()
    made.connections._not_before.clear()
    await made.open(shipment())
    made.connections.close()


async def test_partitions_share_a_request_and_what_is_of_one_partition_follows_in_another(broker, over, shipment, told):
    one, other, second = shipment(b"one"), shipment(b"other", 4), shipment(b"second")
    assert over.send(one, other, second)

    whole = broker.answer(partitions=(3, 4))
    await true(lambda: told == [one, other])
    assert b"second" in broker.answer()
    await true(lambda: told == [one, other, second])

    assert b"one" in whole
    assert b"other" in whole


async def test_an_answer_that_leaves_one_out_acknowledges_nothing(broker, over, shipment, told):
    sent = [shipment(), shipment(partition=4)]
    over.send(*sent)

    broker.answer(partitions=(3,))

    await true(lambda: over.returned == sent)
    assert told == []


async def test_no_more_is_under_way_than_a_broker_takes(broker, over, shipment, told):
    sent = [shipment() for _ in range(looped.MOST_UNDER_WAY)]
    for one in sent:
        assert over.send(one)
    assert not over.send(shipment())

    broker.answer()
    await true(lambda: told == sent[:1])
    assert over.send(shipment())


async def test_a_connection_that_nobody_used_for_long_is_not_trusted(broker, over, shipment, monkeypatch):
    monkeypatch.setattr(looped, "IDLE_SECONDS", 0.0)
    over.connections._not_before.clear()

    assert not over.send(shipment())
    await true(lambda: broker.connections == 2)


async def test_what_is_younger_than_the_silence_of_its_broker_is_returned(over, shipment, told):
    old, young = shipment(), shipment()
    young.since = old.since + 5
    over.send(old)
    over.send(young)

    assert over.connections.give_up(old.since + 1)

    assert told == [old]
    assert over.returned == [young]


async def test_what_is_under_way_at_the_end_has_ended_too(over, shipment, told):
    sent = shipment()
    over.send(sent)

    over.connections.close()

    assert told == [sent]
    assert isinstance(sent.error, KafkaConnectionError)


# kafka-python leaves the socket of a handshake that never ends to the collector of garbage.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("over_tls", [False, True])
def test_connecting_to_a_broker_that_is_silent_ends(over_tls, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "OPENING_SECONDS", 0.5)
    authority = tmp_path / "authority.crt"
    authority.write_bytes(Authority("silent").chain)
    security = KafkaSecurity(str(authority) if over_tls else "", "", "")
    began = time.monotonic()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises((KafkaConnectionError, KafkaTimeoutError)):
            connect(address, security, 1, 1.0)

    # Well below what kafka-python waits by itself: 30 seconds, and over TLS for ever.
    assert time.monotonic() - began < 10
