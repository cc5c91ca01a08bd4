"""Where customers stand, week by week, for managers: CX levels as a bar and in numbers, mean scores, and moves."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from rich import box
from rich.console import Group as Lines
from rich.panel import Panel
from rich.text import Text

from cli.screen.parts import FULL, RUNGS, plain
from cli.screen.tongue import LEVELS, WAYS, Tongue
from cx.calendar import iso_week
from cx.rules import DIMENSIONS as NAMES
from cx.words import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from cli.screen.money import Lang
    from ops.aggregates.reading import By, Group, Report, Row

_WIDTH_MAX: Final = 92
_FRAME: Final = 6
_NUMBER: Final = 9
_MOVE: Final = 7
_LEVEL: Final = 6
_BAR: Final = 10
_SCORES: Final = 2  # from the left
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_UP, _DOWN, _SAME = "bright_green", "bright_red", "bright_black"
_MINUS: Final = "\N{MINUS SIGN}"


class Move(NamedTuple):
    """What changed against the week before; None where there was nobody."""

    customers: int | None
    level: float | None
    scores: tuple[float, ...] | None


def move(row: Row) -> Move:
    """Return what changed in a row against the week before."""
    now, before = row.group, row.before
    if before is None:
        return Move(None, None, None)
    scores = tuple(new - old for new, old in zip(now.means, before.means, strict=True))
    return Move(now.customers - before.customers, now.mean_level - before.mean_level, scores)


def picture(found: Report, by: By, lang: Lang, width: int) -> RenderableType:
    """Draw a report whose rows are *by* week, store, channel or both, on a screen of *width* characters."""
    say = Tongue(lang, "")
    width = min(width, _WIDTH_MAX)
    label = width - _FRAME - _NUMBER - _MOVE - 1 - _BAR - len(LEVELS) * _LEVEL
    lines: list[RenderableType] = _headings(label, width, say) if found.rows else []
    week = 0
    for row in found.rows:
        if by != "week" and row.group.week != week:
            week = row.group.week
            lines += [Text(), Text(_week(week, say), "bold")]
        lines += _row(row, _label(row.group, label, by, say), width, say)
    if not found.rows:
        lines.append(Text(say("Nobody is counted in these weeks.", "Không có khách nào trong các tuần này.")))
    titles = {
        "week": say("CX by week", "CX theo tuần"),
        "store": say("CX by store", "CX theo cửa hàng"),
        "channel": say("CX by channel", "CX theo kênh"),
        "all": say("CX by store and channel", "CX theo cửa hàng và kênh"),
    }
    newest = say("counted up to ", "tính đến ") + iso_week(found.newest) if found.newest else None
    return Panel(
        Lines(*lines, Text(), *_notes(found, say)),
        title=Text(titles[by], "bold"),
        title_align="left",
        subtitle=newest,
        subtitle_align="right",
        box=box.ROUNDED,
        width=width,
        padding=(0, 2),
    )


def _headings(label: int, width: int, say: Tongue) -> list[RenderableType]:
    levels = "".join(f"{level:>{_LEVEL}}" for level in LEVELS)
    customers, bar = say("customers", "số khách"), say("CX level", "cấp CX")
    first = f"{'':{label}}{customers:>{_NUMBER}}{'':{_MOVE}} {bar:{_BAR}}{levels}"
    names = [Text(say.name(name, DIMENSIONS)) for name in NAMES]
    return [Text(first, "bright_black"), _columns(names, width, "bright_black")]


def _columns(scores: Sequence[Text], width: int, style: str = "") -> Text:
    line, each = Text(" " * _SCORES, style), (width - _FRAME - _SCORES) // len(scores)
    for score in scores:
        score.truncate(each, pad=True)
        line.append_text(score)
    return line


def _row(row: Row, line: Text, width: int, say: Tongue) -> Sequence[Text]:
    group, moved = row.group, move(row)
    line.append(f"{say.number(group.customers):>{_NUMBER}}")
    line.append_text(_signed(moved.customers, _MOVE, say))
    line.append(" ")
    line.append_text(_bar(group.levels))
    for level, number in zip(LEVELS, group.levels, strict=True):
        line.append(f"{say.number(number):>{_LEVEL}}", RUNGS[level - 1] if number else "bright_black")
    scores = [
        Text.assemble(f"{mean:<3.0f}", _signed(None if moved.scores is None else round(moved.scores[place]), 4, say))
        for place, mean in enumerate(group.means)
    ]
    return [line, _columns(scores, width)]


def _label(group: Group, width: int, by: By, say: Tongue) -> Text:
    said = Text(_week(group.week, say), "bold") if by == "week" else Text("  " + plain(_place(group, by, say)))
    said.truncate(width - 1, overflow="ellipsis", pad=True)
    return said.append(" ")


def _place(group: Group, by: By, say: Tongue) -> str:
    store = group.store or say("in no store", "không ở cửa hàng")
    channel = say.name(group.channel, WAYS) if group.channel else say("in no channel", "chưa rõ kênh")
    return {"store": store, "channel": channel}.get(by, f"{channel} · {store}" if group.store else channel)


def _signed(value: int | None, width: int, say: Tongue) -> Text:
    """Return a move with its sign; nothing where there is nothing to compare with."""
    if value is None:
        return Text(" " * width)
    sign, colour = ("+", _UP) if value > 0 else (_MINUS, _DOWN) if value < 0 else ("=", _SAME)
    return Text(f"{sign + (say.number(abs(value)) if value else ''):>{width}}", colour)


def _bar(levels: Sequence[int]) -> Text:
    """Return a bar in which each level has its share; whoever is there is seen."""
    whole = sum(levels)
    ends = [round(sum(levels[: place + 1]) * _BAR / whole) for place in range(len(levels))]
    return Text.assemble(
        *[
            (FULL * (end - start), RUNGS[place])
            for place, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        ]
    )


def _week(week: int, say: Tongue) -> str:
    day = date.fromordinal(week)
    return f"{iso_week(week)}  " + say(f"{day.day} {_MONTHS[day.month - 1]}", f"{day:%d/%m}")


def _notes(found: Report, say: Tongue) -> Sequence[Text]:
    notes = [
        say(
            "Each customer counts once a week (named with its Monday), where they were last, as they stood after their "
            "last event of it. "
            "Signs compare with the week before.",
            "Mỗi khách được tính một lần mỗi tuần (ghi theo ngày thứ Hai), tại nơi gặp sau cùng, theo tình trạng sau "
            "sự kiện cuối trong tuần. "
            "Dấu cộng trừ là so với tuần trước.",
        )
    ]
    if found.complete:
        week = iso_week(found.complete)
        notes.append(
            say(
                f"In full from week {week} on; the weeks before are what the states since then could still tell.",
                f"Đầy đủ từ tuần {week}; các tuần trước đó chỉ gồm những gì dữ liệu còn lại cho biết.",
            )
        )
    return [Text(note, "bright_black") for note in notes]
