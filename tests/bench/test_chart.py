"""The chart: true to its figures, readable in the light and in the dark."""

import re
from xml.etree import ElementTree as ET

from bench.harness.chart import LABEL, Bar, Group, bars

SPACE = "{http://www.w3.org/2000/svg}"
GROUPS = [
    Group("exactly once", [Bar("ours", 30_000, 28_000, 40_000, ours=True), Bar("a & b", 15_000, 15_000, 15_000)]),
    Group("", [Bar("small", 2.5, 2.0, 3.0)]),
]


def drawn() -> ET.Element:
    """Return the chart as a reader of XML sees it."""
    return ET.fromstring(bars("Speed", "/s", GROUPS))  # noqa: S314  # our own, a line above


def test_bars_are_as_long_as_their_figures() -> None:
    widths = [float(bar.attrib["width"]) for bar in drawn().iter(f"{SPACE}rect")]

    assert len(widths) == 3
    assert abs(widths[0] - 2 * widths[1]) < 0.2
    assert widths[2] < 1


def test_the_range_of_the_rounds_is_drawn_over_a_bar() -> None:
    bar = next(iter(drawn().iter(f"{SPACE}rect")))
    span = next(one for one in drawn().iter(f"{SPACE}line") if one.attrib["class"] == "range")
    low, high = float(span.attrib["x1"]), float(span.attrib["x2"])

    assert low < LABEL + float(bar.attrib["width"]) < high
    assert round((high - LABEL) / (low - LABEL), 2) == round(40 / 28, 2)


def test_everything_stays_inside_the_picture() -> None:
    svg = drawn()
    ends = [float(bar.attrib["x"]) + float(bar.attrib["width"]) for bar in svg.iter(f"{SPACE}rect")]
    below = [float(text.attrib["y"]) for text in svg.iter(f"{SPACE}text")]

    assert max(ends) <= float(svg.attrib["width"])
    assert max(below) <= float(svg.attrib["height"])


def test_ours_is_told_apart_and_every_figure_is_written() -> None:
    svg = drawn()
    texts = [text.text for text in svg.iter(f"{SPACE}text")]

    assert [bar.attrib["class"] for bar in svg.iter(f"{SPACE}rect")] == ["ours", "peer", "peer"]
    assert {"30,000 /s", "15,000 /s", "2.5 /s", "a & b", "exactly once"} <= set(texts)
    assert "ours: 30,000 /s" in svg.attrib["aria-label"]


def test_each_colour_has_one_for_the_dark() -> None:
    light, _, dark = bars("Speed", "/s", GROUPS).partition("prefers-color-scheme: dark")
    coloured = re.compile(r"(\.?\w+) \{ [^}]*(?:fill|stroke): #")

    assert set(coloured.findall(light)) == set(coloured.findall(dark)) != set()


def test_no_bars_make_no_chart_fall() -> None:
    assert "<rect" not in bars("Speed", "/s", [Group("nobody", [])])
