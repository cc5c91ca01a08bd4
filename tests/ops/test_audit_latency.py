"""Latencies: cause and effect are paired in either order, and percentiles are those of the pairs."""

from __future__ import annotations

import pytest

from ops.audit.latency import Latencies

STEP_MS = 0.1


def test_nothing_measured_has_no_percentile() -> None:
    assert Latencies().percentile_ms(99) is None


@pytest.mark.parametrize("effect_first", [False, True])
def test_cause_and_effect_are_paired_in_either_order(*, effect_first: bool) -> None:
    latencies = Latencies()
    if effect_first:
        latencies.seen("a", 7_000)
    latencies.sent("a", 2_000)
    if not effect_first:
        latencies.seen("a", 7_000)

    assert latencies.pairs == 1
    assert latencies.percentile_ms(50) == pytest.approx(5, abs=STEP_MS)


def test_of_a_repeated_event_the_first_sending_counts() -> None:
    latencies = Latencies()
    latencies.sent("a", 0)
    latencies.sent("a", 9_000)
    latencies.seen("a", 10_000)

    assert latencies.percentile_ms(50) == pytest.approx(10, abs=STEP_MS)


def test_an_effect_without_a_known_cause_is_not_measured() -> None:
    latencies = Latencies()
    latencies.seen("a", 5)

    assert latencies.pairs == 0


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_a_percentile_is_not_exceeded_by_so_many(percent: float, expected: float) -> None:
    latencies = Latencies()
    for number in range(100, 0, -1):
        latencies.sent(str(number), 0)
        latencies.seen(str(number), number * 1_000 - 1)

    assert latencies.percentile_ms(percent) == pytest.approx(expected, abs=STEP_MS)


def test_clocks_that_disagree_do_not_make_time_run_backwards() -> None:
    latencies = Latencies()
    latencies.sent("a", 10_000)
    latencies.seen("a", 9_000)

    assert latencies.percentile_ms(50) == pytest.approx(0, abs=STEP_MS)
