"""Orders: what they add to a local day, and what refunds and cancellations take away from that same day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cx.state import LOOK_AGAIN, Order

if TYPE_CHECKING:
    from cx.moments import Cancelled, Purchased, Refunded
    from cx.rules import Rules
    from cx.state import Head


class Undone(msgspec.Struct, frozen=True):
    """What a refund or a cancellation took: when and on which day it had been bought, and how much counts less."""

    at: int
    day: int
    spend: int
    orders: int


def order_key(source: str, order: str) -> str:
    """Return the business key under which an order is known; another source may number its orders alike."""
    return f"{order}\n{source}"


def purchase(head: Head, moment: Purchased, rules: Rules) -> None:
    """Add an order to its day. The caller has made sure that the order is new."""
    forget_orders(head, moment.at, rules)
    excluded = rules.policy.spend.excluded_payments
    order = Order(
        id=moment.id,
        content=moment.content,
        at=moment.at,
        day=rules.calendar.day(moment.at),
        lines=tuple((line.id, line.category, line.amount) for line in moment.lines),
        shipping=moment.shipping,
        tax=moment.tax,
        paid=sum(line.amount for line in moment.lines) + moment.shipping + moment.tax,
        not_money=sum(amount for kind, amount in moment.not_money if kind in excluded),
        qualifying=0,
    )
    order = msgspec.structs.replace(order, qualifying=_qualifying(order, rules))
    key = order_key(moment.source, moment.order)
    head.open_orders.pop(key, None)  # an id used again after its horizon: the orders stay in the order of time
    head.open_orders[key] = order
    spend, orders = head.days.get(order.day, (0, 0))
    head.days[order.day] = (spend + order.qualifying, orders + 1)
    head.spend += order.qualifying
    head.orders += 1


def refund(head: Head, moment: Refunded, rules: Rules) -> Undone | None:
    """Take a refund from the day of its purchase; return None, changing nothing, where less than that is left."""
    key = order_key(moment.source, moment.order)
    order = head.open_orders[key]
    if not (moment.lines or moment.shipping or moment.tax):
        return _take_all(head, key, order, rules)
    lines = {line_id: (category, amount) for line_id, category, amount in order.lines}
    for line_id, amount in moment.lines:
        category, left = lines.get(line_id, ("", 0))
        if amount > left:
            return None
        lines[line_id] = (category, left - amount)
    if moment.shipping > order.shipping or moment.tax > order.tax:
        return None
    smaller = msgspec.structs.replace(
        order,
        lines=tuple((line_id, category, amount) for line_id, (category, amount) in lines.items()),
        shipping=order.shipping - moment.shipping,
        tax=order.tax - moment.tax,
    )
    return _take(head, key, order, smaller, rules)


def cancel(head: Head, moment: Cancelled, rules: Rules) -> Undone | None:
    """Undo what is left of an order; a second cancellation finds nothing, changes nothing and returns None."""
    key = order_key(moment.source, moment.order)
    return _take_all(head, key, head.open_orders[key], rules)


def knows(head: Head, moment: Refunded | Cancelled, rules: Rules) -> bool:
    """Tell whether the order that *moment* names is known and still within the refund horizon."""
    order = head.open_orders.get(order_key(moment.source, moment.order))
    return order is not None and moment.at < order.at + rules.refund_horizon


def forget_orders(head: Head, at: int, rules: Rules) -> None:
    """Drop the orders that nothing can name any more at *at*; a late event looks back from its own time."""
    edge = at - rules.refund_horizon - rules.lateness
    while head.open_orders:
        oldest = next(iter(head.open_orders))  # orders were opened in the order of time
        if head.open_orders[oldest].at > edge:
            return
        del head.open_orders[oldest]


def _take_all(head: Head, key: str, order: Order, rules: Rules) -> Undone | None:
    if not order.left and order.paid:
        return None
    lines = tuple((line_id, category, 0) for line_id, category, _ in order.lines)
    # `paid` of nothing marks a free order as undone, so that it is counted out only once.
    emptied = msgspec.structs.replace(order, lines=lines, shipping=0, tax=0, paid=order.paid or -1)
    return _take(head, key, order, emptied, rules)


def _take(head: Head, key: str, order: Order, smaller: Order, rules: Rules) -> Undone:
    smaller = msgspec.structs.replace(smaller, qualifying=_qualifying(smaller, rules))
    head.open_orders[key] = smaller
    undone = Undone(order.at, order.day, order.qualifying - smaller.qualifying, 0 if smaller.left else 1)
    bucket = head.days.get(order.day)
    if bucket is not None:  # else its day has left the window already
        head.days[order.day] = (bucket[0] - undone.spend, bucket[1] - undone.orders)
        head.spend -= undone.spend
        head.orders -= undone.orders
        head.tier_due = LOOK_AGAIN  # with less in the window the tier may fall sooner
    return undone


def _qualifying(order: Order, rules: Rules) -> int:
    """Return what the order, as far as it is left, counts towards a tier, less the share not paid in money."""
    spend = rules.policy.spend
    amount = sum(left for _, category, left in order.lines if category not in spend.excluded_categories)
    amount += order.shipping if spend.shipping else 0
    amount += order.tax if spend.tax else 0
    if order.not_money and order.paid > 0:
        amount -= amount * min(order.not_money, order.paid) // order.paid
    return amount
