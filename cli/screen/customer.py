"""One customer's picture: tier and what is missing for the next, CX level, dimensions, rewards, and what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.screen.alerts import COLOURS, told
from cli.screen.money import in_english
from cli.screen.parts import bar, colour_of, counted, local, mood_colour, plain
from cli.screen.tongue import Tongue
from cx.words import amount, conditions, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

_LABEL: Final = 12  # characters
_LABELS: Final = frozenset({"", "Tier", "Points", "CX level", "Journey"})
_WIDTH: Final = 92
_BAR: Final = 30
_LEVELS: Final = ("informed", "answered", "committed", "anticipated", "advocate")
_DAY: Final = "%Y-%m-%d"
_STATUS: Final = {
    "issued": "bright_green",
    "delivered": "bright_green",
    "redeemed": "green",
    "revoked": "bright_red",
    "expired": "bright_black",
}


def picture(profile: Mapping[str, Any]) -> RenderableType:
    """Draw a *profile*, as `cx.view` makes it."""
    tell = (_who, _tier, _points, _level, _dimensions, _journey, _alerts, _rewards, _history)
    parts = [part(profile) for part in tell]
    return Panel(
        Group(*[_hung(line) for part in parts for line in part]),
        title=Text(plain(profile["customer_id"]), "bold"),
        title_align="left",
        subtitle=f"as of {local(profile['as_of'])}",
        subtitle_align="right",
        box=box.ROUNDED,
        width=_WIDTH,
        padding=(0, 2),
    )


def _hung(line: RenderableType) -> RenderableType:
    """Let what follows a label, or the blank below one, wrap under itself."""
    if not isinstance(line, Text) or line.plain[:_LABEL].strip() not in _LABELS or len(line) <= _LABEL:
        return line
    table = Table.grid()
    table.add_column(width=_LABEL)
    table.add_column()
    table.add_row(*line.divide([_LABEL]))
    return table


def _who(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    facts = [f"first seen {local(profile['first_seen'], _DAY)}"] if profile["first_seen"] else []
    if profile["enrolled"]:
        facts.append(f"member since {profile['enrolled']}")
    facts.append(counted(profile["events_held"], "event"))
    if profile["waiting"]:
        facts.append(f"{profile['waiting']:,} waiting for what they refer to")
    if profile.get("segment"):
        facts.append(profile["segment"])
    if profile["open_cases"]:
        facts.append(counted(profile["open_cases"], "open case"))
    facts.append(profile["locale"] if profile["notify"] else f"{profile['locale']}, no messages wanted")
    return [Text(" · ".join(facts), "bright_black"), Text()]


def _tier(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    since = f"since {local(profile['tier_since'], _DAY)}" if profile["tier_since"] else ""
    until = f"at least until {local(profile['tier_until'], _DAY)} if nothing happens" if profile["tier_until"] else ""
    when = ", ".join(part for part in (since, until) if part)
    lines: list[RenderableType] = [
        Text.assemble(("Tier        ", "bold"), (profile["tier"].upper(), f"bold {colour_of(2)}"), f"  {when}")
    ]
    lines += [Text(f"            {benefit}", "bright_black") for benefit in profile["benefits"]]
    lines += _progress(profile)
    return [*lines, Text()]


def _progress(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    progress, currency = profile["progress"], profile["currency"]
    if progress["next"] is None:
        return [Text("            the highest tier", "bright_black")]
    lines: list[RenderableType] = []
    for measure, missing in progress["missing"].items():
        have = profile["measures"][measure]
        said = f" {amount(measure, missing, currency, in_english)} to {progress['next']}"
        lines.append(Text.assemble("            ", bar(have / (have + missing), _BAR, colour_of(2)), said))
    held_back = f"            {progress['next']} is earned but held back: "
    lines += [Text(held_back + guard.replace("-", " "), "bright_red") for guard in progress["held_back_by"]]
    return lines


def _points(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    points = profile["points"]
    if not any(points.values()):
        return []
    said = f"{points['balance']:,} to spend" if points["balance"] >= 0 else f"{-points['balance']:,} owed"
    if points["pending"]:
        said += f", {points['pending']:,} cannot be spent yet"
    if points["next_expiry"]:
        said += f", {points['next_expiry']['points']:,} until {points['next_expiry']['last_day']}"
    return [Text.assemble(("Points      ", "bold"), said), Text()]


def _level(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    level = profile["cx_level"]
    since = f"  since {local(profile['cx_level_since'], _DAY)}" if profile["cx_level_since"] else ""
    steps = ("●" * level + "○" * (len(_LEVELS) - level), "bright_green")
    lines: list[RenderableType] = [
        Text.assemble(("CX level    ", "bold"), (f"{level} {_LEVELS[level - 1]} ", "bold bright_green"), steps, since)
    ]
    if level < len(_LEVELS):
        lines += [
            Text(f"            for {level + 1} {_LEVELS[level]}: {said}", "bright_black")
            for said in conditions(profile["cx_level_missing"])
        ]
    met = [f"{name} {one['holds']}/{one['of']}" for name, one in profile["criteria"].items() if one["of"]]
    if met:
        lines.append(Text(f"            {' · '.join(met)}", "bright_black"))
    return [*lines, Text()]


def _dimensions(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=11, style="bold")
    table.add_column()
    table.add_column(justify="right")
    for name, score in profile["dimensions"].items():
        table.add_row(name.capitalize(), bar(score / 100, _BAR, mood_colour(score)), str(score))
    return [table, Text()]


def _journey(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    spots = [(spot, stage, group) for stage, row in profile["journey"].items() for group, spot in row.items()]
    if not spots:
        return []
    last, stage, group = max(spots, key=lambda one: str(one[0]["last"]))
    over = f" over {last['channel']}" if last["channel"] else ""
    said = f"{sum(spot['count'] for spot, _, _ in spots):,} contacts; the last, {local(last['last'])}: {stage}, {group}"
    seams = f"; {counted(profile['seams'], 'seam')} in 90 days" if profile["seams"] else ""
    return [Text.assemble(("Journey     ", "bold"), plain(f"{said}{over}{seams}")), Text()]


def _alerts(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    if not profile["alerts"]:
        return []
    say = Tongue("en", profile["currency"])
    table = Table.grid(padding=(0, 2, 0, 0))
    for alert in [alert for alert in profile["alerts"] if not alert["answered"]]:
        when = Text(local(alert["since"], _DAY), "bright_black")
        table.add_row(when, Text(plain(told(alert, say, _day)), COLOURS[alert["severity"]]))
    answered = sum(1 for alert in profile["alerts"] if alert["answered"])
    if answered:
        table.add_row("", Text(f"{counted(answered, 'alert')} answered in the last 90 days", "bright_black"))
    return [Text("Care", "bold"), table, Text()]


def _day(text: str) -> str:
    return local(text, _DAY) if "T" in text else text


def _rewards(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    if not profile["rewards"] and not profile.get("holds"):
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    for reward in sorted(profile["rewards"], key=lambda reward: str(reward["since"])):
        status = reward["status"]
        table.add_row(
            Text(local(reward["since"], _DAY), "bright_black"),
            Text(reward["rule"]),
            Text(f"for {reward['tier']}" if reward["tier"] else ""),
            Text(status, _STATUS.get(status, "bright_yellow")),
            Text(_gift(reward), "bright_black"),
        )
    return [Text("Rewards", "bold"), table, *_holds(profile), Text()]


def _gift(reward: Mapping[str, Any]) -> str:
    """Say what can be chosen or used, and until when."""
    if reward["status"] == "offered":
        return f"{', '.join(reward['choices'])} until {local(reward['choose_until'], _DAY)}"
    if reward["status"] in {"issued", "delivered"} and "gift" in reward:
        return f"{reward['gift']} until {local(reward['valid_until'], _DAY)}"
    return str(reward.get("gift", ""))


def _holds(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    return [
        Text(f"held back since {local(hold['since'])}: {plain(hold['hold_id'])}", "bright_red")
        for hold in profile.get("holds", ())
    ]


def _history(profile: Mapping[str, Any]) -> Sequence[RenderableType]:
    if not profile["history"]:
        return [Text("No tier change yet.", "bright_black")]
    table = Table.grid(padding=(0, 2, 0, 0))
    for change in profile["history"][::-1]:
        table.add_row(Text(local(change["at"]), "bright_black"), Text(step(change)))
    return [Text("What happened", "bold"), table]
