from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.ids import uuid7
from services.api.following.arrivals import REPEATED_WAIT_SECONDS, WAIT_SECONDS, wait_for

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (timedelta(0), WAIT_SECONDS),
        (timedelta(minutes=-4), WAIT_SECONDS),
        (timedelta(seconds=4), WAIT_SECONDS),
        # It may have the time of a request_id that was repeated just now.
        (timedelta(seconds=6), REPEATED_WAIT_SECONDS),
        (timedelta(hours=24), REPEATED_WAIT_SECONDS),
        # No call is accepted with such a request_id.
        (timedelta(hours=25), 0),
        (timedelta(minutes=-6), 0),
    ],
)
def test_what_may_have_been_accepted_moments_ago_is_waited_for(age, seconds):
    assert wait_for(uuid7(NOW - age, bytes(10)), NOW) == seconds
