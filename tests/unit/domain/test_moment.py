"""Times and the microseconds that messages carry are the same."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.moment import instant, micros


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_comes_back_as_it_was(at):
    assert instant(micros(at)) == at


def test_a_time_zone_changes_nothing():
    assert micros(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=1)))) == 3_600_000_000
