"""Progress: until when a tier is held if nothing more happens, and what is missing to hold it longer."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cx import levels, tiers
from cx.calendar import rfc3339
from cx.state import NEVER

if TYPE_CHECKING:
    from cx.rules import Alternatives, Rules
    from cx.state import Change, Head


def keeping(head: Head, at: int, rules: Rules) -> dict[str, Any] | None:
    """Return what becomes of the tier as of the instant *at* if nothing more happens; None where time takes nothing.

    `until` is the instant at which it is looked at, a respite included; `missing` is what is short by then, by measure,
    empty where it is kept; `then` is the tier held from there on.
    """
    until = lost_at(head, at, rules)
    if until == NEVER:
        return None
    keep = rules.rungs[rules.rung_of(head.tier)].keep
    # A word on a lower tier does not hold this one.
    given = head.standing.given if tiers.is_given(head, rules) else None
    later = twin(head)
    later.tier_due = tiers.due_at(later, at, rules)
    if rules.by_period and not head.standing.failing and given is None:
        ends = tiers.period_end(head, head.standing, rules)
        _pass_time(later, ends - 1, rules)
        if not _short_on(rules.calendar.day(ends) - 1, later, keep, ends, rules):
            return {"until": rfc3339(ends), "missing": {}, "then": later.tier}
    _pass_time(later, until - 1, rules)
    missing: dict[str, int] = {}
    if given is None:  # on the last day of a respite; who lacks nothing then has none, and lacks it on the day after
        missing = _short_on(rules.calendar.day(until - 1), later, keep, until, rules)
    missing = missing or _short_on(rules.calendar.day(until), later, keep, until, rules)
    _pass_time(later, until, rules)
    missing = missing or ({} if given else _short_on(rules.calendar.day(until), later, keep, until, rules))
    return {"until": rfc3339(until), "missing": missing, "then": later.tier}


def _short_on(day: int, head: Head, keep: Alternatives, at: int, rules: Rules) -> dict[str, int]:
    """Return what is short, by measure, when the window ends on the local *day*."""
    head = twin(head)
    tiers.move_window(head, day, rules)
    return tiers.short_of(tiers.respite_measures(head, head.standing, at, rules), keep, rules)


def lost_at(head: Head, at: int, rules: Rules) -> int:
    """Return the instant at which the tier is lost if nothing more happens, respites included, or `NEVER`.

    Where it is lost at the end of a period only, that is when it is looked at next.
    """
    due = tiers.lost_at(head, at, rules)
    held = rules.downgrade == "none" or tiers.is_given(head, rules)
    return due if held or rules.by_period or rules.counts_only else _falls_at(head, at, rules)


def held_until(head: Head, at: int, rules: Rules) -> int:
    """Return until when the tier is held if a refund at the instant *at* may not take it at once; 0 where it may.

    That is as long as it would have lasted, and with refunds at a period's end no longer than to that end.
    """
    if not head.tier or rules.refunds == "at-once" or rules.downgrade == "none":
        return 0
    lasts = _falls_at(head, at, rules)
    if lasts == NEVER:  # it does not rest on what was bought
        return 0
    return lasts if rules.refunds == "keep" else min(lasts, tiers.period_end_after(head, at, rules))


def _falls_at(head: Head, at: int, rules: Rules) -> int:
    """Return the instant at which the tier falls if nothing more happens, or `NEVER`."""
    place, today = rules.rung_of(head.tier), rules.calendar.day(at)
    # By then all that counts has left, and all that fades has faded: a tier held still is looked at for ever.
    last = 2 * rules.window.days_max + rules.grace_days + rules.stay_days + len(rules.decay)
    end = rules.calendar.start(today + last)
    later = twin(head)
    later.tier_due = tiers.due_at(later, at, rules)
    while (due := min(later.tier_due, later.level_due)) <= end:
        look(later, due, rules)
        if rules.rung_of(later.tier) < place:
            return due
    return NEVER


def look(head: Head, at: int, rules: Rules) -> Change | None:
    """Bring the CX level and the tier, of which one falls due at the instant *at*, in line; return a change of tier."""
    looks, reason, counted = head.tier_due == at, "window", head.counted
    if head.level_due == at or (looks and rules.fading):
        level = head.level
        tiers.look_back(head, at, rules)
        tiers.move_window(head, rules.calendar.day(at), rules)
        levels.settle(head, at, rules)
        looks = looks or (level != head.level and not rules.counts_only)
    if looks and not (rules.counts_only or rules.by_period or head.standing.failing):
        tiers.move_window(head, rules.calendar.day(at), rules)
        reason = "experience" if head.counted == counted else reason  # a score has faded, or a level with it
    return tiers.settle(head, at, reason, "", rules) if looks else None


def _pass_time(head: Head, until: int, rules: Rules) -> None:
    while (at := min(head.tier_due, head.level_due)) <= until:
        look(head, at, rules)


def twin(head: Head) -> Head:
    """Return a copy of *head* over which time may pass."""
    twin = copy.copy(head)
    twin.days, twin.past = head.days.copy(), head.past.copy()  # all that time changes inside
    return twin
