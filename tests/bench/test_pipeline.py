"""From runs of the full rules to figures, targets and a page."""

from bench import pipeline
from bench.harness import machine
from bench.harness.figures import verdict
from bench.harness.hosts import Host, Run
from bench.harness.observer import Pace
from bench.pipeline import Found

OURS, QUIX = Host("ours", "ours", ("x",), ours=True), Host("quix", "Quix", ("x",))
FACTS = {"at": "2026-01-01", "events": 1_000, "customers": 9, "machine": machine.describe()}
PARTS = {
    "parse": [10.0],
    "moment": [5.0],
    "decide": [40.0, 30.0, 90.0],
    "encode": [20.0],
    "profile": [9.0],
    "lane": [30.0],
}


def ran(*rates: float | None) -> list[Run]:
    """Return a run for each of *rates*, 500 changes in it; one of None went wrong."""
    return [
        Run(Pace(rate, 7.0), 1.0, 500, ()) if rate else Run(None, 1.0, 0, ("2 states are wrong",)) for rate in rates
    ]


def test_ours_is_held_against_the_sum_of_its_parts_in_which_encoding_is_once_a_change() -> None:
    figures, targets = pipeline.summarise((OURS, QUIX), Found({"ours": ran(10_000), "quix": ran(5_000)}, PARTS), 1_000)

    assert (figures["changes_per_event"]["ours"], figures["parts_us"]["encode"]) == (0.5, 10.0)
    assert figures["sum_of_parts_us"] == 10 + 5 + 40 + 10 + 30
    assert (figures["ratio_to_sum_of_parts"], figures["ratio_to_quix"]) == (0.95, 2.0)
    assert verdict(targets)


def test_without_a_figure_of_a_peer_its_target_is_not_met() -> None:
    found = Found({"ours": ran(10_000), "quix": ran(None)}, PARTS)
    figures, targets = pipeline.summarise((OURS, QUIX), found, 1_000)

    assert [target.name for target in targets if not target.met] == ["ratio_to_quix"]
    assert figures["faults"] == {"quix": ["2 states are wrong"]}
    page = pipeline.describe((OURS, QUIX), found, FACTS | figures, targets)
    assert "No figure of quix: 2 states are wrong." in page
    assert "| ours | 10,000 | 10,000 to 10,000 | 7.0 | 0.5 |" in page


def test_a_bare_lane_that_failed_leaves_no_sum() -> None:
    parts = {name: values for name, values in PARTS.items() if name != "lane"}
    figures, _ = pipeline.summarise((OURS, QUIX), Found({"ours": ran(10_000), "quix": []}, parts), 1_000)

    assert (figures["sum_of_parts_us"], figures["ratio_to_sum_of_parts"]) == (None, None)
