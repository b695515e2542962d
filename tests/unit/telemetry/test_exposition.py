"""What is scraped is what prometheus-client would write, whatever the metrics are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.parser import text_string_to_metric_families

from octavo.telemetry.exposition import exposition

LABELS = st.lists(st.tuples(st.text(max_size=5), st.sampled_from(["a", "b", '"', "\\", "\n", "{}"])), max_size=5)


@pytest.fixture(autouse=True)
def as_a_process_runs():
    disable_created_metrics()


@given(LABELS, st.floats(), st.integers(0, 10**18))
def test_it_writes_what_the_library_writes(labels, level, count):
    disable_created_metrics()
    registry = CollectorRegistry()
    counter = Counter("things", 'Things, "quoted" \\ and\nbroken.', ["kind", "place"], registry=registry)
    seconds = Histogram("took_seconds", "How long.", ["kind"], buckets=(0.1, 1.0), registry=registry)
    gauge = Gauge("level", "Level.", registry=registry)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    for kind, place in labels:
        counter.labels(kind, place).inc(count)
        seconds.labels(kind).observe(0.5)
    gauge.set(level)
    for _ in range(2):
        assert exposition(registry) == generate_latest(registry)
        gauge.set(0)


def test_the_metrics_of_octavo_are_written_so_and_can_be_read():
    from octavo.telemetry import metrics

    metrics.RECEIPTS_APPLIED.labels("mmg", "moved").inc()
    text = exposition().decode()
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert any(
        sample.labels == {"provider": "mmg", "result": "moved"} and sample.value >= 1
        for sample in families["notifications_receipts_applied"].samples
    )
