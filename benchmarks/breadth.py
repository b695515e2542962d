"""Breadth: the same work done by more processes, over more partitions, for more services."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

from kafka import KafkaAdminClient

from benchmarks.amount import amount
from benchmarks.api import SEND_SMS
from benchmarks.apis import api
from benchmarks.figure import Figure, alternate, median
from benchmarks.load import offer, offered, warm
from benchmarks.processes import cpu_seconds
from benchmarks.scale import CALLS, PERSISTED, costs
from benchmarks.simulator import behave
from benchmarks.stacks import lift_limits, stack, texts
from benchmarks.work import accepted_texts, course, persist, publish, service, total
from deploy.local.stack import Stack
from octavo import seed, topics
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.topics import DB_SMS
from octavo.topics import SEND_SMS as SEND

COUNT = amount(10_000, 3_000)
ROUNDS = amount(3, 1)
SECONDS = amount(4.0, 0.5)
PARTITIONS = 32
SERVICES = amount(1_000, 20)
PROCESSES = (1, 2)


def figures() -> Iterator[Figure]:
    """Rates by the number of processes; CPU by the number of partitions and of services."""
    yield from _processes()
    yield from _partitions()
    yield from _services()


def _processes() -> Iterator[Figure]:
    for name, rate in (("api", _accepting), ("persister", _persisting), ("dispatcher", _sending)):
        # What one leaves on a topic is not the next one's.
        with stack({"kafka", "postgres", "simulator"}) as (running, known):
            _quiet(known)
            one, two = ([rate(running, known, processes) for _ in range(ROUNDS)] for processes in PROCESSES)
            yield Figure(f"breadth.{name}.rate_of_1", median(one), "/s")
            yield Figure(f"breadth.{name}.rate_of_2", median(two), "/s", median(one))


def _accepting(running: Stack, known: Mapping[str, str], processes: int) -> float:
    requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
    key = known["OCTAVO_API_KEY"]
    with ExitStack() as started, ThreadPoolExecutor(processes) as threads:
        addresses = [started.enter_context(api(running.environment)).address for _ in range(processes)]
        for address in addresses:
            warm(address, SEND_SMS, requests, key)
        seen = threads.map(lambda address: offer(address, SEND_SMS, requests, key=key, seconds=SECONDS), addresses)
        return float(sum(one["calls"] / one["seconds"] for one in seen))


def _persisting(running: Stack, known: Mapping[str, str], processes: int) -> float:
    messages = accepted_texts(known, running.environment, COUNT)
    with ExitStack() as workers:
        started = [
            workers.enter_context(service(running, "persister", "--topics", DB_SMS.name)) for _ in range(processes)
        ]
        # Only now: the first would be done before the second has begun.
        publish(running.kafka_bootstrap, DB_SMS, messages)
        return _rate(started, PERSISTED)


def _sending(running: Stack, known: Mapping[str, str], processes: int) -> float:
    messages = accepted_texts(known, running.environment, COUNT)
    with ExitStack() as workers:
        started = [
            workers.enter_context(service(running, "dispatcher", "--topics", SEND.name)) for _ in range(processes)
        ]
        with service(running, "persister", "--topics", DB_SMS.name) as (_, persisted):
            # They stand still meanwhile, for less time than a group waits for its members.
            for pid, _ in started:
                os.kill(pid, signal.SIGSTOP)
            try:
                persist(running.kafka_bootstrap, DB_SMS, messages, persisted)
            finally:
                for pid, _ in started:
                    os.kill(pid, signal.SIGCONT)
        return _rate(started, CALLS)


def _rate(started: Sequence[tuple[int, str]], counter: str) -> float:
    """How many a second all of these processes get through together."""
    return course(
        lambda: sum(total(metrics, counter) for _, metrics in started),
        lambda: sum(cpu_seconds(pid) for pid, _ in started),
        COUNT,
    )[0]


def _partitions() -> Iterator[Figure]:
    with stack({"kafka", "postgres", "simulator"}) as (running, known):
        _quiet(known)
        few = costs(running, known)
        with closing(KafkaAdminClient(bootstrap_servers=running.kafka_bootstrap)) as admin:
            admin.create_partitions({topic.name: PARTITIONS for topic in topics.ALL})
        for name, cost in costs(running, known).items():
            yield Figure(f"breadth.{name}.cpu_with_{PARTITIONS}_partitions", cost, "µs", few[name])


def _services() -> Iterator[Figure]:
    with stack({"kafka", "postgres", "api"}) as (running, known):
        made = engine(running.database_url, pool=1, lasting=False)
        with transaction(made) as connection:
            seeded = [seed.seed(connection, f"Service {number}") for number in range(SERVICES)]
        made.dispose()
        lift_limits(running.database_url)
        pid, address = running.pid("api"), known["OCTAVO_ADDRESS"]
        one = [request.SerializeToString() for request in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        many = [texts(each["sms_template_id"], 1)[0].SerializeToString() for each in seeded]
        keys = " ".join(each["api_key"] for each in seeded)
        warm(address, SEND_SMS, one, known["OCTAVO_API_KEY"])
        warm(address, SEND_SMS, many, keys)
        cost = partial(offered, pid, address, SEND_SMS, seconds=SECONDS)
        taken = alternate(
            ROUNDS,
            one=lambda: cost(one, key=known["OCTAVO_API_KEY"])[1],
            many=lambda: cost(many, key=keys)[1],
        )
        yield Figure(
            f"breadth.send_sms.cpu_with_{SERVICES:_}_services", median(taken["many"]), "µs", median(taken["one"])
        )


def _quiet(known: Mapping[str, str]) -> None:
    behave(known["SIMULATOR_URL"], {name: {"receipts": False} for name in ("mmg", "firetext")})
