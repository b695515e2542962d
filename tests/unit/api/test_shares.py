"""No service has more than its share of the calls under way."""

from uuid import uuid4

import pytest

from octavo.domain.errors import LimitExceeded, Reason
from services.api.shares import share_of_calls


def test_a_service_has_half_of_all_calls_and_others_have_theirs():
    shares, greedy, other = share_of_calls(10), uuid4(), uuid4()
    for _ in range(5):
        shares.begin(greedy)
    with pytest.raises(LimitExceeded) as refused:
        shares.begin(greedy)
    assert (refused.value.reason, refused.value.limit) == (Reason.TOO_MANY_CALLS, 5)
    assert refused.value.retry_after
    for _ in range(5):
        shares.begin(other)
    shares.end(greedy)
    shares.begin(greedy)


def test_services_without_calls_are_forgotten():
    shares, one = share_of_calls(2), uuid4()
    shares.begin(one)
    shares.end(one)
    assert not list(shares)
    shares.begin(one)


def test_the_services_that_have_anything_are_named():
    shares, one, other = share_of_calls(10), uuid4(), uuid4()
    for service in (one, other, one):
        shares.begin(service)
    shares.end(other)
    assert list(shares) == [one]
    assert one in shares
    assert other not in shares
    assert (len(shares), shares.total()) == (1, 2)
