"""The partitions that ids can be in, as statements name them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from octavo.domain.ids import first_id_at, uuid7
from octavo.storage.partitions import whole_partitions

NOON = datetime(2026, 12, 31, 12, tzinfo=UTC)
LARGEST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def at(when: datetime) -> UUID:
    return uuid7(when, b"0123456789")


def begins(year: int, month: int, day: int) -> str:
    return str(first_id_at(datetime(year, month, day, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("table", "bounds"),
    [
        ("notifications", (begins(2026, 12, 30), begins(2027, 1, 1))),
        ("notification_moves", (begins(2026, 12, 30), begins(2027, 1, 1))),
        ("notification_history", (begins(2026, 12, 1), begins(2027, 1, 1))),
    ],
)
def test_whole_partitions_from_the_first_to_the_last(table, bounds):
    assert whole_partitions(table, [at(NOON), at(NOON - timedelta(days=1)), at(NOON - timedelta(hours=2))]) == bounds


def test_one_that_no_calendar_has_is_after_all_partitions():
    strange = UUID("ffffffff-0000-7000-8000-000000000000")
    assert whole_partitions("notifications", [at(NOON), strange]) == (begins(2026, 12, 31), LARGEST)
    assert whole_partitions("notification_history", [strange]) == (begins(9999, 1, 1), LARGEST)
    assert begins(9999, 1, 1) < str(strange) < LARGEST
