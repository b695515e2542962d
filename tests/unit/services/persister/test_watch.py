"""What the watch tells of topics."""

from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.errors import Unavailable
from octavo.messaging import Backlog
from octavo.telemetry import metrics
from services.persister.watch import TopicWatch


class Broker:
    """Tells what waits, for as long as it is there."""

    def __init__(self):
        self.waiting = [Backlog("db-sms", 3, datetime.now(UTC) - timedelta(minutes=2))]
        self.there = True

    def read(self):
        if not self.there:
            raise Unavailable("the broker is away")
        return self.waiting


def told(metric):
    return {one.labels["topic"]: one.value for family in metric.collect() for one in family.samples}


def test_tells_nothing_of_a_broker_that_is_away_and_not_what_was_so_before():
    broker = Broker()
    watch = TopicWatch(broker)  # type: ignore[arg-type]  # it reads as a backlog does
    watch.once()
    assert told(metrics.BACKLOG_RECORDS) == {"db-sms": 3}
    assert told(metrics.BACKLOG_AGE)["db-sms"] >= 120

    broker.there = False
    with pytest.raises(Unavailable):
        watch.once()
    assert told(metrics.BACKLOG_RECORDS) == told(metrics.BACKLOG_AGE) == {}
