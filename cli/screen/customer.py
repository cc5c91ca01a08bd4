"""One customer's picture: tier and what is missing for the next, CX level, dimensions, rewards, and what happened."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.screen.alerts import COLOURS, told
from cli.screen.money import in_english
from cli.screen.parts import bar, colour_of, local, mood_colour, plain
from cli.screen.policy_tiers import amount as amount_in
from cli.screen.tongue import GROUPS, LEVELS, REASONS, STAGES, STATUSES, WAYS, Tongue
from cx.words import CRITERIA, DIMENSIONS, amount, conditions, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from cli.screen.money import Lang

_LABEL: Final = 12  # characters
_TIER: Final = ("Tier", "Hạng")
_POINTS: Final = ("Points", "Điểm")
_LEVEL: Final = ("CX level", "Cấp CX")
_JOURNEY: Final = ("Journey", "Hành trình")
_LABELS: Final = frozenset({"", *_TIER, *_POINTS, *_LEVEL, *_JOURNEY})
_WIDTH: Final = 92
_BAR: Final = 30
_GUARDS: Final = {
    "open-case": ("open case", "còn yêu cầu chưa xử lý xong"),
    "open-detractor-case": ("open detractor case", "không hài lòng và còn yêu cầu chưa xử lý xong"),
}
_STATUS: Final = {
    "issued": "bright_green",
    "delivered": "bright_green",
    "redeemed": "green",
    "revoked": "bright_red",
    "expired": "bright_black",
}


def picture(profile: Mapping[str, Any], lang: Lang = "en") -> RenderableType:
    """Draw a *profile*, as `cx.view` makes it."""
    say = Tongue(lang, profile["currency"])
    tell = (_who, _tier, _points, _level, _dimensions, _journey, _alerts, _rewards, _history)
    parts = [part(profile, say) for part in tell]
    return Panel(
        Group(*[_hung(line) for part in parts for line in part]),
        title=Text(plain(profile["customer_id"]), "bold"),
        title_align="left",
        subtitle=say("as of ", "tính đến ") + _moment(profile["as_of"], say),
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


def _label(name: tuple[str, str], say: Tongue) -> tuple[str, str]:
    return f"{say(*name):{_LABEL}}", "bold"


def _below(said: str, colour: str = "bright_black") -> Text:
    return Text(" " * _LABEL + said, colour)


def _day(moment: str, say: Tongue) -> str:
    """Return the day of an instant on this machine; a day alone is one as well."""
    form = say("%Y-%m-%d", "%d/%m/%Y")
    return local(moment, form) if "T" in moment else f"{date.fromisoformat(moment):{form}}"


def _moment(moment: str, say: Tongue) -> str:
    return local(moment, say("%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M"))


def _who(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    facts = []
    if profile["first_seen"]:
        facts.append(say("first seen ", "gặp lần đầu ") + _day(profile["first_seen"], say))
    if profile["enrolled"]:
        facts.append(say("member since ", "thành viên từ ") + _day(profile["enrolled"], say))
    facts.append(say.count(profile["events_held"], "event", "sự kiện"))
    if profile["waiting"]:
        waiting = say.number(profile["waiting"])
        facts.append(say(f"{waiting} waiting for what they refer to", f"{waiting} chờ sự kiện liên quan"))
    if profile.get("segment"):
        facts.append(profile["segment"])
    if profile["open_cases"]:
        facts.append(say.count(profile["open_cases"], "open case", "yêu cầu còn mở"))
    silent = "" if profile["notify"] else say(", no messages wanted", ", không muốn nhận tin")
    facts.append(profile["locale"] + silent)
    return [Text(" · ".join(facts), "bright_black"), Text()]


def _tier(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    when = []
    if profile["tier_since"]:
        when.append(say("since ", "từ ") + _day(profile["tier_since"], say))
    if profile["tier_until"]:
        day = _day(profile["tier_until"], say)
        when.append(say(f"at least until {day} if nothing happens", f"ít nhất đến {day} nếu không có phát sinh"))
    tier = (profile["tier"].upper(), f"bold {colour_of(2)}")
    lines: list[RenderableType] = [Text.assemble(_label(_TIER, say), tier, f"  {', '.join(when)}")]
    lines += [_below(benefit) for benefit in profile["benefits"]]
    lines += _progress(profile, say)
    return [*lines, Text()]


def _progress(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    progress = profile["progress"]
    following = progress["next"]
    if following is None:
        return [_below(say("the highest tier", "hạng cao nhất"))]
    lines: list[RenderableType] = []
    for measure, missing in progress["missing"].items():
        have = profile["measures"][measure]
        much = (
            amount(measure, missing, say.currency, in_english) if say.lang == "en" else amount_in(measure, missing, say)
        )
        said = say(f" {much} to {following}", f" còn {much} để lên {following}")
        lines.append(Text.assemble(" " * _LABEL, bar(have / (have + missing), _BAR, colour_of(2)), said))
    held_back = say(f"{following} is earned but held back: ", f"đã đủ điều kiện {following} nhưng bị tạm giữ: ")
    guards = [_below(held_back + say.name(guard, _GUARDS), "bright_red") for guard in progress["held_back_by"]]
    return [*lines, *guards]


def _points(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    points = profile["points"]
    if not any(points.values()):
        return []
    number = say.number(abs(points["balance"]))
    owes = points["balance"] < 0
    said = say(f"{number} owed", f"còn nợ {number}") if owes else say(f"{number} to spend", f"{number} dùng được")
    if points["pending"]:
        pending = say.number(points["pending"])
        said += say(f", {pending} cannot be spent yet", f", {pending} còn chờ")
    if expiry := points["next_expiry"]:
        gone, last = say.number(expiry["points"]), _day(expiry["last_day"], say)
        said += say(f", {gone} until {last}", f", {gone} hết hạn sau {last}")
    return [Text.assemble(_label(_POINTS, say), said), Text()]


def _level(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    level = profile["cx_level"]
    since = say("  since ", "  từ ") + _day(profile["cx_level_since"], say) if profile["cx_level_since"] else ""
    steps = ("●" * level + "○" * (len(LEVELS) - level), "bright_green")
    named = (f"{level} {say(*LEVELS[level])} ", "bold bright_green")
    lines: list[RenderableType] = [Text.assemble(_label(_LEVEL, say), named, steps, since)]
    if level < len(LEVELS):
        following = f"{level + 1} {say(*LEVELS[level + 1])}"
        goal = say(f"for {following}: ", f"để lên {following}: ")
        lines += [_below(goal + said) for said in conditions(profile["cx_level_missing"], say.lang)]
    met = [
        f"{say.name(name, CRITERIA)} {one['holds']}/{one['of']}"
        for name, one in profile["criteria"].items()
        if one["of"]
    ]
    if met:
        lines.append(_below(" · ".join(met)))
    return [*lines, Text()]


def _dimensions(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=11, style="bold")
    table.add_column()
    table.add_column(justify="right")
    for name, score in profile["dimensions"].items():
        said = say.name(name, DIMENSIONS).capitalize()
        table.add_row(said, bar(score / 100, _BAR, mood_colour(score)), str(score))
    return [table, Text()]


def _journey(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    spots = [(spot, stage, group) for stage, row in profile["journey"].items() for group, spot in row.items()]
    if not spots:
        return []
    last, stage, group = max(spots, key=lambda one: str(one[0]["last"]))
    way = say.name(last["channel"], WAYS) if last["channel"] else ""
    over = say(f" over {way}", f" qua {way}") if way else ""
    number, when = say.number(sum(spot["count"] for spot, _, _ in spots)), _moment(last["last"], say)
    where = f"{say.name(stage, STAGES)}, {say.name(group, GROUPS)}{over}"
    said = say(f"{number} contacts; the last, {when}: {where}", f"{number} lần gặp; lần cuối, {when}: {where}")
    if profile["seams"]:
        seams = say.count(profile["seams"], "seam", "lần phải hỏi lại ở kênh khác")
        said += say(f"; {seams} in 90 days", f"; {seams} trong 90 ngày")
    return [Text.assemble(_label(_JOURNEY, say), plain(said)), Text()]


def _alerts(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    if not profile["alerts"]:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    for alert in [alert for alert in profile["alerts"] if not alert["answered"]]:
        said = plain(told(alert, say, lambda text: _day(text, say)))
        table.add_row(Text(_day(alert["since"], say), "bright_black"), Text(said, COLOURS[alert["severity"]]))
    answered = sum(1 for alert in profile["alerts"] if alert["answered"])
    if answered:
        count = say.count(answered, "alert", "cảnh báo")
        said = say(f"{count} answered in the last 90 days", f"{count} đã được đáp ứng trong 90 ngày qua")
        table.add_row("", Text(said, "bright_black"))
    return [Text(say("Care", "Chăm sóc"), "bold"), table, Text()]


def _rewards(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    if not profile["rewards"] and not profile.get("holds"):
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    for reward in sorted(profile["rewards"], key=lambda reward: str(reward["since"])):
        status = reward["status"]
        table.add_row(
            Text(_day(reward["since"], say), "bright_black"),
            Text(reward["rule"]),
            Text(say(f"for {reward['tier']}", f"cho {reward['tier']}") if reward["tier"] else ""),
            Text(say(status, say.name(status, STATUSES)), _STATUS.get(status, "bright_yellow")),
            Text(_gift(reward, say), "bright_black"),
        )
    return [Text(say("Rewards", "Phần thưởng"), "bold"), table, *_holds(profile, say), Text()]


def _gift(reward: Mapping[str, Any], say: Tongue) -> str:
    """Say what can be chosen or used, and until when."""
    until = say(" until ", " đến ")
    if reward["status"] == "offered":
        return ", ".join(reward["choices"]) + until + _day(reward["choose_until"], say)
    if reward["status"] in {"issued", "delivered"} and "gift" in reward:
        return f"{reward['gift']}{until}{_day(reward['valid_until'], say)}"
    return str(reward.get("gift", ""))


def _holds(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    since = say("held back since ", "tạm giữ từ ")
    return [
        Text(f"{since}{_moment(hold['since'], say)}: {plain(hold['hold_id'])}", "bright_red")
        for hold in profile.get("holds", ())
    ]


def _history(profile: Mapping[str, Any], say: Tongue) -> Sequence[RenderableType]:
    if not profile["history"]:
        return [Text(say("No tier change yet.", "Hạng chưa thay đổi lần nào."), "bright_black")]
    table = Table.grid(padding=(0, 2, 0, 0))
    for change in profile["history"][::-1]:
        reason = say.name(change["reason"], REASONS)
        said = say(step(change), f"{change['from']} → {change['to']}: {reason}")
        table.add_row(Text(_moment(change["at"], say), "bright_black"), Text(said))
    return [Text(say("What happened", "Diễn biến"), "bold"), table]
