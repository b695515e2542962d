"""What is told of rows that are not settled."""

import pytest

from octavo.storage.errors import transaction
from octavo.storage.open_rows import STATES, OpenRows, count_open_rows
from tests.integration.persister.conftest import API_SMS, Bench, accepted

SENT = "claim_expires_at = NULL, next_attempt_at = NULL, sent_at = now() - number * interval '1 minute', status = "


@pytest.fixture
def bench(engine) -> Bench:
    """Three that wait, three that were sent and three that are pending, the oldest for three and six minutes."""
    bench = Bench(engine, API_SMS)
    bench.arrives(*(accepted() for _ in range(9)))
    bench.step()
    for status, lowest in (("sending", 1), ("pending", 4)):
        bench.rows(
            f"UPDATE notifications n SET {SENT} :status FROM (SELECT id, row_number() OVER (ORDER BY id) AS number "
            "FROM notifications) AS numbered WHERE numbered.id = n.id AND number BETWEEN :lowest AND :lowest + 2 RETURNING 1",
            status=status,
            lowest=lowest,
        )
    return bench


def told(bench: Bench, most: int) -> dict[str, tuple[int, int]]:
    """Rows, and whole minutes of the oldest one."""
    with transaction(bench.engine) as connection:
        found = count_open_rows(connection, most)
    assert [one.state for one in found] == list(STATES)
    assert all(isinstance(one, OpenRows) for one in found)
    return {one.state: (one.rows, int(one.age_seconds / 60)) for one in found}


def test_all_open_rows_are_counted_by_their_states(bench):
    nothing = dict.fromkeys(("claimed", "unconfirmed", "held receipts"), (0, 0))
    assert told(bench, 100) == nothing | {"waiting": (3, 0), "sending": (3, 3), "pending": (3, 6)}


def test_of_very_many_the_oldest_are_counted(bench):
    counted = told(bench, 2)
    assert (counted["waiting"], counted["pending"], counted["sending"]) == ((2, 0), (2, 6), (0, 0))
