"""Leases never exceed a limit and are spent to its very end; a bucket keeps its rate."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from octavo.domain.limits import (
    SHARE,
    Bucket,
    Lease,
    TokenBucket,
    day_of,
    retry_after_midnight,
)

TODAY = date(2026, 3, 1)


def leased(limit, used, wanted=1):
    """A block, much as the database gives it (octavo/storage/allowances.py)."""
    left = limit - used
    return min(left, max(wanted, left // SHARE))


class Leasing(RuleBasedStateMachine):
    """Several processes on one row, as the database would serialise them."""

    LIMIT = 200

    def __init__(self):
        super().__init__()
        self.used = 0
        self.accepted = 0
        self.now = 0.0
        self.leases = [Lease(TODAY) for _ in range(3)]
        self.held = [0, 0, 0]

    @rule(process=st.integers(0, 2), count=st.integers(1, 20))
    def call(self, process, count):
        lease = self.leases[process]
        if lease.left < count:
            block = leased(self.LIMIT, self.used, count - lease.left)
            self.used += block
            self.held[process] += block
            lease.refill(block, self.now)
        if lease.spend(count, self.now):
            self.accepted += count
        else:
            # Refused only when the rest is with the others: which give it back when idle.
            assert self.used == self.LIMIT

    @rule(process=st.integers(0, 2))
    def refuse_after_all(self, process):
        if self.accepted:
            self.accepted -= 1
            self.leases[process].refund(1)

    @rule(seconds=st.floats(0, 3))
    def idle(self, seconds):
        self.now += seconds
        for process in range(3):
            if self.leases[process].idle(self.now):
                self.used -= max(0, self.held[process] - self.leases[process].empty())
                self.leases[process], self.held[process] = Lease(TODAY), 0

    @rule(process=st.integers(0, 2), count=st.integers(1, 20))
    def lose_an_answer(self, process, count):
        # Leased, yet the process never hears of it: it goes back with the rest.
        block = leased(self.LIMIT, self.used, count)
        self.used += block
        self.held[process] += block

    @rule(process=st.integers(0, 2))
    def empty_in_vain(self, process):
        # Whether it was given back is not known: it is not spent any more, and emptied again later.
        self.leases[process].empty()

    @rule(process=st.integers(0, 2))
    def die(self, process):
        # What a killed process held stays leased out: too little is accepted that day, never too much.
        self.leases[process], self.held[process] = Lease(TODAY), 0

    @invariant()
    def never_exceeds_the_limit(self):
        assert self.accepted <= self.used <= self.LIMIT


TestLeasing = Leasing.TestCase


@given(limit=st.integers(1, 3_000), processes=st.integers(1, 6))
def test_demand_above_the_limit_is_met_exactly(limit, processes):
    used, leases, accepted = 0, [Lease(TODAY) for _ in range(processes)], 0
    for turn in range(3 * limit):
        lease = leases[turn % processes]
        if not lease.left:
            block = leased(limit, used)
            used += block
            lease.refill(block, 0.0)
        accepted += lease.spend(1, 0.0)
    assert accepted == limit


def test_a_lease_spends_all_or_nothing():
    lease = Lease(TODAY)
    lease.refill(10, now=5.0)
    assert not lease.spend(11, now=6.0)
    assert lease.spend(10, now=6.0)
    assert not lease.spend(1, now=6.0)
    assert lease.empty() == 10


def test_an_idle_lease_keeps_charged_what_was_spent():
    lease = Lease(TODAY)
    assert not lease.idle(now=99.0)
    lease.refill(10, now=5.0)
    lease.spend(4, now=7.0)
    assert not lease.idle(now=7.9)
    assert lease.idle(now=8.0)
    lease.refund(1)
    assert lease.empty() == 3
    assert not lease.spend(1, now=8.0)


def test_a_lease_asks_for_more_before_it_is_empty():
    lease = Lease(TODAY)
    lease.refill(100, now=0.0)
    assert not lease.runs_low()
    lease.spend(50, now=0.0)
    assert not lease.runs_low()
    lease.spend(1, now=0.0)
    assert lease.runs_low()


def test_a_bucket_gives_its_capacity_at_once_and_then_its_rate():
    rate = TokenBucket.per_minute(60)
    taken = rate.take(rate.full(0.0), 0.0, 60)
    assert taken.granted == 60
    refused = rate.take(taken.bucket, 0.25)
    assert (refused.granted, refused.retry_after) == (0, timedelta(seconds=0.75))
    assert rate.take(refused.bucket, 1.0).granted == 1


def test_a_bucket_gives_part_of_a_batch_only_if_asked_to():
    rate = TokenBucket.per_minute(60)
    assert rate.take(Bucket(5, 0.0), 0.0, 10).granted == 5
    assert rate.take(Bucket(5, 0.0), 0.0, 10, least=10).granted == 0


def test_a_rate_of_zero_never_opens():
    rate = TokenBucket.per_minute(0)
    assert rate.take(rate.full(0.0), 10.0).granted == 0


@given(steps=st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 50)), max_size=60))
def test_no_bucket_gives_more_than_capacity_and_rate_even_if_the_clock_goes_back(steps):
    rate = TokenBucket(100, 10)
    now, latest, bucket, given_out = 0.0, 0.0, rate.full(0.0), 0
    for step, wanted in steps:
        now += step
        latest = max(latest, now)
        taken = rate.take(bucket, now, wanted)
        bucket, given_out = taken.bucket, given_out + taken.granted
        assert given_out <= 100 + 10 * latest + 1e-6


def test_days_end_at_midnight_utc():
    there = timezone(timedelta(hours=2))
    assert day_of(datetime(2026, 3, 2, 1, 0, tzinfo=there)) == TODAY
    assert retry_after_midnight(datetime(2026, 3, 2, 1, 0, tzinfo=there)) == timedelta(hours=1)
    assert retry_after_midnight(datetime(2026, 3, 1, tzinfo=UTC)) == timedelta(days=1)
