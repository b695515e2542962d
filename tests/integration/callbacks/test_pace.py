"""From receipts that are applied to a dispatcher that turns away from who is slow."""

from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.weights import Weights
from octavo.storage.engine import engine
from octavo.storage.errors import transaction
from octavo.storage.paces import add_paces, slow_shares
from services.callbacks.pace import Pace
from services.dispatcher.paces import Paces

WITHIN = timedelta(minutes=15)
NOBODY = "postgresql://octavo:none@127.0.0.1:1/octavo"


def shares(database):
    with transaction(database.engine) as connection:
        return slow_shares(connection, WITHIN)


def test_slow_receipts_are_counted_by_provider_and_minute_over_processes(database, receipt):
    ids = database.sending(10)
    with transaction(database.engine) as connection:
        connection.exec_driver_sql("UPDATE notifications SET sent_at = now() - interval '6 minutes' WHERE id = ANY(%s::uuid[])",
                                   ([str(one) for one in ids[:2]],))  # fmt: skip
    first, second = Pace(database.engine), Pace(database.engine)
    first.note(database.apply(*(receipt(one) for one in ids[:5])))
    second.note(database.apply(*(receipt(one) for one in ids[5:])))
    # A repetition moves nothing, and counts for nothing.
    first.note(database.apply(receipt(ids[0])))
    assert shares(database) == {}

    first.write()
    second.write()
    first.write()

    assert shares(database) == {"mmg": pytest.approx(0.2)}


def test_what_is_older_than_a_quarter_of_an_hour_counts_no_more_and_is_erased_after_an_hour(database):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with transaction(database.engine) as connection:
        for age in (16, 61):
            add_paces(connection, {("firetext", now - timedelta(minutes=age)): (10, 10)})
        add_paces(connection, {("firetext", now): (10, 1)})
    assert shares(database) == {"firetext": pytest.approx(0.1)}
    assert database.one("SELECT count(*) AS rows FROM receipt_paces").rows == 2


def test_what_could_not_be_written_is_written_later(database, receipt):
    (sms,) = database.sending()
    pace = Pace(engine(NOBODY, lasting=False))
    pace.note(database.apply(receipt(sms)))
    with pytest.raises(Exception, match="away"):
        pace.write()

    pace._engine = database.engine
    pace.write()

    assert shares(database) == {"mmg": 0.0}


def test_the_dispatcher_turns_away_from_the_slow_provider(database):
    now = datetime.now(UTC)
    with transaction(database.engine) as connection:
        add_paces(connection, {("mmg", now): (100, 15), ("firetext", now): (100, 14)})
    weights = Weights({"mmg": 50, "firetext": 50})

    Paces(database.engine, lambda told: weights.paced(told, now)).look()

    assert weights.current == {"mmg": 40, "firetext": 60}
