"""Label values that are known in advance: there from the start, at zero, so that the first event is an increase, too."""

from collections.abc import Iterable
from itertools import product

from prometheus_client import Counter, Gauge, Histogram


def at_zero(metric: Counter | Gauge | Histogram, *values: Iterable[str]) -> None:
    """Makes every combination of these values, one iterable for each label of the metric in their order."""
    for labels in product(*values):
        metric.labels(*labels)
