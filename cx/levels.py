"""The CX level, 1 to 5 after Gartner: level n holds when the evidence for every level up to n holds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cx import cases, scores, tiers
from cx.rules import DIMENSIONS, FADING
from cx.state import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.rules import Condition, Rules
    from cx.state import Head

PROMOTER_MIN = 9


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


def _reached(head: Head, before: int, at: int, rules: Rules) -> tuple[int, Condition | None]:
    """Return the level, and a condition that is lacking for the next; None at the top."""
    highest = 1
    for level, conditions in rules.levels.items():
        kept = level <= before
        for condition in conditions:
            if not holds(condition, measure(head, condition.measure, at, rules), kept=kept):
                return highest, condition
        highest = level
    return highest, None


def _kept_until(head: Head, at: int, rules: Rules) -> int:
    """Return an instant not after the first one after *at* at which time alone takes the level, or `NEVER`."""
    return min(
        (
            _turns_at(head, condition, condition.keep, at, rules)
            for level, conditions in rules.fading.items()
            if level <= head.level
            for condition in conditions
        ),
        default=NEVER,
    )


def _comes_at(head: Head, lacking: Condition | None, at: int, rules: Rules) -> int:
    """Return an instant not after the first one after *at* at which time alone brings the next level, or `NEVER`.

    All that is lacking for it has to come, and nothing but scores comes by itself: most often *lacking*, which is a
    part of that, does not.
    """
    if lacking is None or lacking.measure not in FADING:
        return NEVER
    conditions = rules.levels[head.level + 1]
    short = [one for one in conditions if not holds(one, measure(head, one.measure, at, rules), kept=False)]
    return max(_turns_at(head, one, one.reach, at, rules) for one in short)


def _turns_at(head: Head, condition: Condition, needed: int, at: int, rules: Rules) -> int:
    """Return the instant at which time alone turns whether *condition* holds, or `NEVER`."""
    bound = needed + condition.at_most  # from here up it holds, or holds no more
    if condition.measure == "orders":
        return tiers.orders_leave(head, bound - 1, at, rules)
    if condition.measure not in DIMENSIONS:
        return NEVER
    day = scores.crosses(head, DIMENSIONS.index(condition.measure), bound, rules.calendar.day(at), rules)
    return NEVER if day is None else rules.calendar.start(day)


def came_from(head: Head, told: int, rules: Rules) -> int:
    """Return the level from which the evidence leads to the one held: *told*, unless more than one step led here."""
    return told if reached(head, told, head.reached, rules) == head.level else head.level


def holds(condition: Condition, value: int | None, *, kept: bool) -> bool:
    """Tell whether a condition holds for *value* (None: no evidence yet), to reach a level or to keep it."""
    if value is None:
        return condition.unknown_holds
    needed = condition.keep if kept else condition.reach
    return value <= needed if condition.at_most else value >= needed


def measure(head: Head, name: str, at: int, rules: Rules) -> int | None:
    """Return the value of a level measure as of *at*, or None where there is no evidence for it."""
    read = _MEASURES.get(name)
    return read(head) if read else scores.score(head, DIMENSIONS.index(name), rules.calendar.day(at), rules)


def evidence(head: Head, level: int, before: int, at: int, rules: Rules) -> list[dict[str, Any]]:
    """Return the conditions of *level*, each with the value found, the one needed, and whether it holds.

    What is needed depends on the level held *before*: to keep a level takes less than to reach it.
    """
    kept = level <= before
    rows = []
    for condition in rules.levels.get(level, ()):
        value = measure(head, condition.measure, at, rules)
        rows.append(
            {
                "level": level,
                "criterion": condition.criterion,
                "measure": condition.measure,
                "value": value,
                "comparison": "<=" if condition.at_most else ">=",
                "needed": condition.keep if kept else condition.reach,
                "ok": holds(condition, value, kept=kept),
            }
        )
    return rows


def _percent(part: int, whole: int) -> int | None:
    return part * 100 // whole if whole else None


def _answered_in_time(head: Head) -> int | None:
    return _percent(head.counts.get("answered_in_time", 0), head.counts.get("answered", 0))


def _resolved_for_good(head: Head) -> int | None:
    done = head.counts.get("resolved", 0)
    return _percent(done - head.counts.get("came_back", 0), done)


def _last(instrument: str, head: Head) -> int | None:
    answers = head.feedback.get(instrument)
    return answers[0][0] if answers else None


def _nps_rise(head: Head) -> int | None:
    answers = head.feedback.get("nps", ())
    return answers[0][0] - answers[1][0] if len(answers) > 1 else None


def _promoter_streak(head: Head) -> int:
    streak = 0
    for score, _ in head.feedback.get("nps", ()):
        if score < PROMOTER_MIN:
            break
        streak += 1
    return streak


# The dimension scores, which depend on the day, are measures as well.
_MEASURES: dict[str, Callable[[Head], int | None]] = {
    "channels": lambda head: len(head.channels),
    "answered_in_time_pct": _answered_in_time,
    "resolved_for_good_pct": _resolved_for_good,
    "last_ces": partial(_last, "ces"),
    "last_csat": partial(_last, "csat"),
    "orders": lambda head: head.counted.orders,
    "open_cases": cases.open_count,
    "open_detractor_cases": partial(cases.open_count, detractors=True),
    "care_accepted": lambda head: head.counts.get("care_accepted", 0),
    "nps_rise": _nps_rise,
    "promoter_streak": _promoter_streak,
    "advocacy": lambda head: head.counts.get("advocacy", 0),
}
