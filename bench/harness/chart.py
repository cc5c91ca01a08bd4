"""A chart of bars as SVG, to be read on a light page and on a dark one."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, LABEL, FIGURE = 760, 250, 120
ROW, BAR, HEAD = 28, 16, 34
# Blue and grey tell apart for every kind of colour vision, and by lightness alone in print.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 15px }
.group { font-weight: 600 } .note { fill: #59636e } .ours { fill: #0969da } .peer { fill: #8c959f }
.range { stroke: #1f2328; stroke-width: 1.5 } .axis { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .note { fill: #9198a1 } .ours { fill: #4493f8 }
.peer { fill: #656c76 } .range { stroke: #f0f6fc } .axis { stroke: #3d444d } }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, with the least and the greatest of its rounds."""

    label: str
    value: float
    low: float
    high: float
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Bars under one heading; an empty heading takes no room."""

    heading: str
    bars: Sequence[Bar]


def bars(title: str, unit: str, groups: Sequence[Group]) -> str:
    """Return an SVG with a row a bar: label, bar with the range of its rounds, figure in *unit*."""
    peak = max((bar.high for group in groups for bar in group.bars), default=0.0) or 1.0
    scale = (WIDTH - LABEL - FIGURE) / peak
    body, y = [], HEAD
    for group in groups:
        if group.heading:
            body.append(f'<text class="group" x="0" y="{y + BAR}">{escape(group.heading)}</text>')
            y += ROW
        for bar in group.bars:
            body += _row(bar, y, scale, unit)
            y += ROW
    words = f"{title}. " + "; ".join(f"{bar.label}: {_figure(bar, unit)}" for group in groups for bar in group.bars)
    size = f'width="{WIDTH}" height="{y + 4}" viewBox="0 0 {WIDTH} {y + 4}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(words)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="18">{escape(title)}</text>',
        f'<line class="axis" x1="{LABEL}" y1="{HEAD - 6}" x2="{LABEL}" y2="{y}"/>',
    ]
    return "\n".join([*head, *body, "</svg>\n"])


def _row(bar: Bar, y: int, scale: float, unit: str) -> list[str]:
    middle, text_y = y + BAR / 2, y + BAR - 3
    low, high, end = (LABEL + scale * value for value in (bar.low, bar.high, bar.value))
    kind = "ours" if bar.ours else "peer"
    return [
        f'<text x="{LABEL - 8}" y="{text_y}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{end - LABEL:.1f}" height="{BAR}" rx="2"/>',
        f'<line class="range" x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}"/>',
        f'<text x="{max(end, high) + 8:.1f}" y="{text_y}">{escape(_figure(bar, unit))}</text>',
    ]


def _figure(bar: Bar, unit: str) -> str:
    number = f"{bar.value:,.0f}" if bar.value >= 100 else f"{bar.value:.1f}"  # noqa: PLR2004  # digits that are read
    return f"{number} {unit}"
