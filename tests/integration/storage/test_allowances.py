"""The statements of allowances on a real PostgreSQL: never more than the limit is given out, whatever gets lost on its way."""

from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, text

from octavo.domain.limits import Lease
from octavo.domain.notification import NotificationType
from octavo.storage.allowances import Ended, Wanted, lease_allowances, reserve, return_allowances, unreserve
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction

SMS = NotificationType.SMS
TODAY = date(2026, 3, 1)


@pytest.fixture
def engine(database_url) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


class Leasing(RuleBasedStateMachine):
    """Three processes, with statements that are repeated and answers that are lost."""

    engine: Engine
    LIMIT = 120

    def __init__(self) -> None:
        super().__init__()
        self.service = uuid4()
        with transaction(self.engine) as connection:
            connection.execute(
                text("INSERT INTO services (id, name) VALUES (:id, :name)"),
                {"id": self.service, "name": self.service.hex},
            )
        self.holders = [uuid4() for _ in range(3)]
        self.leases = [Lease(TODAY) for _ in range(3)]
        self.accepted = 0
        self.reserved = 0
        self.forfeited = False

    def _lease(self, process: int, least: int, wanted: int) -> int:
        with transaction(self.engine) as connection:
            wish = Wanted(self.service, SMS, TODAY, limit=self.LIMIT, least=least, wanted=wanted, largest=50)
            return lease_allowances(connection, self.holders[process], [wish])[0]

    def _return(self, process: int) -> None:
        with transaction(self.engine) as connection:
            spent = self.leases[process].empty()
            return_allowances(connection, self.holders[process], [Ended(self.service, SMS, TODAY, spent)])

    @rule(process=st.integers(0, 2), count=st.integers(1, 20), more=st.integers(0, 20))
    def call(self, process, count, more):
        lease = self.leases[process]
        if not lease.spend(count, 0.0):
            granted = self._lease(process, count - lease.left, count + more)
            if not granted:
                return
            lease.refill(granted, 0.0)
            assert lease.spend(count, 0.0)
        self.accepted += count

    @rule(process=st.integers(0, 2))
    def take_back(self, process):
        if self.accepted:
            self.accepted -= 1
            self.leases[process].refund(1)

    @rule(process=st.integers(0, 2), wanted=st.integers(1, 20))
    def lose_the_answer_to_a_lease(self, process, wanted):
        self._lease(process, wanted, wanted)

    @rule(process=st.integers(0, 2), lost=st.booleans())
    def give_back(self, process, lost):
        self._return(process)
        if not lost:
            self.leases[process] = Lease(TODAY)

    @rule(process=st.integers(0, 2))
    def die(self, process):
        self.holders[process], self.leases[process] = uuid4(), Lease(TODAY)
        self.forfeited = True

    @rule(count=st.integers(1, 30))
    def reserve_for_a_job(self, count):
        with transaction(self.engine) as connection:
            if reserve(connection, self.service, SMS, TODAY, limit=self.LIMIT, count=count):
                self.reserved += count

    @rule(count=st.integers(1, 30))
    def give_up_rows_of_a_job(self, count):
        count = min(count, self.reserved)
        with transaction(self.engine) as connection:
            unreserve(connection, self.service, SMS, TODAY, count)
        self.reserved -= count

    @invariant()
    def never_more_than_the_limit(self):
        with transaction(self.engine) as connection:
            now = connection.execute(
                text("SELECT used FROM daily_allowances WHERE service_id = :id"), {"id": self.service}
            ).scalar()
        assert self.accepted + self.reserved <= (now or 0) <= self.LIMIT


def test_statements_keep_the_limit_whatever_is_lost(engine):
    # A class of its own, so that the machine knows the database of this test.
    machine = type("LeasingHere", (Leasing,), {"engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
