"""Streaks: in which weeks or months one after another a customer has an order that counts."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cx.calendar import iso_week

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Head
    from schemas.policy import RewardPolicy

_WEEK: Final = 7
_THURSDAY: Final = 3  # days after Monday: the year of a week is that of its Thursday


@lru_cache(maxsize=1 << 12)
def period_of(day: int, unit: str) -> int:
    """Return the number of the week, from Monday, or of the month in which a local day lies."""
    if unit == "week":
        return (day - 1) // _WEEK
    at = date.fromordinal(day)
    return at.year * 12 + at.month - 1


def name_of(period: int, unit: str) -> str:
    """Return a period as people write it: 2026-W09, or 2026-03."""
    if unit == "week":
        return iso_week(period * _WEEK + 1)
    return f"{period // 12:04}-{period % 12 + 1:02}"


def year_of(period: int, unit: str) -> int:
    """Return the year to which a period belongs."""
    return date.fromordinal(period * _WEEK + 1 + _THURSDAY).year if unit == "week" else period // 12


def bought(head: Head, day: int, rules: Rules) -> list[tuple[str, int]]:
    """Count an order of the local *day*; return unit and period where it is the first that counts of it."""
    begun = []
    for unit in rules.triggers.streaks:
        period = period_of(day, unit)
        counts = head.runs.get(unit, {})
        count = counts.get(period, 0)
        if not count:
            edge = period - rules.triggers.periods[unit]
            counts = {one: known for one, known in counts.items() if one >= edge}
            begun.append((unit, period))
        head.runs = {**head.runs, unit: {**counts, period: count + 1}}
    return begun


def undone(head: Head, day: int, rules: Rules) -> list[tuple[str, int]]:
    """Count an order of the local *day* out again; return unit and period where none is left of it."""
    emptied = []
    for unit in rules.triggers.streaks:
        period = period_of(day, unit)
        counts = head.runs.get(unit, {})
        if counts.get(period):
            head.runs = head.runs | {unit: counts | {period: counts[period] - 1}}
            if counts[period] == 1:
                emptied.append((unit, period))
    return emptied


def complete(head: Head, rule: RewardPolicy, period: int) -> bool:
    """Tell whether a run of as many periods as the *rule* asks for ends with *period*, and earned nothing yet."""
    streak = rule.when.streak
    if streak is None:
        return False
    counts = head.runs.get(streak.within, {})
    run = range(period - streak.orders + 1, period + 1)
    if not all(counts.get(one) for one in run):
        return False
    earned = (owed.ground["period"] for owed in head.entitlements.values() if owed.rule == rule.id and not owed.lost)
    return not any(abs(period - one) < streak.orders for one in earned)
