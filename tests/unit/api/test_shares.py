"""No service has more than its share of the calls under way."""

from uuid import uuid4

import pytest

from octavo.domain.errors import LimitExceeded, Reason
from services.api.serving.shares import Shares


def test_a_service_has_half_of_all_calls_and_others_have_theirs():
    shares, greedy, other = Shares(10), uuid4(), uuid4()
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
    shares, one = Shares(2), uuid4()
    shares.begin(one)
    shares.end(one)
    assert not shares._under_way
    shares.begin(one)
