"""Decision records: why a tier, a level or a reward is what it is, so that anyone can work it out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cx import orders, progress, tiers
from cx.calendar import iso_day, rfc3339
from cx.moments import Purchased
from cx.state import NEVER

if TYPE_CHECKING:
    from cx.rules import Condition, Rules, Rung
    from cx.state import Customer, Head

DECISIVE_MAX = 20


def of_tier(customer: Customer, head: Head, before: str, rules: Rules) -> dict[str, Any]:
    """Return the record of a tier decision, as of the last thing folded.

    Its outcome follows from `measures`, `ladder` and `guards`: the highest rung whose thresholds, and those below,
    are reached; where a guard holds promotion back, no rung above `before`.
    """
    at = head.reached
    guards = tiers.guards(head, at, rules)
    first, last = head.window, rules.calendar.day(at)
    due = progress.lost_at(head, at, rules)
    missing = tiers.missing(head, at, rules)
    following = rules.rungs[rules.rung_of(missing[0])] if missing else None
    decisive, rest = _counted(customer, head, first, last)
    return {
        "policy": rules.hash,
        "rule": f"tier:{head.tier}",
        "window": {"first": iso_day(first), "last": iso_day(last)},
        "measures": tiers.measures(head, at, rules),
        "ladder": [
            {"name": rung.name, "enter": rung.enter, "keep": rung.keep, "at_most": sorted(rules.at_most)}
            for rung in rules.rungs
        ],
        "guards": guards,
        "before": head.tier if any(guards.values()) else before,
        "after": head.tier,
        "decisive": decisive,
        "rest": rest,
        "failed": _failed(tiers.measures(head, at, rules), following, guards, rules),
        "missing": missing[1] if missing else {},
        "next_rung": missing[0] if missing else None,
        "next_deadline": None if due == NEVER else rfc3339(due),
    }


def of_level(head: Head, start: int, rows: dict[int, list[dict[str, Any]]], rules: Rules) -> dict[str, Any]:
    """Return the record of a level decision that led from level *start*; *rows* is the evidence for every level.

    Its outcome follows from `measures` and `ladder`: the highest level whose thresholds, and those below, hold; `keep`
    counts up to the level `before`, `enter` above. A threshold fails where there is no such measure; one that the
    policy lets pass without evidence is left out then.
    """
    above = rows.get(head.level + 1, [])
    return {
        "policy": rules.hash,
        "rule": f"cx-level:{head.level}",
        "measures": {
            row["measure"]: row["value"] for found in rows.values() for row in found if row["value"] is not None
        },
        "ladder": [_level(level, rules.levels[level], found) for level, found in rows.items()],
        "before": str(start),
        "after": str(head.level),
        "failed": [f"{row['measure']} {row['comparison']} {row['needed']}" for row in above if not row["ok"]],
        "next_rung": str(head.level + 1) if above else None,
    }


def _level(level: int, conditions: tuple[Condition, ...], rows: list[dict[str, Any]]) -> dict[str, Any]:
    asked = [
        condition for condition, row in zip(conditions, rows, strict=True) if row["value"] is not None or not row["ok"]
    ]
    return {
        "name": str(level),
        "enter": [{condition.measure: condition.reach for condition in asked}],
        "keep": [{condition.measure: condition.keep for condition in asked}],
        "at_most": [condition.measure for condition in asked if condition.at_most],
    }


def _failed(values: dict[str, int], following: Rung | None, guards: dict[str, bool], rules: Rules) -> list[str]:
    failed = []
    if following is not None:
        bounds, short = tiers.nearest(values, following.enter, rules)
        failed = [f"{name} {'<=' if name in rules.at_most else '>='} {bounds[name]}" for name in short]
    return failed + [f"no {name}" for name, holds in guards.items() if holds]


def _counted(
    customer: Customer, head: Head, first: int, last: int
) -> tuple[list[dict[str, str]], dict[str, Any] | None]:
    """Return the newest counted orders by id, oldest first, and the rest as days, number and sum."""
    held: list[dict[str, str]] = []
    spend, count = head.counted.spend, head.counted.orders
    buckets = {day: [bucket.spend, bucket.orders] for day, bucket in head.days.items() if first <= day <= last}
    for moment in reversed(customer.recent):
        if len(held) == DECISIVE_MAX:
            break
        if not isinstance(moment, Purchased) or moment.at > head.reached:
            continue
        order = head.open_orders.get(orders.order_key(moment.source, moment.order))
        if order is None or order.id != moment.id or not order.qualifying or order.day not in buckets:
            continue
        held.append({"source": moment.source, "id": moment.id})
        spend, count = spend - order.qualifying, count - 1
        buckets[order.day][0] -= order.qualifying
        buckets[order.day][1] -= 1
    left = [day for day, bucket in buckets.items() if bucket[0] or bucket[1]]
    rest = {"first": iso_day(left[0]), "last": iso_day(left[-1]), "count": count, "amount": spend} if left else None
    return held[::-1], rest
