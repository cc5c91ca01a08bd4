"""Histograms of many latencies at a time: a batch costs what a single observation would. Imports no Faust."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric

    from streams.measured import Instants

LATENCY_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
AGE_S: Final = (*LATENCY_S, 300.0, 3_600.0, 86_400.0)  # also of what was told late, or kept in a till without a line


class Latencies(Collector):
    """One histogram with the labels `lane` and `topic`; written by one thread, read by those of HTTP."""

    def __init__(
        self, name: str, words: str, lane: str, buckets_s: tuple[float, ...], registry: CollectorRegistry
    ) -> None:
        """Register it; *buckets_s* are upper bounds in seconds, inclusive."""
        self._name, self._words, self._lane = name, words, lane
        self._bounds = [round(bound * 1_000) for bound in buckets_s]
        self._labels = [*map(str, buckets_s), "+Inf"]
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, int] = {}
        registry.register(self)

    def observe_since(self, topic: str, instants: Instants, at_ms: int) -> None:
        """Count how long before *at_ms* each of *instants* was; what lies after it counts as no time."""
        of = instants.sorted
        # An instant is within a bound when it is not before the bound's own instant.
        within = [len(of) - bisect_left(of, at_ms - bound) for bound in self._bounds]
        late = bisect_right(of, at_ms)  # the rest are of clocks that run ahead
        total = at_ms * len(of) - instants.sum + sum(since - at_ms for since in of[late:])
        self._add(topic, within, len(of), total)

    def observe(self, topic: str, lengths: Instants) -> None:
        """Count *lengths*, in milliseconds; negative ones as 0."""
        of = lengths.sorted
        within = [bisect_right(of, bound) for bound in self._bounds]
        self._add(topic, within, len(of), lengths.sum - sum(of[: bisect_left(of, 0)]))

    def _add(self, topic: str, within: list[int], count: int, total_ms: int) -> None:
        if not count:
            return
        own = [after - before for before, after in pairwise([0, *within, count])]
        counts = self._counts.get(topic)
        self._counts[topic] = own if counts is None else [a + b for a, b in zip(counts, own, strict=True)]
        self._sums[topic] = self._sums.get(topic, 0) + total_ms

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus reads."""
        family = HistogramMetricFamily(self._name, self._words, labels=("lane", "topic"))
        for topic, counts in list(self._counts.items()):
            buckets = list(zip(self._labels, map(float, accumulate(counts)), strict=True))
            family.add_metric((self._lane, topic), buckets, self._sums.get(topic, 0) / 1_000)
        yield family
