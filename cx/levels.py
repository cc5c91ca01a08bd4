"""The CX level, 1 to 5 after Gartner: level n holds when the evidence for every level up to n holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cx.measures import READERS, TURNS, measure, turns_at
from cx.rules import FADING
from cx.state import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cx.rules import Asked, Condition, Rules
    from cx.state import Head

CRITERIA = ("involvement", "effort", "resolution", "emotion", "perception")


def settle(head: Head, at: int, rules: Rules) -> None:
    """Bring the level in line with the evidence as of *at*: up as far as `reach` allows, down only below `keep`."""
    level, lacking = _reached(head, head.level, at, rules)
    if level != head.level:
        head.level, head.level_since = level, at
    if rules.fading:
        head.level_due = min(_kept_until(head, at, rules), _comes_at(head, lacking, at, rules))


def reached(head: Head, before: int, at: int, rules: Rules) -> int:
    """Return the level that the evidence as of *at* makes of level *before*."""
    return _reached(head, before, at, rules)[0]


def _reached(head: Head, before: int, at: int, rules: Rules) -> tuple[int, Sequence[Condition]]:
    """Return the level, and of what is lacking for the next the first, or the first that would do; empty at the top."""
    highest = 1
    for level, asked in rules.levels.items():
        kept = level <= before and before > 1  # as `_kept` has it, which this is asked of every event
        for condition in asked.all:
            value = READERS[condition.measure](head, at, rules)
            if value is None:
                if condition.unknown_holds:
                    continue
            elif condition.at_most:
                if value <= (condition.keep if kept else condition.reach):
                    continue
            elif value >= (condition.keep if kept else condition.reach):
                continue
            return highest, (condition,)
        if asked.any and not _one_holds(head, asked.any, at, rules, kept=kept):
            return highest, asked.any
        highest = level
    return highest, ()


def _kept(level: int, before: int) -> bool:
    """Tell whether *level* is to be kept by one who was on level *before*, or to be reached.

    On level 1 everybody is: what it asks for is kept by those whom it carries higher.
    """
    return max(level, 2) <= before


def _one_holds(head: Head, some: Iterable[Condition], at: int, rules: Rules, *, kept: bool) -> bool:
    return any(holds(one, measure(head, one.measure, at, rules), kept=kept) for one in some)


def _kept_until(head: Head, at: int, rules: Rules) -> int:
    """Return an instant not after the first one after *at* at which time alone takes the level, or `NEVER`."""
    ends = NEVER
    for level, asked in rules.losing.items():
        if not _kept(level, head.level):
            break
        for one in asked.all:
            ends = min(ends, TURNS[one.measure](head, one.keep + one.at_most, at, rules))
        if asked.any:
            held = (one for one in asked.any if holds(one, measure(head, one.measure, at, rules), kept=True))
            ends = min(ends, max(turns_at(head, one.measure, one.keep + one.at_most, at, rules) for one in held))
    return ends


def _comes_at(head: Head, lacking: Sequence[Condition], at: int, rules: Rules) -> int:
    """Return an instant not after the first one after *at* at which time alone brings the next level, or `NEVER`.

    All that is lacking for it has to come, and only some of it ever comes by itself: most often *lacking*, which is a
    part of that, does not.
    """
    for one in lacking:
        if one.measure in FADING and turns_at(head, one.measure, one.reach + one.at_most, at, rules) < NEVER:
            break
    else:
        return NEVER
    return max(_all_come_at(head, rules.levels[level], at, rules) for level in _next(head.level, rules))


def _all_come_at(head: Head, asked: Asked, at: int, rules: Rules) -> int:
    def comes(one: Condition) -> int:
        if holds(one, measure(head, one.measure, at, rules), kept=False):
            return at
        return turns_at(head, one.measure, one.reach + one.at_most, at, rules)

    return max([*map(comes, asked.all), min(map(comes, asked.any), default=at)])


def _next(level: int, rules: Rules) -> list[int]:
    """Return the levels whose conditions stand between *level* and the next: that one, and level 1 for those on it."""
    return [one for one in ((1, 2) if level == 1 else (level + 1,)) if one in rules.levels]


def came_from(head: Head, told: int, rules: Rules) -> int:
    """Return the level from which the evidence leads to the one held: *told*, unless more than one step led here."""
    return told if reached(head, told, head.reached, rules) == head.level else head.level


def holds(condition: Condition, value: int | None, *, kept: bool) -> bool:
    """Tell whether a condition holds for *value* (None: no evidence yet), to reach a level or to keep it."""
    if value is None:
        return condition.unknown_holds
    needed = condition.keep if kept else condition.reach
    return value <= needed if condition.at_most else value >= needed


def evidence(head: Head, level: int, before: int, at: int, rules: Rules) -> list[dict[str, Any]]:
    """Return the conditions of *level*, each with the value found, the one needed, and whether it holds.

    What is needed depends on the level held *before*: to keep a level takes less than to reach it. Of those marked
    `one_of`, which come last, one has to hold.
    """
    asked = rules.levels.get(level)
    if asked is None:
        return []
    kept = _kept(level, before)
    rows: list[dict[str, Any]] = []
    for condition in asked.all + asked.any:
        value = READERS[condition.measure](head, at, rules)
        rows.append(
            {
                "level": level,
                "criterion": condition.criterion,
                "measure": condition.measure,
                "value": value,
                "comparison": "<=" if condition.at_most else ">=",
                "needed": condition.keep if kept else condition.reach,
                "ok": holds(condition, value, kept=kept),
                "one_of": len(rows) >= len(asked.all),
            }
        )
    return rows


def lacking(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return which conditions of one level's evidence stand against it: of those `one_of` all, or none."""
    one_holds = any(row["ok"] for row in rows if row["one_of"])
    return [row for row in rows if not (row["ok"] or (row["one_of"] and one_holds))]


def missing(head: Head, at: int, rules: Rules) -> list[dict[str, Any]]:
    """Return the conditions that stand between the customer and the next level."""
    found = (evidence(head, level, head.level, at, rules) for level in _next(head.level, rules))
    return [row for rows in found for row in lacking(rows)]


def criteria(head: Head, at: int, rules: Rules) -> dict[str, dict[str, int]]:
    """Return by criterion how many conditions of the levels held and of the next hold, and of how many.

    Conditions of which one has to hold are one, of every criterion that they name.
    """
    found = {name: {"holds": 0, "of": 0} for name in CRITERIA}
    for level, asked in rules.levels.items():
        if level > head.level + 1:
            break
        kept = _kept(level, head.level)
        for one in asked.all:
            counts = found[one.criterion]
            counts["of"] += 1
            counts["holds"] += holds(one, READERS[one.measure](head, at, rules), kept=kept)
        if asked.any:
            either = _one_holds(head, asked.any, at, rules, kept=kept)
            for name in {one.criterion for one in asked.any}:
                found[name]["of"] += 1
                found[name]["holds"] += either
    return found
