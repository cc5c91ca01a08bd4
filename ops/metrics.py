"""A worker's figures as Prometheus reads them, on a port of the worker's own. Imports no Faust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from streams.meter import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMIT_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RECOVERY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)


class PrometheusMeter:
    """The meter of one lane; labels are the lane's name and partition numbers, never a customer."""

    def __init__(self, lane: str, registry: CollectorRegistry) -> None:
        """Register the figures of *lane* with *registry*."""
        self._lane = lane
        self._assigned = self._gauge("cx_assigned_partitions", "Partition numbers that this worker has.", registry)
        self._rebalances = self._counter("cx_rebalances", "Times that partition numbers were opened.", registry)
        self._commits = self._histogram(
            "cx_commit_seconds", "From a transaction's first request to its commit.", COMMIT_S, registry
        )
        self._records = self._counter(
            "cx_committed_records", "Outputs, dead letters and changelog records committed.", registry
        )
        self._last_commit = self._gauge(
            "cx_last_commit_timestamp_seconds", "When a transaction was committed last, since 1970.", registry
        )
        self._opening = Gauge(
            "cx_opening",
            "1 for what is done now while partition numbers are opened; one that stays waits for Kafka.",
            labelnames=("lane", "phase"),
            registry=registry,
        )
        self.opening(None)
        self._recovering = self._gauge("cx_recovery_active", "Partition numbers being recovered.", registry)
        self._recoveries = self._histogram(
            "cx_recovery_seconds", "Time to recover all numbers taken over.", RECOVERY_S, registry
        )
        self._recovered = self._counter("cx_recovered_records", "Changelog records read back.", registry)
        self._remaining = Gauge(
            "cx_recovery_remaining_records",
            "Offsets of the changelog that recovery has before it; control records and compacted ones count.",
            labelnames=("lane", "partition"),
            registry=registry,
        )

    def _gauge(self, name: str, words: str, registry: CollectorRegistry) -> Gauge:
        return Gauge(name, words, ("lane",), registry=registry).labels(self._lane)

    def _counter(self, name: str, words: str, registry: CollectorRegistry) -> Counter:
        return Counter(name, words, ("lane",), registry=registry).labels(self._lane)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
        return Histogram(name, words, ("lane",), buckets=buckets, registry=registry).labels(self._lane)

    def assigned(self, partitions: int) -> None:
        """Show how many partition numbers this worker has."""
        self._assigned.set(partitions)
        if partitions:
            self._rebalances.inc()
        else:
            self._remaining.clear()
            self._recovering.set(0)

    def opening(self, phase: Phase | None) -> None:
        """Show what is done while partition numbers are opened."""
        for one in Phase:
            self._opening.labels(self._lane, one.value).set(one is phase)

    def recovering(self, remaining: Mapping[int, int]) -> None:
        """Show what recovery has before it, by partition number."""
        for number, offsets in remaining.items():
            self._remaining.labels(self._lane, str(number)).set(offsets)
        self._recovering.set(sum(offsets > 0 for offsets in remaining.values()))

    def recovered(self, records: int, seconds: float) -> None:
        """Count a recovery."""
        self._recovered.inc(records)
        self._recoveries.observe(seconds)
        self._recovering.set(0)

    def committed(self, records: int, seconds: float) -> None:
        """Count a transaction."""
        self._commits.observe(seconds)
        self._records.inc(records)
        self._last_commit.set_to_current_time()


def process_registry() -> CollectorRegistry:
    """Return a registry that has the process's own figures: memory, processor time, open files."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
