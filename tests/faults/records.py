"""Receipts in every order, records that nobody can read, and consumers that come and go."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from octavo import topics
from tests.faults.case import Case, Fault
from tests.faults.members import member
from tests.faults.system import System, wait_for

RECEIPTS_SECONDS = 12.0
UNKNOWN_RECEIPTS = 50
POISON = b"\xff\xff\xff nobody can read this"
POISONED_TOPICS = (topics.DB_SMS, topics.DB_EMAIL, topics.SEND_SMS, topics.SEND_EMAIL, topics.RECEIPTS)
LATE_SECONDS = 1.0
"""How much later than the others those beside a poison record may be."""
ENOUGH_TO_STOP = 20
"""So many dead records stop a consumer, if they are most of the last ones."""
STORM_ROUNDS = 3
JOIN_SECONDS = 60.0
"""How long a new process may take to join."""


def receipts(case: Case) -> Sequence[str]:
    """Every receipt ten times, reordered, some before the record of its send, and some for what nobody knows."""
    system = case.system
    case.runs += 1
    system.behave(
        {
            "receipt_repeat": 10,
            "receipt_reorder": True,
            "receipt_delay_ms": 100,
            "receipt_before_answer": True,
            "latency_ms": 400,
            "latency_jitter_ms": 400,
            "pending_first": True,
        },
        seed=case.random.randrange(10**6),
    )
    refused = sum(not _receipt(system, str(uuid4())) for _ in range(UNKNOWN_RECEIPTS))
    time.sleep(RECEIPTS_SECONDS)
    system.behave(None)
    return [f"{refused} receipts for unknown references were refused"] if refused else []


def _receipt(system: System, reference: str) -> bool:
    """Sends a receipt as MMG does; whether it was taken."""
    body = json.dumps({"CID": reference, "MSISDN": "447700900111", "status": "3", "substatus": "0"}).encode()
    token = system.stack.instance.secrets["mmg_receipt_token"]
    url = f"{system.stack.addresses['RECEIPTS_URL']}/receipts/mmg"
    request = urllib.request.Request(url, body, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def poison(case: Case) -> Sequence[str]:
    """Puts records that can't be read among the others; each has to be put aside with its origin, and delays nobody."""
    system = case.system
    case.runs += 1
    placed: set[tuple[str, int, int]] = set()
    producer: Any = KafkaProducer(bootstrap_servers=system.stack.kafka_bootstrap)
    time.sleep(3)
    for _ in range(3):
        for topic in POISONED_TOPICS:
            sent = producer.send(topic.name, value=POISON, key=case.random.randbytes(16)).get(timeout=10)
            placed.add((sent.topic, sent.partition, sent.offset))
        time.sleep(1)
    producer.close()
    if not wait_for(lambda: placed <= _dead(system), 20):
        return [f"{len(placed - _dead(system))} of {len(placed)} poison records were not put aside"]
    late = _lateness(case)
    return [f"neighbours of poison were {late:.1f} s late"] if late > LATE_SECONDS else []


def _dead(system: System) -> set[tuple[str, int, int]]:
    """Where the dead letters came from, as their headers say."""
    consumer: Any = KafkaConsumer(bootstrap_servers=system.stack.kafka_bootstrap, auto_offset_reset="earliest")
    try:
        partitions = [
            TopicPartition(topic.dead, number)
            for topic in topics.ALL
            for number in consumer.partitions_for_topic(topic.dead) or ()
        ]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found = set()
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    said = dict(record.headers)
                    found.add((said["dead.topic"].decode(), int(said["dead.partition"]), int(said["dead.offset"])))
        return found
    finally:
        consumer.close()


def _lateness(case: Case) -> float:
    """How much longer than before the slowest took from acceptance to its row, in seconds."""
    ids = [one.id for one in case.load.acknowledgements()]
    rows = case.system.database.ask(
        "SELECT extract(epoch FROM persisted_at - created_at) AS seconds FROM notifications "
        "WHERE id = ANY(%(ids)s::uuid[]) ORDER BY created_at",
        ids=ids,
    )
    seconds = [float(row["seconds"]) for row in rows]
    before, after = seconds[: len(seconds) // 4], seconds[len(seconds) // 4 :]
    return max(after) - max(before)


def all_poison(case: Case) -> Sequence[str]:
    """Every record of a topic is poison, as after a bad deploy: its consumer stops, and commits nothing."""
    system, topic = case.system, topics.BULK_EMAIL
    case.runs += 1
    system.may_end("persister")
    committed = _committed(system, topic.name)
    aside = len(_dead(system))
    producer: Any = KafkaProducer(bootstrap_servers=system.stack.kafka_bootstrap)
    for _ in range(100):
        producer.send(topic.name, value=POISON, key=case.random.randbytes(16))
    producer.flush()
    producer.close()
    problems = []
    if not system.stack.wait_ended("persister", 30):
        problems.append("the persister went on although every record is poison")
    aside = len(_dead(system)) - aside
    if aside >= ENOUGH_TO_STOP:
        problems.append(f"{aside} poison records were put aside")
    if _committed(system, topic.name) > committed + aside:
        problems.append("poison was committed that is not put aside")
    # As an operator who has looked at it decides.
    system.watch.skip(topic.group)
    return problems


def _committed(system: System, topic: str) -> int:
    return sum(offset for place, offset in system.watch.committed().items() if place.topic == topic)


def storm(case: Case) -> Sequence[str]:
    """Further persisters and dispatchers join and leave every few seconds; some leave in order, some are killed."""
    joined = 0
    for _ in range(STORM_ROUNDS):
        for name in ("persister", "dispatcher"):
            before = _members(case.system, name)
            dies = case.random.random() < 0.5
            with member(case, name, dies=dies):
                # One that never joined disturbs nobody.
                if wait_for(lambda name=name, before=before: _members(case.system, name) - before, JOIN_SECONDS):  # type: ignore[misc]
                    joined += 1
                    case.runs += 1
                    case.crashes += dies and name == "dispatcher"
                time.sleep(case.random.uniform(1, 3))
    return [] if joined == 2 * STORM_ROUNDS else [f"only {joined} of {2 * STORM_ROUNDS} members joined"]


def _members(system: System, service: str) -> frozenset[str]:
    """The members of all groups of a service; none if that can't be told."""
    with suppress(KafkaError):
        groups = system.watch.members()
        return frozenset(one for group, members in groups.items() if group.startswith(f"{service}.") for one in members)
    return frozenset()


FAULTS: dict[str, Fault] = {
    "receipts repeated and reordered": receipts,
    "poison records": poison,
    "nothing but poison": all_poison,
    "rebalance storm": storm,
}
"""By name."""
