"""Figures of a lane's events and of its read model; a part of `ops/metrics.py`. Imports no Faust."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ops.latencies import AGE_S, LATENCY_S, Latencies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.measured import Measured

COMMIT_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
RESULTS: Final = ("applied", "dlq", "duplicate")
FOLD_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Events:
    """Figures of events: what became of them, and how long it took."""

    def __init__(self, lane: str, registry: CollectorRegistry) -> None:
        """Register the figures of *lane* with *registry*."""
        self._lane = lane
        self._processed = Counter(
            "cx_events_processed",
            "Events whose outcome is committed: applied, duplicate, or dlq for a dead letter.",
            ("lane", "topic", "result"),
            registry=registry,
        )
        self._letters = Counter(
            "cx_dlq", "Dead letters committed, by topic of the record.", ("lane", "topic", "reason"), registry=registry
        )
        self._watermark = Gauge(
            "cx_watermark_timestamp_seconds",
            "When what the newest event decided tells of happened.",
            ("lane", "topic"),
            registry=registry,
        )
        self._fold = Histogram(
            "cx_event_processing_seconds",
            "How long a batch is folded.",
            ("lane", "topic"),
            buckets=FOLD_S,
            registry=registry,
        )
        self._produced = Latencies("cx_event_produced_seconds", "From an event to its sending.", lane, AGE_S, registry)
        self._decided = Latencies(
            "cx_event_decided_seconds", "From its sending to the commit of its outcome.", lane, LATENCY_S, registry
        )
        self._visible = Latencies(
            "cx_event_visible_seconds", "From its sending until Redis shows it.", lane, LATENCY_S, registry
        )
        self._whole = Latencies(
            "cx_event_e2e_latency_seconds", "From an event to the commit of its outcome.", lane, AGE_S, registry
        )
        self._newest: dict[str, int] = {}
        self._of_topic: dict[
            str, tuple[dict[str, Counter], Histogram]
        ] = {}  # to look labels up costs as much as to count

    def decided(self, batches: Sequence[Measured], letters: Mapping[tuple[str, str], int]) -> None:
        """Count *batches* whose outcome is committed now, and dead letters by topic and reason."""
        now = time.time_ns() // 1_000_000
        for batch in batches:
            topic = batch.topic
            counters, fold = self._of_topic.get(topic) or self._labelled(topic)
            repeated = batch.records - batch.applied - batch.refused
            for result, count in zip(RESULTS, (batch.applied, batch.refused, repeated), strict=True):
                if count > 0:
                    counters[result].inc(count)
            fold.observe(batch.fold_s)
            self._decided.observe_since(topic, batch.sent, now)
            self._whole.observe_since(topic, batch.happened, now)
            self._produced.observe(topic, batch.travelled)
            newest = batch.happened.sorted[-1] if batch.happened.sorted else 0
            if newest > self._newest.get(topic, 0):
                self._newest[topic] = newest
                self._watermark.labels(self._lane, topic).set(newest / 1_000)
        for (topic, reason), count in letters.items():
            self._letters.labels(self._lane, topic, reason).inc(count)

    def _labelled(self, topic: str) -> tuple[dict[str, Counter], Histogram]:
        counters = {result: self._processed.labels(self._lane, topic, result) for result in RESULTS}
        found = self._of_topic[topic] = counters, self._fold.labels(self._lane, topic)
        return found

    def shown(self, batches: Sequence[Measured]) -> None:
        """Count *batches* that Redis shows now."""
        now = time.time_ns() // 1_000_000
        for batch in batches:
            self._visible.observe_since(batch.topic, batch.sent, now)


class Shows:
    """Figures of the read model."""

    def __init__(self, lane: str, registry: CollectorRegistry) -> None:
        """Register the figures of *lane* with *registry*."""
        self._lane = lane
        self._write = Histogram(
            "cx_redis_write_seconds", "One round of views.", ("lane",), buckets=COMMIT_S, registry=registry
        ).labels(lane)
        self._failed = Counter(
            "cx_redis_errors", "Rounds that could not be written.", ("lane", "error"), registry=registry
        )
        self._waiting = Gauge("cx_redis_waiting_views", "Views that wait.", ("lane",), registry=registry).labels(lane)
        self.losses = Counter(
            "cx_redis_losses", "Times that Redis had lost what it had of a partition.", ("lane",), registry=registry
        ).labels(lane)
        self.repairs = Counter(
            "cx_redis_repairs", "Partitions whose views were made again.", ("lane",), registry=registry
        ).labels(lane)

    def wrote(self, seconds: float, waiting: int) -> None:
        """Count a round that took so long, after which so many views wait."""
        self._write.observe(seconds)
        self._waiting.set(waiting)

    def not_written(self, error: str, waiting: int) -> None:
        """Count a round that could not be written."""
        self._failed.labels(self._lane, error).inc()
        self._waiting.set(waiting)
