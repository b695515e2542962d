"""Leases on a real PostgreSQL: never more than the limit is accepted, and all of it can be, whatever gets lost on its way."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, text

from octavo.domain.errors import LimitExceeded, Malformed, Reason, Unavailable
from octavo.domain.limits import retry_after_midnight
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.allowances import (
    Wanted,
    forget_leases,
    lease_allowances,
    reserve,
)
from octavo.storage.directory import Service
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from services.api.sending import allowance
from services.api.sending.ledger import Ledger
from services.api.sending.limits import LeasedLimits
from services.api.transactions import Transactions
from tests.waiting import comes_true

SMS, EMAIL = NotificationType.SMS, NotificationType.EMAIL
TODAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine(database_url) -> Iterator[Engine]:
    made = make_engine(database_url, pool=12)
    yield made
    made.dispose()


@pytest.fixture
def new_service(engine):
    """`new_service(limit=…, rate=…)`: a service in the database, as the directory knows it."""

    def make(limit: int = 1_000, rate: int = 1_000_000, *, trial: bool = False) -> Service:
        service_id = uuid4()
        with transaction(engine) as connection:
            connection.execute(
                text("INSERT INTO services (id, name) VALUES (:id, :name)"),
                {"id": service_id, "name": service_id.hex},
            )
        return Service(
            id=service_id, name="name", reply_to_addresses=(), sms_senders=(), sms_prefix=True, sms_daily_limit=limit,
            email_daily_limit=limit, rate_per_minute=rate, retention_days=7, trial=trial, suspended=False,
            unconfirmed_policy="FAIL",
        )  # fmt: skip

    return make


@pytest.fixture
async def processes(engine):
    """`processes(count)`: so many holders of leases, as if each were a process."""
    made: list[LeasedLimits] = []
    threads = ThreadPoolExecutor(8)

    async def start(count: int) -> list[LeasedLimits]:
        new = [LeasedLimits(Transactions(engine, threads), uuid4()) for _ in range(count)]
        made.extend(new)
        for one in new:
            await one.start()
        return new

    yield start
    await asyncio.gather(*(one.drain() for one in made))
    threads.shutdown()


def used(engine: Engine, service: Service, kind: NotificationType = SMS) -> int:
    with transaction(engine) as connection:
        row = connection.execute(
            text("SELECT used FROM daily_allowances WHERE service_id = :id AND notification_type = :kind"),
            {"id": service.id, "kind": kind.value},
        ).one_or_none()
    return row.used if row else 0


async def accepted(limits: LeasedLimits, service: Service, kind=SMS, key_type=KeyType.LIVE) -> bool:
    try:
        await limits.take(service, kind, key_type, 1, NOON)
    except LimitExceeded:
        return False
    return True


@pytest.mark.asked("S5")
async def test_a_lease_is_spent_without_asking_the_database(engine, new_service, processes):
    service = new_service(limit=100_000)
    [limits] = await processes(1)
    assert await accepted(limits, service)
    in_use = used(engine, service)
    statements = 0

    def count(*_arguments: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(engine, "before_cursor_execute", count)
    for _ in range(1_000):
        assert await accepted(limits, service)
    event.remove(engine, "before_cursor_execute", count)
    assert statements == 0
    assert used(engine, service) == in_use


async def test_three_processes_accept_exactly_the_limit(engine, new_service, processes):
    service = new_service(limit=300)
    three = await processes(3)

    async def demand(limits: LeasedLimits) -> int:
        return sum(await asyncio.gather(*(accepted(limits, service) for _ in range(300))))

    # Unequal demand: what one holds idle has to come to another.
    total = await accepted(three[0], service) + await demand(three[1])
    assert total <= 300

    async def rest() -> int:
        got = 0
        async with asyncio.timeout(3):
            while total + got < 300:
                got += await demand(three[2])
                await asyncio.sleep(0.05)
        return got

    total += await rest()
    assert total == 300
    assert not await accepted(three[0], service)
    assert used(engine, service) == 300


async def test_processes_lease_and_give_back_for_many_services_at_once(engine, new_service, processes):
    services = [new_service(limit=40) for _ in range(30)]
    three = await processes(3)

    async def demand(limits: LeasedLimits, order: list[Service]) -> int:
        # In orders of their own, so that each waits for rows that another has.
        return sum(await asyncio.gather(*(accepted(limits, service) for service in order for _ in range(20))))

    got = await asyncio.gather(
        *(demand(one, services[at:] + services[:at]) for one, at in zip(three, (0, 10, 20), strict=True))
    )
    assert sum(got) <= 30 * 40
    await comes_true(lambda: not any(one.holds for one in three), 5)
    assert sum(used(engine, service) for service in services) == sum(got)
    assert all(used(engine, service) <= 40 for service in services)


async def test_what_many_services_ask_for_at_once_takes_few_statements(engine, new_service, processes):
    services = [new_service() for _ in range(200)]
    [limits] = await processes(1)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert all(await asyncio.gather(*(accepted(limits, service) for service in services)))
    await comes_true(lambda: not limits.holds, 5)
    # Of each kind two or three: the first comes alone, and a day's first lease takes three.
    assert len([one for one in statements if one.startswith("EXECUTE")]) <= 20
    assert sum(used(engine, service) for service in services) == 200


async def test_one_service_that_the_database_refuses_fails_by_itself(engine, new_service, processes):
    services = [new_service() for _ in range(5)]
    gone = replace(services[0], id=uuid4())
    [limits] = await processes(1)
    results = await asyncio.gather(*(accepted(limits, one) for one in [gone, *services]), return_exceptions=True)
    assert isinstance(results[0], Malformed)
    assert results[1:] == [True] * 5


async def test_simultaneous_calls_share_one_lease(engine, new_service, processes):
    service = new_service(limit=1_000, rate=60)
    [limits] = await processes(1)
    with transaction(engine) as connection:
        assert reserve(connection, service.id, SMS, TODAY, limit=1_000, count=970)
    results = await asyncio.gather(*(accepted(limits, service) for _ in range(50)))
    assert sum(results) == 30


async def test_idle_leases_and_those_of_a_process_that_stops_come_back(engine, new_service, processes):
    service = new_service(limit=1_000)
    idle, stopped = await processes(2)
    assert await accepted(idle, service)
    assert used(engine, service) > 1
    await comes_true(lambda: used(engine, service) == 1, 3)
    assert await accepted(stopped, service)
    await stopped.drain()
    assert used(engine, service) == 2


async def test_what_was_not_accepted_is_not_charged(engine, new_service, processes):
    service = new_service(limit=10)
    [limits] = await processes(1)
    await limits.take(service, SMS, KeyType.LIVE, 4, NOON)
    limits.give_back(service, SMS, KeyType.LIVE, 3, NOON)
    await comes_true(lambda: used(engine, service) == 1, 3)


async def test_what_is_in_hand_is_spent_at_once_or_not_at_all(engine, new_service, processes):
    service = new_service(limit=10)
    [limits] = await processes(1)
    assert not limits.spend(service, SMS, KeyType.LIVE, 1, NOON)
    await limits.take(service, SMS, KeyType.LIVE, 1, NOON)
    in_hand = 0
    while limits.spend(service, SMS, KeyType.LIVE, 1, NOON):
        in_hand += 1
    assert in_hand <= 9
    # What is beyond the day is charged to nothing: to no rate, either.
    assert [await accepted(limits, service) for _ in range(10)] == [True] * (9 - in_hand) + [False] * (in_hand + 1)
    assert limits.spend(service, SMS, KeyType.TEST, 1, NOON) or await accepted(limits, service, key_type=KeyType.TEST)
    await comes_true(lambda: used(engine, service) == 10, 3)


async def test_a_caller_that_goes_away_loses_no_lease(engine, new_service, processes):
    service = new_service(limit=1_000)
    [limits] = await processes(1)
    calls = [asyncio.create_task(accepted(limits, service)) for _ in range(20)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await comes_true(lambda: used(engine, service) == 0, 3)


async def test_test_keys_are_not_counted_but_keep_the_rate(engine, new_service, processes):
    service = new_service(limit=0, rate=5)
    [limits] = await processes(1)
    results = [await accepted(limits, service, key_type=KeyType.TEST) for _ in range(6)]
    assert results == [True] * 5 + [False]
    assert used(engine, service) == 0
    assert not await accepted(limits, service)


async def test_types_are_counted_apart_and_trials_end_at_fifty(engine, new_service, processes):
    service = new_service(limit=1_000, trial=True)
    [limits] = await processes(1)
    assert sum([await accepted(limits, service) for _ in range(60)]) == 50
    assert await accepted(limits, service, EMAIL)


async def test_a_refusal_says_what_is_used_up_and_until_when(new_service, processes):
    service = new_service(limit=1)
    [limits] = await processes(1)
    assert await accepted(limits, service)
    with pytest.raises(LimitExceeded) as refused:
        await limits.take(service, SMS, KeyType.LIVE, 1, NOON)
    error = refused.value
    assert (error.reason, error.limit) == (Reason.DAILY_LIMIT_EXCEEDED, 1)
    assert error.subject == f"services/{service.id}/sms"
    assert error.retry_after == retry_after_midnight(NOON)


async def test_another_limit_counts_at_once(engine, new_service, processes):
    service = new_service(limit=3)
    [limits] = await processes(1)
    assert sum([await accepted(limits, service) for _ in range(5)]) == 3
    higher = replace(service, sms_daily_limit=5)
    assert sum([await accepted(limits, higher) for _ in range(5)]) == 2
    assert not await accepted(limits, service)
    assert used(engine, service) == 5


async def test_a_new_day_begins_anew(engine, new_service, processes):
    service = new_service(limit=2)
    [limits] = await processes(1)
    assert [await accepted(limits, service) for _ in range(3)] == [True, True, False]
    await limits.take(service, SMS, KeyType.LIVE, 2, datetime(2026, 3, 2, tzinfo=UTC))


async def test_a_call_from_before_midnight_does_not_forget_what_the_new_day_has_spent(engine, new_service, processes):
    service = new_service(limit=10)
    [limits] = await processes(1)
    new, old = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    await limits.take(service, SMS, KeyType.LIVE, 6, new)
    await limits.take(service, SMS, KeyType.LIVE, 1, old)
    await limits.take(service, SMS, KeyType.LIVE, 1, new)
    await limits.drain()
    assert used(engine, service) == 8


async def test_processes_share_the_rate(new_service, processes):
    service = new_service(limit=100_000, rate=60)
    three = await processes(3)
    began = asyncio.get_running_loop().time()
    granted = 0
    for _ in range(40):
        granted += sum(await asyncio.gather(*(accepted(one, service) for one in three)))
    passed = asyncio.get_running_loop().time() - began
    assert 57 <= granted <= 60 + passed + 1
    while await accepted(three[0], service):
        granted += 1
    with pytest.raises(LimitExceeded) as refused:
        await three[0].take(service, SMS, KeyType.LIVE, 60, NOON)
    assert refused.value.reason is Reason.RATE_LIMIT_EXCEEDED
    assert refused.value.retry_after
    assert 0 < refused.value.retry_after.total_seconds() <= 60


class Away(Transactions):
    """A database that can be cut off."""

    cut = False
    refused = 0

    async def run(self, work, then=lambda: None):
        if self.cut:
            self.refused += 1
            raise Unavailable("away", reason=Reason.DATABASE_UNAVAILABLE)
        return await super().run(work, then)


async def test_without_the_database_it_goes_on_with_what_it_holds(engine, new_service):
    service = new_service(limit=160, rate=1_200)
    with ThreadPoolExecutor(2) as threads:
        work = Away(engine, threads)
        limits = LeasedLimits(work, uuid4())
        await limits.start()
        assert await accepted(limits, service)
        work.cut = True
        # It is idle and can't be given back, so it stays in hand.
        await comes_true(lambda: work.refused, 3)
        assert [await accepted(limits, service) for _ in range(9)] == [True] * 9
        with pytest.raises(Unavailable) as refused:
            await accepted(limits, service)
        assert refused.value.reason is Reason.DATABASE_UNAVAILABLE
        work.cut = False
        await comes_true(lambda: used(engine, service) == 10 and not limits.holds, 4)
        assert await accepted(limits, service)
        await limits.drain()
    assert used(engine, service) == 11


class Still(Transactions):
    """A database that answers nothing."""

    async def run(self, _work, _then=lambda: None):
        await asyncio.Event().wait()


async def test_a_database_that_stands_still_costs_one_call_its_wait_and_not_each(engine, new_service, monkeypatch):
    monkeypatch.setattr(allowance, "WAIT_SECONDS", 0.5)
    service = new_service()
    with ThreadPoolExecutor(1) as threads:
        account = allowance.Allowance(Ledger(Still(engine, threads), uuid4()), service.id, SMS)
        with pytest.raises(Unavailable):
            await account.lease_and_spend(1, TODAY, 10, largest=1)
        async with asyncio.timeout(0.2):
            for _ in range(20):
                with pytest.raises(Unavailable):
                    await account.lease_and_spend(1, TODAY, 10, largest=1)


def test_leases_of_dead_processes_are_forgotten_with_their_day(engine, new_service):
    service = new_service()
    with transaction(engine) as connection:
        wish = Wanted(service.id, SMS, TODAY, limit=1_000, least=1, wanted=1, largest=100)
        [block] = lease_allowances(connection, uuid4(), [wish])
        connection.execute(text("UPDATE allowance_leases SET expires_at = now() - interval '1 second'"))
        assert forget_leases(connection, TODAY) == block
        assert forget_leases(connection, TODAY) == 0
    assert used(engine, service) == block
