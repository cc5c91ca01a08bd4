"""The demo's picture: how many events, how late, who stands on which rung, and what changed last and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.screen.alerts import COLOURS
from cli.screen.parts import bar, colour_of, counted, milliseconds, plain

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from ops.audit.gifts import Numbers

NEWS_MAX: Final = 24  # more than the picture is high
_LEFT: Final = 42
_ROWS: Final = 7  # of the panel with the figures
_GIFTS: Final = 2  # of that of the gift desk
_FRAME: Final = 2
_BAR: Final = 20
_ICONS: Final = {
    "tier": "▲",
    "tier.downgraded": "▼",
    "tier.corrected": "↺",
    "cx-level": "◆",
    "reward": "★",
    "reward.offered": "☆",
    "reward.revoked": "✕",
    "care": "♥",
    "hold": "■",
}
_LEVEL_COLOUR: Final = "bright_green"
_LINES: Final = 2  # of one news: the reasons of a CX level may fill the picture
_LEVELS: Final = ("informed", "answered", "committed", "anticipated", "advocate")


@dataclass(frozen=True, slots=True)
class News:
    """One output in a sentence; `rung` of the tier that it is about colours it, an alert its severity."""

    type: str
    customer: str
    sentence: str
    rung: int = 0
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the picture shows.

    Attributes:
        doing: What happens now, such as `traffic` or `waiting for the last events`.
        simulated: Instant that the traffic has come to; None before it began.
        done: Part of the traffic that was sent, 0 to 1.
        seconds: Since the traffic began, on the wall.
        per_second: Events that came in during the last moments.
        lag: Records that workers have not committed; None while it is not known.
        ladder: Customers by tier, lowest first; those never seen are in none.
        gifts: What the gift desk was asked for and answered; None where there is no desk.
        levels: Customers by CX level, 1 to 5.
        news: Latest outputs, newest last.
    """

    doing: str
    simulated: datetime | None
    done: float
    seconds: float
    events_in: int = 0
    per_second: float = 0.0
    decided: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    lag: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    tier_changes: int = 0
    level_changes: int = 0
    rewards_issued: int = 0
    rewards_offered: int = 0
    alerts: int = 0
    holds: int = 0
    gifts: Numbers | None = None
    ladder: tuple[tuple[str, int], ...] = ()
    levels: tuple[int, ...] = (0, 0, 0, 0, 0)
    news: tuple[News, ...] = ()


def picture(shown: Snapshot) -> RenderableType:
    """Draw a snapshot; its height does not change from one to the next, so that nothing jumps."""
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(width=_LEFT)
    grid.add_column(ratio=1)
    left = Group(_panel("events", _events(shown)), _panel("tiers", _ladder(shown)), _panel("CX level", _levels(shown)))
    height = _ROWS + len(shown.ladder) + len(shown.levels) + 3 * _FRAME
    gifts = [] if shown.gifts is None else [_panel("gift desk", _gifts(shown.gifts), _GIFTS + _FRAME)]
    height -= (_GIFTS + _FRAME) * len(gifts)
    grid.add_row(left, Group(_panel("latest changes, rewards, alerts", _news(shown), height), *gifts))
    return Group(_head(shown), grid)


def line(shown: Snapshot) -> str:
    """Say a snapshot in one line, for where there is no terminal."""
    day = f"{shown.simulated:%Y-%m-%d}" if shown.simulated else "-"
    lag = "-" if shown.lag is None else f"{shown.lag:,}"
    return (
        f"{shown.seconds:5.0f} s  {day}  {shown.events_in:,} events, {shown.per_second:,.0f}/s, lag {lag},"
        f" p50 {milliseconds(shown.p50_ms)}, p99 {milliseconds(shown.p99_ms)};"
        f" {shown.tier_changes:,} tier changes, {shown.rewards_issued:,} rewards, {shown.alerts:,} alerts"
        + (f"; gifts {said(shown.gifts)}" if shown.gifts else "")
    )


def said(gifts: Numbers) -> str:
    """Say what became of requests for gifts."""
    return (
        f"{gifts.issued:,} issued ({gifts.instead:,} instead of another), {gifts.used:,} used,"
        f" {gifts.refused:,} refused, {gifts.waiting:,} waiting"
    )


def _panel(title: str, content: RenderableType, height: int | None = None) -> Panel:
    return Panel(content, title=f"[bold]{title}", title_align="left", box=box.ROUNDED, height=height)


def _head(shown: Snapshot) -> Text:
    day = f"{shown.simulated:%d %b %Y}" if shown.simulated else ""
    return Text.assemble(
        (" cx demo ", "bold black on bright_cyan"),
        ("  ", ""),
        bar(shown.done, 30, "bright_cyan"),
        (f"  {shown.seconds:4.0f} s  ", ""),
        (day, "bold"),
        (f"  {shown.doing}", "bright_black"),
    )


def _events(shown: Snapshot) -> Table:
    lag = "-" if shown.lag is None else f"{shown.lag:,}"
    rows = (
        ("in", f"{shown.events_in:,}", f"{shown.per_second:,.0f} /s"),
        ("decided", f"{shown.decided:,}", f"{shown.duplicates:,} twice"),
        ("dead letters", f"{shown.dead_letters:,}", f"lag {lag}"),
        ("latency p50", milliseconds(shown.p50_ms), f"p99 {milliseconds(shown.p99_ms)}"),
        ("tier changes", f"{shown.tier_changes:,}", f"{shown.level_changes:,} levels"),
        ("rewards", f"{shown.rewards_issued:,}", f"{shown.rewards_offered:,} offers"),
        ("care alerts", f"{shown.alerts:,}", counted(shown.holds, "hold")),
    )
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(style="bright_black", width=12)
    table.add_column(justify="right", style="bold", width=10)
    table.add_column(justify="right", ratio=1)
    for row in rows:
        table.add_row(*row)
    return table


def _gifts(gifts: Numbers) -> Table:
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    for _ in range(3):
        table.add_column(ratio=1)
    cells = [
        Text.assemble((f"{count:,}", "bold"), (f" {word}", "bright_black"))
        for word, count in (
            ("asked for", gifts.asked), ("issued", gifts.issued), ("instead", gifts.instead),
            ("used", gifts.used), ("refused", gifts.refused), ("waiting", gifts.waiting),
        )
    ]  # fmt: skip
    table.add_row(*cells[:3])
    table.add_row(*cells[3:])
    return table


def _ladder(shown: Snapshot) -> Table:
    return _bars([(name, count, colour_of(rung)) for rung, (name, count) in enumerate(shown.ladder)][::-1])


def _levels(shown: Snapshot) -> Table:
    named = zip(_LEVELS, shown.levels, strict=True)
    return _bars([(f"{level} {name}", count, _LEVEL_COLOUR) for level, (name, count) in enumerate(named, 1)][::-1])


def _bars(rows: list[tuple[str, int, str]]) -> Table:
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(min_width=13)
    table.add_column(width=_BAR)
    table.add_column(justify="right", style="bold")
    most = max((count for _, count, _ in rows), default=0)
    for name, count, colour in rows:
        table.add_row(Text(name, colour), bar(count / most if most else 0.0, _BAR, colour), f"{count:,}")
    return table


def _news(shown: Snapshot) -> Table:
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(min_width=9, no_wrap=True, style="bright_black")
    table.add_column(ratio=1)
    for news in shown.news[::-1]:
        icon = _ICONS.get(news.type) or _ICONS.get(news.type.split(".")[0], "·")
        what, _, why = news.sentence.partition(": ")
        colour = _colour(news)
        said = Text.assemble((what, colour), f": {why}" if why else "")
        table.add_row(Text(icon, colour), Text(plain(news.customer)), _Short(said))
    return table


def _colour(news: News) -> str:
    if news.type.startswith("cx-level."):
        return _LEVEL_COLOUR
    return COLOURS[news.severity] if news.severity else colour_of(news.rung)


@dataclass(frozen=True, slots=True)
class _Short:
    """A text of a few lines at most; what is left out shows as dots."""

    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self.text.wrap(console, options.max_width)
        if len(lines) > _LINES:
            last = lines[_LINES - 1]
            last.truncate(options.max_width - 2)
            last.append(" …")
        yield from lines[:_LINES]
