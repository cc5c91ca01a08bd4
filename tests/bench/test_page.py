"""The page of benchmarks: a section each, written without touching the others."""

import json
from pathlib import Path

import pytest

from bench.harness.figures import Target
from bench.harness.page import HEADER, MarkerError, publish, replace_section, table, target_table

PAGE = "# Page\n\n<!-- bench:a -->\nold\n<!-- /bench:a -->\n\nby hand\n\n<!-- bench:b -->\nkept\n<!-- /bench:b -->\n"


def test_a_section_is_replaced_and_all_around_it_stays() -> None:
    assert replace_section(PAGE, "a", "new\n") == PAGE.replace("old", "new")


def test_a_new_section_goes_to_the_end() -> None:
    assert replace_section(PAGE, "c", "first") == PAGE + "\n<!-- bench:c -->\nfirst\n<!-- /bench:c -->\n"


@pytest.mark.parametrize(
    "damaged",
    [
        PAGE.replace("<!-- bench:a -->", ""),
        PAGE.replace("<!-- /bench:a -->", ""),
        PAGE + PAGE,
        "<!-- /bench:a --><!-- bench:a -->",
    ],
)
def test_damaged_markers_are_refused(damaged: str) -> None:
    with pytest.raises(MarkerError):
        replace_section(damaged, "a", "new")


def test_a_table_has_its_numbers_to_the_right() -> None:
    assert table(["who", "rate"], [["ours", "7"]]) == "| who | rate |\n| --- | ---: |\n| ours | 7 |"


def test_a_target_without_a_figure_says_so() -> None:
    last = target_table([Target("p99_ms", 3.0, 4.0, at_most=True), Target("ratio", None, 1.0)]).splitlines()[-2:]

    assert last == ["| p99 ms | 3.0 | ≤ 4 | yes |", "| ratio | None | ≥ 1 | no figure |"]


def test_publishing_writes_page_figures_and_chart(tmp_path: Path) -> None:
    publish("lane", "## Lane", '{"ok":true}', "<svg/>", tmp_path)
    publish("lane", "## Lane again", '{"ok":false}', "<svg/>", tmp_path)

    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    assert page.startswith(HEADER)
    assert page.count("## Lane") == 1
    assert "## Lane again" in page
    assert json.loads((tmp_path / "benchmarks" / "lane.json").read_bytes()) == {"ok": False}
    assert (tmp_path / "benchmarks" / "lane.svg").read_text("utf-8") == "<svg/>"
