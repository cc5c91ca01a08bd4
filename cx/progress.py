"""Progress: until when a tier is held if nothing more happens, and what is missing to hold it longer."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cx import tiers
from cx.calendar import rfc3339
from cx.state import NEVER

if TYPE_CHECKING:
    from cx.rules import Alternatives, Rules
    from cx.state import Head


def keeping(head: Head, at: int, rules: Rules) -> dict[str, Any] | None:
    """Return what becomes of the tier as of the instant *at* if nothing more happens; None where time takes nothing.

    `until` is the instant at which it is looked at, a respite included; `missing` is what is short by then, by measure,
    empty where it is kept; `then` is the tier held from there on.
    """
    until = tiers.lost_at(head, at, rules)
    if until == NEVER:
        return None
    keep, given = rules.rungs[rules.rung_of(head.tier)].keep, head.standing.given
    if rules.by_period and not head.standing.failing and given is None:
        ends = tiers.period_end(head, head.standing, rules)
        if not _short_on(rules.calendar.day(ends) - 1, head, keep, ends, rules):
            return {"until": rfc3339(ends), "missing": {}, "then": head.tier}
    later = _twin(head)
    later.tier_due = tiers.due_at(later, at, rules)
    _pass_time(later, until - 1, rules)
    missing: dict[str, int] = {}
    if given is None:  # on the last day of a respite; who lacks nothing then has none, and lacks it on the day after
        missing = _short_on(rules.calendar.day(until - 1), later, keep, until, rules)
    missing = missing or _short_on(rules.calendar.day(until), later, keep, until, rules)
    _pass_time(later, until, rules)
    return {"until": rfc3339(until), "missing": missing, "then": later.tier}


def _short_on(day: int, head: Head, keep: Alternatives, at: int, rules: Rules) -> dict[str, int]:
    """Return what is short, by measure, when the window ends on the local *day*."""
    head = _twin(head)
    tiers.move_window(head, day, rules)
    return tiers.short_of(tiers.respite_measures(head, head.standing, at, rules), keep, rules)


def _pass_time(head: Head, until: int, rules: Rules) -> None:
    while head.tier_due <= until:
        tiers.settle(head, head.tier_due, "window", "", rules)


def _twin(head: Head) -> Head:
    twin = copy.copy(head)
    twin.days, twin.past = head.days.copy(), head.past.copy()  # all that time changes inside
    return twin
