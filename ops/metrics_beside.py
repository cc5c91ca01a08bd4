"""Figures of the processes beside the lanes: who counts for reports, and agents of vendors. Imports no Faust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ops.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Counted:
    """Figures of `cx aggregate`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self.pulse = Pulse(0.0)
        self._records = Counter("cx_aggregate_records", "Changelog records counted.", registry=registry)
        self._remaining = Gauge(
            "cx_aggregate_remaining_records", "Offsets before it of those there were when it began.", registry=registry
        )
        self._read_at = Gauge("cx_aggregate_last_read_timestamp_seconds", "When records came last.", registry=registry)

    def read(self, records: int, remaining: Mapping[int, int]) -> None:
        """Take note of a round that brought *records*; *remaining* are the offsets left of each partition."""
        self.pulse.beat(0.0)
        self.pulse.joined(whole=not remaining)
        self._remaining.set(sum(remaining.values()))
        if records:
            self._records.inc(records)
            self._read_at.set_to_current_time()


class Ordered:
    """Figures of `cx vendor`; the only label is the vendor's name, of which a process has one."""

    def __init__(self, vendor: str, registry: CollectorRegistry) -> None:
        """Register those of *vendor*."""
        self.pulse = Pulse(0.0)
        self._vendor = vendor
        self._orders = Counter(
            "cx_vendor_orders",
            "Orders fulfilled, refused or failed.",
            ("vendor", "result"),
            registry=registry,
        )
        self._seconds = Histogram(
            "cx_vendor_order_seconds",
            "From reading an order until the vendor's last word.",
            ("vendor",),
            buckets=ORDER_S,
            registry=registry,
        ).labels(vendor)
        self._running = Gauge(
            "cx_vendor_running_orders", "Orders that are with the vendor.", ("vendor",), registry=registry
        ).labels(vendor)

    def beat(self, running: int, *, assigned: bool) -> None:
        """Take note that the agent reads on, with *running* orders at the vendor."""
        self.pulse.beat(0.0)
        self.pulse.joined(whole=assigned)
        self._running.set(running)

    def answered(self, result: str, seconds: float) -> None:
        """Count an order."""
        self._orders.labels(self._vendor, result).inc()
        self._seconds.observe(seconds)
