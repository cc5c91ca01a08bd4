"""Medians, percentiles, targets and the line of JSON."""

import json

import pytest

from bench.harness.figures import Spread, Target, closing_line, percentile, ratio, spread, verdict


@pytest.mark.parametrize(
    ("count", "share", "value"),
    [
        (100, 0.5, 50),
        (100, 0.99, 99),
        (1_000, 0.999, 999),
        (1_001, 0.999, 1_000),
        (101, 0.5, 51),
        (100, 0.07, 7),
        (1, 0.99, 1),
    ],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(count: int, share: float, value: int) -> None:
    assert percentile(range(1, count + 1), share) == value


def test_the_last_percentile_is_the_greatest_value() -> None:
    assert percentile([1.0, 2.0, 9.0], 1.0) == 9.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_rounds_without_a_figure_are_left_out_of_a_spread() -> None:
    assert spread([3.0, None, 0.0, 2.0]) == Spread(2.0, 0.0, 3.0, 3)
    assert spread([None]) is None


def test_a_ratio_is_of_the_medians() -> None:
    assert ratio(Spread(30.0, 1.0, 99.0, 3), Spread(20.0, 1.0, 99.0, 3)) == 1.5
    assert ratio(None, Spread(20.0, 1.0, 99.0, 3)) is None


@pytest.mark.parametrize(
    ("value", "at_most", "met"),
    [(0.8, False, True), (0.79, False, False), (0.8, True, True), (0.81, True, False), (None, False, None)],
)
def test_a_bound_itself_is_met(value: float | None, at_most: bool, met: bool | None) -> None:  # noqa: FBT001  # rows
    assert Target("x", value, 0.8, at_most=at_most).met is met


def test_only_what_is_optional_may_be_without_a_figure() -> None:
    met, missing, missed = Target("a", 1.0, 1.0), Target("b", None, 1.0), Target("c", 0.5, 1.0)

    assert verdict([met, missing], optional=frozenset({"b"}))
    assert not verdict([met, missing])
    assert not verdict([met, missed], optional=frozenset({"c"}))


def test_the_last_line_is_one_object_with_figures_targets_and_verdict() -> None:
    line = closing_line("lane", {"ours_per_second": 7}, [Target("ratio", 1.5, 2.0)], ok=False)

    assert "\n" not in line
    assert json.loads(line) == {
        "benchmark": "lane",
        "ok": False,
        "ours_per_second": 7,
        "targets": {"ratio": {"value": 1.5, "at_least": 2.0, "met": False}},
    }
