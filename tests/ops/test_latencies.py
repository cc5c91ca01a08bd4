"""Histograms that take a batch at a time say what one observation after the other would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from ops.latencies import AGE_S, LATENCY_S, Latencies
from streams.measured import Instants

NOW = 1_000_000
LABELS = {"lane": "customers", "topic": "cx.purchases"}


def instants(found: list[int]) -> Instants:
    return Instants(sorted(found), sum(found))


def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (one.name, one.labels.get("le", "")): one.value
        for family in registry.collect()
        for one in family.samples
        if not one.name.endswith("_created")
    }


def one_by_one(batches: list[list[int]], buckets: tuple[float, ...]) -> dict[tuple[str, str], float]:
    registry = CollectorRegistry()
    plain = Histogram("h", "-", list(LABELS), buckets=buckets, registry=registry)
    for length in (length for batch in batches for length in batch):
        plain.labels(**LABELS).observe(max(length, 0) / 1_000)
    return samples(registry)


lengths = st.integers(-100_000, 100_000_000) | st.sampled_from([round(bound * 1_000) for bound in AGE_S])
lists = st.lists(st.lists(lengths, min_size=1), min_size=1)


@given(lists, st.sampled_from([LATENCY_S, AGE_S]))
def test_lengths_are_counted_as_prometheus_own_histogram_counts_them(
    batches: list[list[int]], buckets: tuple[float, ...]
) -> None:
    registry = CollectorRegistry()
    ours = Latencies("h", "-", "customers", buckets, registry)
    for batch in batches:
        ours.observe("cx.purchases", instants(batch))

    assert samples(registry) == pytest.approx(one_by_one(batches, buckets))


@given(lists)
def test_instants_are_counted_by_how_long_ago_they_are(batches: list[list[int]]) -> None:
    registry = CollectorRegistry()
    ours = Latencies("h", "-", "customers", AGE_S, registry)
    for batch in batches:
        ours.observe_since("cx.purchases", instants([NOW - length for length in batch]), NOW)

    assert samples(registry) == pytest.approx(one_by_one(batches, AGE_S))


def test_of_nothing_there_is_no_series() -> None:
    registry = CollectorRegistry()
    Latencies("h", "-", "customers", AGE_S, registry).observe("cx.purchases", instants([]))

    assert samples(registry) == {}
