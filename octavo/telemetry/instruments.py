"""Counters and histograms of prometheus_client, without what those check anew at every event: it cost more than to count.

A metric that still wants its labels has nothing to count in, so that an event of it raises AttributeError instead of ValueError.
"""

from bisect import bisect_left

import prometheus_client


class Counter(prometheus_client.Counter):
    """Counts events."""

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        """Counts one, or more."""
        if amount < 0 or exemplar:
            super().inc(amount, exemplar)
        else:
            value = self._value
            with value._lock:  # noqa: SLF001 - as it does itself, one call later
                value._value += amount  # noqa: SLF001


class Histogram(prometheus_client.Histogram):
    """Counts amounts by the buckets that they fall in."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Counts an amount: in the first bucket whose bound it does not exceed. The last has none."""
        if exemplar:
            super().observe(amount, exemplar)
        else:
            total = self._sum
            # One lock for both: nobody else counts in them.
            with total._lock:  # noqa: SLF001 - as above
                total._value += amount  # noqa: SLF001
                self._buckets[bisect_left(self._upper_bounds, amount)]._value += 1  # noqa: SLF001
