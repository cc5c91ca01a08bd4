"""The tier ladder: which rung the qualifying spend of a window of local days holds, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cx import cases
from cx.state import NEVER, Change

if TYPE_CHECKING:
    from cx.rules import Rules, Rung
    from cx.state import Head

HISTORY_MAX = 8


def settle(head: Head, at: int, reason: str, cause: str, rules: Rules) -> Change | None:
    """Bring the tier in line with the window that ends on the local day of *at*; upgrades and losses are at once.

    *reason* and *cause* (the id of an event, or empty) are kept with the change, which is returned if there is one.
    """
    move_window(head, rules.calendar.day(at), rules)
    if not head.tier:
        head.tier, head.tier_since = rules.rungs[0].name, at
    now = rules.rung_of(head.tier)
    qualified = qualified_rung(measures(head), rules)
    if qualified > now and held_back(head, rules):
        qualified = now
    change = None
    if qualified != now:
        change = Change(at, head.tier, rules.rungs[qualified].name, reason, cause)
        head.history = (*head.history, change)[-HISTORY_MAX:]
        head.tier, head.tier_since = change.after, at
    if change or head.tier_due <= at:  # else more was bought at most, which can only put the fall off
        head.tier_due = falls_at(head, rules)
    return change


def measures(head: Head) -> dict[str, int]:
    """Return what the ladder's thresholds are compared with, over the window as it stands."""
    return {"spend": head.spend, "orders": head.orders}


def qualified_rung(values: dict[str, int], rules: Rules) -> int:
    """Return the highest rung whose thresholds *values* reach; each asks for no less than those below it."""
    qualified = 0
    for index, rung in enumerate(rules.rungs):
        if not reaches(values, rung):
            break
        qualified = index
    return qualified


def reaches(values: dict[str, int], rung: Rung) -> bool:
    """Tell whether *values* reach every threshold of *rung*; a threshold belongs to the rung above it."""
    for measure, least in rung.enter.items():  # noqa: SIM110  # asked for every rung at every event: twice as fast
        if values[measure] < least:
            return False
    return True


def held_back(head: Head, rules: Rules) -> bool:
    """Tell whether a guard of the policy stands against any promotion now."""
    return "open-detractor-case" in rules.guards and cases.open_count(head, detractors=True) > 0


def guards(head: Head, rules: Rules) -> dict[str, bool]:
    """Return the policy's guards, and whether each of them holds back a promotion that is otherwise earned."""
    earned = qualified_rung(measures(head), rules) > rules.rung_of(head.tier)
    return {name: earned and held_back(head, rules) for name in sorted(rules.guards)}


def move_window(head: Head, day: int, rules: Rules) -> None:
    """Drop the days that a window ending on the local *day* no longer counts."""
    first = day - rules.window_days + 1
    while head.days:
        oldest = next(iter(head.days))  # days were added in the order of time
        if oldest >= first:
            return
        spend, orders = head.days.pop(oldest)
        head.spend -= spend
        head.orders -= orders


def falls_at(head: Head, rules: Rules) -> int:
    """Return the instant at which the tier falls if nothing more happens, or `NEVER`."""
    rung = rules.rung_of(head.tier)
    if rung == 0:
        return NEVER
    enter = rules.rungs[rung].enter
    spend, orders = head.spend - enter.get("spend", 0), head.orders - enter.get("orders", 0)
    for day, (spent, ordered) in head.days.items():
        spend, orders = spend - spent, orders - ordered
        if spend < 0 or orders < 0:
            return rules.calendar.start(day + rules.window_days)
    return NEVER


def missing(head: Head, rules: Rules) -> tuple[str, dict[str, int]] | None:
    """Return the next rung and what is missing for it by measure, or None at the top."""
    rung = rules.rung_of(head.tier) + 1
    if rung == len(rules.rungs):
        return None
    values = measures(head)
    short = {name: least - values[name] for name, least in rules.rungs[rung].enter.items() if values[name] < least}
    return rules.rungs[rung].name, short
