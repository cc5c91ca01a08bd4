"""Decision records: why a tier, a level or a reward is what it is, so that anyone can work it out again."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cx import levels, progress, tiers, timeline
from cx.calendar import iso_day, rfc3339
from cx.grounds import witness
from cx.moments import parted
from cx.rules import sums_of
from cx.state import NEVER, Mark, head_of

if TYPE_CHECKING:
    from cx.grounds import Grounds
    from cx.rules import Condition, Rules
    from cx.state import Customer, Head

DECISIVE_MAX = 20


def of_tier(customer: Customer, head: Head, before: str, rules: Rules) -> dict[str, Any]:
    """Return the record of the tier that is held as of the last thing folded; *before* is what was told last.

    The outcome follows from it, beginning with the tier `before`, which need not be the one told last:

    - a tier `given` is the outcome where its `way` is to be set or exact, else the least;
    - else it is the highest rung whose `enter` is reached by `measures`, if that is above and no guard holds it back;
    - else `before` stays where `mode` is none, before `held_until`, or where its `keep` is reached;
    - else it is one rung less, or the highest below whose `keep` is reached, as `mode` has it.

    Window, measures and the orders behind them are those that were asked at the instant `at` of the decision; what is
    missing for the next rung, and when the tier is looked at again, is as of now.
    """
    head, at = progress.twin(head), head.reached
    tiers.move_window(head, rules.calendar.day(at), rules)
    guards = tiers.guards(head, at, rules)
    found = _grounds(customer, head, before, rules, held_back=any(guards.values()))
    due = progress.lost_at(head, at, rules)
    following = next(iter(rules.rungs[rules.rung_of(head.tier) + 1 :]), None)
    bounds, short = tiers.nearest(tiers.measures(head, at, rules), following.enter, rules) if following else ({}, {})
    decisive, rest = _counted(customer, found)
    return {
        "policy": rules.hash,
        "rule": f"tier:{head.tier}",
        "window": {"first": iso_day(found.first), "last": iso_day(found.last)},
        "measures": found.values,
        "ladder": _ladder(rules if found.rungs is rules.rungs else sums_of(rules)),
        "guards": found.guards,
        "standing": _standing(found),
        "before": found.before,
        "after": head.tier,
        "decisive": decisive,
        "rest": rest,
        "failed": [
            *(f"{name} {'<=' if name in rules.at_most else '>='} {bounds[name]}" for name in short),
            *(f"no {name}" for name, holds in guards.items() if holds),
        ],
        "missing": short,
        "next_rung": following.name if following else None,
        "next_deadline": None if due == NEVER else rfc3339(due),
    }


@lru_cache
def _ladder(rules: Rules) -> list[dict[str, Any]]:
    """Return what each tier takes; all records share it."""
    at_most = sorted(rules.at_most)
    return [{"name": rung.name, "enter": rung.enter, "keep": rung.keep, "at_most": at_most} for rung in rules.rungs]


def _grounds(customer: Customer, head: Head, before: str, rules: Rules, *, held_back: bool) -> Grounds:
    """Return on what the tier of *head* rests: on what is so now, as mostly, or on what was so when it was reached.

    *held_back* tells whether a guard stands against a higher one now.
    """
    at, standing, place = head.reached, head.standing, rules.rung_of(head.tier)
    if not held_back:
        given = standing.given is not None or (head.history and head.history[-1].reason == "import")
        values = tiers.measures(head, at, rules)
        if rules.rung_of(before) < place == tiers.qualified_rung(values, rules) and not given:
            return tiers.grounds(head, standing, at, before, rules, terms="enter")
        found = _witnessed(customer, head, rules)
        if found is not None:
            return found
    return tiers.grounds(head, standing, at, head.tier, rules)


def _witnessed(customer: Customer, head: Head, rules: Rules) -> Grounds | None:
    """Return what was looked at when the tier of *head* last changed, by a fold over it; None where that is settled."""
    if not head.history:
        return None
    changed = head.history[-1].at
    if changed < customer.floor - 1:  # in the base, of which the last moment is at the instant before
        return None
    before = (mark for mark in reversed(customer.marks) if customer.recent[mark.count - 1].at < changed)
    start = next(before, Mark(0, customer.base))
    twin = witness(head_of(start.base))
    timeline.fold(twin, customer.recent[start.count :], dict(customer.told.answers), rules)
    timeline.meet_deadlines(twin, head.reached, rules)
    return twin.grounds


def _standing(found: Grounds) -> dict[str, Any]:
    given, until = found.given, found.held_until
    return {
        "at": rfc3339(found.at),
        "terms": found.terms or None,
        "mode": found.mode,
        "held_until": rfc3339(until) if 0 < until < NEVER else None,
        "given": given
        and {"tier": given.tier, "until": None if given.until == NEVER else rfc3339(given.until), "way": found.way},
    }


def of_level(head: Head, start: int, rows: dict[int, list[dict[str, Any]]], rules: Rules) -> dict[str, Any]:
    """Return the record of a level decision that led from level *start*; *rows* is the evidence for every level.

    Its outcome follows from `measures` and `ladder`: the highest level whose thresholds, and those below, hold; `keep`
    counts up to the level `before`, `enter` above; for level 1, where it asks for something, `keep` counts only if
    `before` is higher, and it is the outcome whatever it asks. A threshold fails where there is no such measure; one
    that the policy lets pass without evidence is left out then.
    """
    above = [row for level, found in rows.items() if level <= head.level + 1 for row in levels.lacking(found)]
    return {
        "policy": rules.hash,
        "rule": f"cx-level:{head.level}",
        "measures": {
            row["measure"]: row["value"] for found in rows.values() for row in found if row["value"] is not None
        },
        "ladder": [
            _level(level, frozenset(row["measure"] for row in found if row["value"] is None and row["ok"]), rules)
            for level, found in rows.items()
        ],
        "before": str(start),
        "after": str(head.level),
        "failed": [f"{row['measure']} {row['comparison']} {row['needed']}" for row in above],
        "next_rung": str(head.level + 1) if head.level + 1 in rows else None,
    }


@lru_cache
def _level(level: int, passes: frozenset[str], rules: Rules) -> dict[str, Any]:
    """Return what *level* takes but for the measures that pass without evidence; all records share it."""
    asked = rules.levels[level]
    every = tuple(one for one in asked.all if one.measure not in passes)
    ways: list[tuple[Condition, ...]] = [every]
    if asked.any:
        ways = [every if one.measure in passes else (*every, one) for one in asked.any]
    return {
        "name": str(level),
        "enter": [{one.measure: one.reach for one in way} for way in ways],
        "keep": [{one.measure: one.keep for one in way} for way in ways],
        "at_most": [one.measure for one in (*asked.all, *asked.any) if one.at_most and one.measure not in passes],
    }


def _counted(customer: Customer, found: Grounds) -> tuple[list[dict[str, str]], dict[str, Any] | None]:
    """Return the newest orders that counted by id, oldest first, and the rest as days, number and sum."""
    held: list[dict[str, str]] = []
    buckets = {day: [bucket.spend, bucket.orders] for day, bucket in found.days.items()}
    for key, order in reversed(found.orders.items()):  # in the order of time
        if len(held) == DECISIVE_MAX or order.at < customer.floor:  # what is in the base is no event any more
            break
        if order.at > found.at or not order.qualifying or order.day not in buckets:
            continue
        held.append({"source": parted(key)[1], "id": order.id})
        buckets[order.day][0] -= order.qualifying
        buckets[order.day][1] -= 1
    left = {day: bucket for day, bucket in buckets.items() if any(bucket)}
    if not left:
        return held[::-1], None
    spend, count = (sum(part) for part in zip(*left.values(), strict=True))
    return held[::-1], {"first": iso_day(min(left)), "last": iso_day(max(left)), "count": count, "amount": spend}
