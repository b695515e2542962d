"""Plans that a connection keeps: made for empty tables, they find the rows of full ones by their keys."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, event, text

from octavo import seed
from octavo.domain.notification import KeyType, NotificationType, Status
from octavo.storage.allowances import Ended, Wanted, lease_allowances, return_allowances
from octavo.storage.columns import STATUS, micros
from octavo.storage.directory import _VERSIONS, Directory
from octavo.storage.engine import engine as make_engine
from octavo.storage.errors import transaction
from octavo.storage.insert import insert_notifications
from octavo.storage.rates import Tokens, take_tokens
from octavo.storage.receipts import apply_receipts
from octavo.storage.send import Recorded, claim_notifications, record_outcomes
from octavo.v1.messages_pb2 import ReceiptMessage
from tests.integration.persister.conftest import accepted

ROWS = 2_000


@pytest.fixture
def engine(database_url):
    made = make_engine(database_url, pool=1, by_key=True)
    yield made
    made.dispose()


class Path:
    """Batches of notifications on their whole way, over one connection."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        with transaction(engine) as connection:
            self._service_id = UUID(seed.seed(connection)["service_id"])

    def go(self, count: int) -> list[UUID]:
        """All statements of the hot paths, once for a batch."""
        messages = [accepted() for _ in range(count)]
        with transaction(self._engine) as connection:
            insert_notifications(connection, messages)
        ids, token = [UUID(bytes=one.id) for one in messages], uuid4()
        with transaction(self._engine) as connection:
            assert claim_notifications(connection, ids, token).keys() == set(ids)
        now = datetime.now(UTC)
        outcomes = [Recorded(one, token, Status.SENDING, "", "mmg", None, now) for one in ids]
        with transaction(self._engine) as connection:
            assert record_outcomes(connection, outcomes) == set(ids)
        receipts = [
            ReceiptMessage(
                provider="mmg", notification_id=one.id, status=STATUS[Status.DELIVERED], received_at_micros=micros(now)
            )
            for one in messages
        ]
        service_id, holder, today = self._service_id, uuid4(), now.date()
        with transaction(self._engine) as connection:
            take_tokens(connection, [Tokens(service_id, KeyType.LIVE, per_minute=3_000, wanted=1, block=50)])
            lease_allowances(
                connection,
                holder,
                [Wanted(service_id, NotificationType.SMS, today, limit=100, least=1, wanted=1, largest=9)],
            )
            return_allowances(connection, holder, [Ended(service_id, NotificationType.SMS, today, 1)])
        with transaction(self._engine) as connection:
            assert {one.result for one in apply_receipts(connection, receipts)} == {"moved"}
        return ids

    def plans(self) -> dict[str, str]:
        """How each of the statements is run, as PostgreSQL tells it of the same connection."""
        found: dict[str, str] = {}

        def explained(connection: Connection, _cursor: Any, executed: str, values: Any, *_: Any) -> None:
            if executed.startswith("EXECUTE"):
                lines = connection.exec_driver_sql(f"EXPLAIN {executed}", values)
                found[executed.split()[1]] = "\n".join(line[0] for line in lines)

        event.listen(self._engine, "before_cursor_execute", explained)
        self.go(1)
        event.remove(self._engine, "before_cursor_execute", explained)
        return found


def test_plans_that_were_made_for_empty_tables_look_rows_up_by_their_keys(engine):
    path = Path(engine)
    path.go(1)
    for _ in range(2):
        plans = path.plans()
        assert plans.keys() == {
            "insert_notifications", "claim_notifications", "record_outcomes", "find_for_receipts", "advance_by_receipts",
            "take_tokens", "lease_allowances", "return_allowances",
        }  # fmt: skip
        for name, plan in plans.items():
            # `unnest` and what it gives are read as a whole, tables never.
            assert "Seq Scan" not in plan, name
            # Of one row each.
            assert "Nested Loop" not in plan or name in {"insert_notifications", "return_allowances"}, name
            assert "Index Scan" in plan or "Conflict Arbiter" in plan, name
            # Nothing is read from one end to the other.
            assert plan.count("Scan using") + plan.count("Bitmap Index Scan") == plan.count("Index Cond"), name
        # Small tables that PostgreSQL knows to be small are what it would read as a whole.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE notifications, notification_history"))
        path.go(ROWS)


def test_a_statement_is_prepared_once_for_a_connection(engine):
    prepared: list[str] = []
    note: Callable[..., None] = lambda *given: prepared.append(given[2]) if given[2].startswith("PREPARE") else None  # noqa: E731
    event.listen(engine, "before_cursor_execute", note)
    path = Path(engine)
    path.go(1)
    first = len(prepared)
    path.go(1)
    assert len(prepared) == first
    # A new connection to the database knows none.
    with engine.connect() as connection:
        connection.invalidate()
    path.go(1)
    # All but the two that begin a day's allowance and a bucket.
    assert len(prepared) == first + first - 2


def test_versions_of_templates_are_found_by_their_ids(engine):
    with transaction(engine) as connection:
        template_id = UUID(seed.seed(connection)["sms_template_id"])
        lines = connection.execute(
            text(f"EXPLAIN {_VERSIONS.text}"), {"ids": [str(template_id)], "versions": [1]}
        ).scalars()
        plan = "\n".join(lines)
    assert "template_id = ANY" in next(line for line in plan.splitlines() if "Index Cond" in line), plan
    assert Directory(engine).versions.get((template_id, 1)).template_id == template_id
