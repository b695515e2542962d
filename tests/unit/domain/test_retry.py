"""Back-off is a table of waits that ends."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.retry import PROVIDER_BACKOFF, Backoff, seconds


@pytest.mark.asked("S17")
@pytest.mark.parametrize(("attempt", "delay"), [(1, 10), (2, 60), (3, 300), (4, 3_600), (5, 14_400)])
def test_provider_sends_wait_as_configured(attempt, delay):
    assert PROVIDER_BACKOFF.after(attempt) == timedelta(seconds=delay)


@pytest.mark.asked("S17")
@pytest.mark.parametrize("attempt", [6, 100, 0, -1])
def test_there_is_no_wait_when_all_attempts_are_used(attempt):
    assert PROVIDER_BACKOFF.after(attempt) is None


@given(attempt=st.integers(1, 5), draw=st.floats(0, 1))
def test_jitter_stays_within_its_share(attempt, draw):
    plain = PROVIDER_BACKOFF.delays[attempt - 1]
    wait = PROVIDER_BACKOFF.after(attempt, draw)
    assert plain * 0.9 - timedelta(microseconds=1) <= wait <= plain * 1.1 + timedelta(microseconds=1)


def test_a_policy_is_data():
    assert Backoff(seconds(1, 2)).after(2, draw=0.9) == timedelta(seconds=2)
    assert Backoff(()).after(1) is None
