"""Why a tier is what it is: a customer's state as of an instant, and the orders, word and change that it rests on."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from cx import tiers, timeline
from cx.calendar import iso_day, rfc3339
from cx.moments import parted
from cx.periods import Rolling
from cx.state import NEVER, head_of
from cx.view import as_of, state_of

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Customer, Given, Head, Order


def grounds(customer: Customer, at: int, rules: Rules) -> dict[str, Any]:
    """Return the state as of the instant *at*, and beside it what the tier rests on.

    `window` has the first and the last day that count, and the last of the period, if it ends. `orders` are those that
    can still be named, oldest first; `rest` is all else that counts, days brought along too. `given` is the word of a
    person, `failing_since` says when a respite began, `change` is the last one, with its order if one brought it.
    """
    head = as_of(customer.head, at, rules)
    counted = [(parted(key)[0], order) for key, order in head.open_orders.items() if _counts(order, head)]
    change = head.history[-1] if head.history else None
    return {
        **state_of(customer, at, rules),
        "window": _window(head, rules.calendar.day(at), rules),
        "orders": [
            {"order": name, "day": iso_day(order.day), "amount": order.qualifying, "id": order.id}
            for name, order in counted
        ],
        "rest": _rest(head, [order for _, order in counted]),
        "given": _given(head.standing.given),
        "failing_since": rfc3339(head.standing.failing) if head.standing.failing else None,
        "change": change
        and {
            "at": rfc3339(change.at),
            "from": change.before,
            "to": change.after,
            "reason": change.reason,
            "order": _order_of(change.cause, head),
        },
    }


def looked_back(customer: Customer, at: int, rules: Rules) -> Customer | None:
    """Return *customer* as of the instant *at*, by the events up to then; None where these are not told apart any more.

    Also later instants than the last can be looked at: nothing more happens until then.
    """
    if at < customer.floor:
        return None
    twin = copy.copy(customer)
    twin.recent = tuple(moment for moment in customer.recent if moment.at <= at)
    twin.head = head_of(customer.base)
    timeline.fold(twin.head, twin.recent, dict(customer.told.answers), rules)
    timeline.meet_deadlines(twin.head, at, rules)
    return twin


def _window(head: Head, day: int, rules: Rules) -> dict[str, Any]:
    rolls = isinstance(rules.window, Rolling)
    ends = None if rolls else iso_day(rules.window.following(day, tiers.joined(head, rules), day) - 1)
    return {"first": iso_day(head.window), "last": iso_day(day), "ends": ends}


def _counts(order: Order, head: Head) -> bool:
    return order.day in head.days and not order.undone


def _rest(head: Head, orders: list[Order]) -> dict[str, Any] | None:
    buckets = {day: [bucket.spend, bucket.orders, bucket.visits] for day, bucket in head.days.items()}
    for order in orders:
        bucket = buckets[order.day]
        bucket[0] -= order.qualifying
        bucket[1] -= 1
        bucket[2] -= order.visit
    left = {day: bucket for day, bucket in buckets.items() if any(bucket)}
    if not left:
        return None
    return {
        "first": iso_day(min(left)),
        "last": iso_day(max(left)),
        "orders": sum(bucket[1] for bucket in left.values()),
        "amount": sum(bucket[0] for bucket in left.values()),
    }


def _given(given: Given | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {
        "tier": given.tier,
        "until": None if given.until == NEVER else rfc3339(given.until),
        "pinned": given.pinned,
        "reason": given.reason,
        "person": given.person,
    }


def _order_of(event: str, head: Head) -> str | None:
    found = (parted(key)[0] for key, order in head.open_orders.items() if order.id == event)
    return next(found, None)
