"""The map of a journey: where a customer met the brand, over what, how often, how of late, and in what mood."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.screen.alerts import COLOURS, told
from cli.screen.parts import bar, mood_colour, plain
from cli.screen.tongue import GROUPS, STAGES, WAYS, Tongue
from cx.journey import MOODS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from cli.screen.money import Lang

_WIDTH: Final = 92
_LABEL: Final = 9
_CELL: Final = 9
_BAR: Final = 5


def picture(known: Mapping[str, Any], zone: str, lang: Lang) -> RenderableType:
    """Draw the journey of a profile; days are told in the time *zone*."""
    say = Tongue(lang, known["currency"])
    days = Days(ZoneInfo(zone), say)
    parts: list[RenderableType] = [
        _map(known.get("journey", {}), days),
        Text(),
        Text(_legend(known, say), "bright_black"),
    ]
    alerts = known.get("alerts", ())
    if alerts:
        parts += [Text(), Text(say("Care", "Chăm sóc"), "bold"), alert_rows(alerts, days)]
    return Panel(
        Group(*parts),
        title=Text(plain(known["customer_id"]), "bold"),
        title_align="left",
        subtitle=say("as of ", "tính đến ") + days(known["as_of"]),
        subtitle_align="right",
        box=box.ROUNDED,
        width=_WIDTH,
        padding=(0, 2),
    )


class Days:
    """Writes days, and instants as the local days that they fall in."""

    def __init__(self, zone: ZoneInfo, say: Tongue) -> None:
        """Write for people of one language and time zone."""
        self._zone, self.say = zone, say

    def __call__(self, text: str) -> str:
        """Return the day of an RFC 3339 text; the day alone is one as well."""
        day = self._day(text)
        return self.say(f"{day.day} {day:%b %Y}", f"{day:%d/%m/%Y}")

    def short(self, text: str) -> str:
        """Return the day in no more than nine characters."""
        return f"{self._day(text):{self.say('%d %b %y', '%d/%m/%y')}}"

    def _day(self, text: str) -> date:
        found = datetime.fromisoformat(text)
        return found.astimezone(self._zone).date() if found.tzinfo else found.date()


def alert_rows(alerts: Any, days: Days) -> Table:  # noqa: ANN401  # as a profile has them
    """Return a line for each alert: since when, and what it says."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for alert in alerts:
        colour = "bright_green" if alert["answered"] else COLOURS[alert["severity"]]
        table.add_row(Text(days(alert["since"]), "bright_black"), Text(plain(told(alert, days.say, days)), colour))
    return table


def _map(journey: Mapping[str, Any], days: Days) -> Table:
    say = days.say
    table = Table(box=box.SIMPLE_HEAD, show_lines=True, padding=0, show_edge=False)
    table.add_column("", style="bold", width=_LABEL, no_wrap=True)
    for stage in STAGES:
        met = stage in journey
        table.add_column(Text(say(*STAGES[stage]), "bold" if met else "bright_black"), width=_CELL, no_wrap=True)
    for group in GROUPS:
        cells = [_cell(journey.get(stage, {}).get(group), days) for stage in STAGES]
        table.add_row(say(*GROUPS[group]).capitalize(), *cells)
    return table


def _cell(spot: Mapping[str, Any] | None, days: Days) -> Text:
    if spot is None:
        return Text("·", "bright_black")
    lines = [
        Text(f"{spot['count']:,}", "bold"),
        Text(plain(days.say.name(spot["channel"] or "-", WAYS))),
        Text(days.short(spot["last"]), "bright_black"),
    ]
    if spot["mood"] is not None:
        lines.append(Text.assemble(bar(spot["mood"] / 100, _BAR, mood_colour(spot["mood"])), f" {spot['mood']}"))
    return Text("\n").join(lines)


def _legend(known: Mapping[str, Any], say: Tongue) -> str:
    said = say(
        f"How often; the last channel and day; the mood of the last {MOODS_MAX} answers there, 0 to 100.",
        f"Số lần; kênh và ngày gần nhất; tâm trạng theo {MOODS_MAX} phản hồi cuối, từ 0 đến 100.",
    )
    seams = known.get("seams", 0)
    if not seams:
        return said
    times = say.count(seams, "time", "lần")
    return said + say(
        f" Asked again over another channel: {times} in 90 days.", f" Phải hỏi lại ở kênh khác: {times} trong 90 ngày."
    )
