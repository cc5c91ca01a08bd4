"""A worker's figures as Prometheus reads them, on a port of the worker's own. Imports no Faust."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from ops.latencies import LATENCY_S
from ops.metrics_events import COMMIT_S, Events, Shows
from ops.pulse import Pulse
from streams.meter import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.measured import Measured

RECOVERY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)


class PrometheusMeter:
    """The meter of one lane; labels are the lane's name and partition numbers, never a customer."""

    def __init__(self, lane: str, registry: CollectorRegistry, *, stuck_s: float = 60.0) -> None:
        """Register the figures of *lane* with *registry*; `pulse` calls it stuck that has not moved for *stuck_s*."""
        self._lane = lane
        self.pulse = Pulse(stuck_s)
        self._events = Events(lane, registry)
        self._shows = Shows(lane, registry)
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
        self._rebalance = self._histogram(
            "cx_rebalance_seconds", "From an assignment until all of its numbers are open.", RECOVERY_S, registry
        )
        self._errors = Counter(
            "cx_producer_errors", "Transactions that were made again.", ("lane", "error"), registry=registry
        )
        self._ticks = self._histogram(
            "cx_tick_delay_seconds", "From the instant of a tick until it is applied.", LATENCY_S, registry
        )
        self._ticked = Gauge(
            "cx_tick_timestamp_seconds", "Instant of the last tick applied.", ("lane", "partition"), registry=registry
        )
        self._standing = self._gauge(
            "cx_standing_seconds", "For how long there has been work of which nothing moved.", registry
        )
        self._pending = self._gauge("cx_pending_records", "Records that wait for a transaction.", registry)
        self._late = self._gauge("cx_event_loop_lag_seconds", "How late the event loop is.", registry)
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
            self._ticked.clear()

    def opening(self, phase: Phase | None) -> None:
        """Show what is done while partition numbers are opened."""
        self.pulse.opening(phase)
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

    def joined(self, seconds: float | None) -> None:
        """Note whether all assigned numbers are open, and how long that took."""
        self.pulse.joined(whole=seconds is not None)
        if seconds is not None:
            self._rebalance.observe(seconds)

    def decided(self, batches: Sequence[Measured], letters: Mapping[tuple[str, str], int]) -> None:
        """Count events, their latencies and dead letters."""
        self._events.decided(batches, letters)

    def shown(self, batches: Sequence[Measured]) -> None:
        """Count how long it took until events could be seen."""
        self._events.shown(batches)

    def ticked(self, number: int, at: int) -> None:
        """Show how late a tick is."""
        self._ticks.observe(max(time.time() - at / 1e6, 0.0))
        self._ticked.labels(self._lane, str(number)).set(at / 1e6)

    def repeated(self, error: str) -> None:
        """Count a transaction that is made again."""
        self._errors.labels(self._lane, error).inc()

    def beat(self, standing_s: float, late_s: float, pending: int) -> None:
        """Show how the event loop is, and whether anything moves."""
        self.pulse.beat(standing_s)
        self._standing.set(standing_s)
        self._late.set(late_s)
        self._pending.set(pending)

    def wrote(self, seconds: float, waiting: int) -> None:
        """Count what was written to the read model."""
        self._shows.wrote(seconds, waiting)

    def not_written(self, error: str, waiting: int) -> None:
        """Count what could not be."""
        self._shows.not_written(error, waiting)

    def lost(self, partitions: int) -> None:
        """Count losses of the read model."""
        self._shows.losses.inc(partitions)

    def mended(self) -> None:
        """Count repairs of the read model."""
        self._shows.repairs.inc()


def process_registry() -> CollectorRegistry:
    """Return a registry that has the process's own figures: memory, processor time, open files."""
    registry = CollectorRegistry()
    Info("cx_build", "What runs.", registry=registry).info({"version": version("cxstream")})
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
