"""Ours count what prometheus_client's own count."""

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from octavo.telemetry import instruments, metrics

AMOUNTS = st.floats(min_value=0, allow_nan=False)


def shown(module, record):
    """What a scrape shows of a counter and a histogram of a module, without when they were made."""
    registry = CollectorRegistry()
    counter = module.Counter("events", "Events.", ["kind"], registry=registry)
    histogram = module.Histogram("seconds", "Seconds.", ["kind"], buckets=metrics.STEP, registry=registry)
    record(counter.labels("some"), histogram.labels("some"))
    return [line for line in generate_latest(registry).splitlines() if b"_created" not in line]


@given(st.lists(st.one_of(AMOUNTS, st.sampled_from([*metrics.STEP, 0, float("inf")]))))
def test_the_same_is_shown_whichever_counts(amounts):
    def record(counter, histogram):
        counter.inc()
        for amount in amounts:
            counter.inc(amount)
            histogram.observe(amount)

    assert shown(instruments, record) == shown(prometheus_client, record)


def test_an_exemplar_is_kept():
    counter = instruments.Counter("events", "Events.", registry=None)
    counter.inc(2, {"trace": "1"})
    histogram = instruments.Histogram("seconds", "Seconds.", registry=None)
    histogram.observe(0.1, {"trace": "1"})
    samples = [sample for metric in (counter, histogram) for one in metric.collect() for sample in one.samples]
    assert [sample.value for sample in samples if sample.exemplar] == [2, 1]


def test_a_counter_never_counts_down():
    with pytest.raises(ValueError, match="non-negative"):
        instruments.Counter("events", "Events.", registry=None).inc(-1)


def test_an_event_without_its_labels_is_a_mistake():
    with pytest.raises(AttributeError):
        metrics.TASKS.inc()
    with pytest.raises(AttributeError):
        metrics.TASK_SECONDS.observe(1)
