"""The metrics as Prometheus reads them, written fast: thousands of series are scraped while the process works.

prometheus-client escapes and joins the labels of every series in every scrape; here this is done once for each series. All its
values change, its labels never do.
"""

from prometheus_client.core import Metric, Sample
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import REGISTRY, Collector
from prometheus_client.utils import floatToGoString

_heads: dict[tuple[str, ...], str] = {}
"""What stands before the value, by the name of a sample and the values of its labels."""


class _One:
    """A registry of a single metric, for the library's own writer."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        """The metric."""
        return [self._metric]


def exposition(registry: Collector = REGISTRY) -> bytes:
    """All metrics, as `generate_latest` writes them."""
    parts: list[str] = []
    heads = _heads
    for metric in registry.collect():
        parts.append(_intro(metric))
        for sample in metric.samples:
            head = heads.get((sample.name, *sample.labels.values()))
            if head is None:
                head = _head(metric, sample)
            parts.append(f"{head}{floatToGoString(sample.value)}\n")  # type: ignore[no-untyped-call] # it has no annotations
    return "".join(parts).encode()


def _head(metric: Metric, sample: Sample) -> str:
    """The beginning of a line as the library writes it, kept."""
    alone = Metric(metric.name, metric.documentation, metric.type)
    alone.samples = [sample._replace(value=0.0, timestamp=None)]
    line = generate_latest(_One(alone)).decode().rstrip("\n").rpartition("\n")[2]
    head = _heads[sample.name, *sample.labels.values()] = line.removesuffix("0.0")
    return head


def _intro(metric: Metric) -> str:
    """The lines before the samples of a metric."""
    alone = Metric(metric.name, metric.documentation, metric.type)
    return generate_latest(_One(alone)).decode()
