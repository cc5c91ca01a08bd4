"""Orders: what they add to a local day, and what refunds and cancellations take away from that same day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cx import points, tiers
from cx.amounts import qualifying
from cx.moments import Purchased, joined, parted
from cx.state import LOOK_AGAIN, Day, Order

if TYPE_CHECKING:
    from cx.moments import Cancelled, Key, Refunded
    from cx.rules import Rules
    from cx.state import Head


DIGITAL: Final = frozenset({"web", "app"})  # channels of which nobody of ours is a part


class Undone(msgspec.Struct, frozen=True, gc=False):
    """What was undone of an order: its place in the total order, its day, and what counts less of that day."""

    key: Key
    day: int
    less: Day


def order_key(source: str, order: str) -> str:
    """Return the business key under which an order is known; another source may number its orders alike."""
    return joined(order, source)


def purchase(head: Head, moment: Purchased, rules: Rules) -> str:
    """Add an order to its day and return its key. The caller has made sure that the order is new."""
    forget_orders(head, moment.at, rules)
    lines = [(line.id, line.category, line.amount) for line in moment.lines]
    excluded = rules.policy.spend.excluded_payments
    order = Order(
        id=moment.id,
        content=moment.content,
        at=moment.at,
        day=rules.calendar.day(moment.at),
        lines=tuple(lines),
        shipping=moment.shipping,
        tax=moment.tax,
        paid=sum([amount for _, _, amount in lines]) + moment.shipping + moment.tax,
        not_money=sum([amount for kind, amount in moment.not_money if kind in excluded]),
        qualifying=0,
        visit=moment.channel in rules.visit_channels,
        currency=moment.currency,
        digital=moment.channel in DIGITAL,
    )
    lot = points.lot_of(order, moment.channel, head.tier or rules.rungs[0].name, rules)
    order = msgspec.structs.replace(order, qualifying=qualifying(order, rules), lot=lot)
    key = order_key(moment.source, moment.order)
    if key in head.open_orders:  # an id used again after its horizon: the orders stay in the order of time
        points.close(head, head.open_orders.pop(key), rules)
    head.open_orders[key] = order
    tiers.count(head, order.day, Day(order.qualifying, 1, int(order.visit), lot.points if lot else 0), 1, rules)
    return key


def refund(head: Head, moment: Refunded, rules: Rules) -> Undone | None:
    """Take a refund from the day of its purchase; return None, changing nothing, where less than that is left."""
    key = order_key(moment.source, moment.order)
    order = head.open_orders[key]
    if not (moment.lines or moment.shipping or moment.tax):
        return _take_all(head, key, moment, rules)
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
    return _take(head, key, smaller, moment, rules)


def cancel(head: Head, moment: Cancelled, rules: Rules) -> Undone | None:
    """Undo what is left of an order; a second cancellation finds nothing, changes nothing and returns None."""
    key = order_key(moment.source, moment.order)
    return _take_all(head, key, moment, rules)


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
        points.close(head, head.open_orders.pop(oldest), rules)


def _take_all(head: Head, key: str, moment: Refunded | Cancelled, rules: Rules) -> Undone | None:
    order = head.open_orders[key]
    if order.undone:
        return None
    lines = tuple((line_id, category, 0) for line_id, category, _ in order.lines)
    # `paid` of nothing marks a free order as undone, so that it is counted out only once.
    emptied = msgspec.structs.replace(order, lines=lines, shipping=0, tax=0, paid=order.paid or -1)
    return _take(head, key, emptied, moment, rules)


def _take(head: Head, key: str, smaller: Order, moment: Refunded | Cancelled, rules: Rules) -> Undone:
    before = head.open_orders[key]
    now = head.open_orders[key] = msgspec.structs.replace(smaller, qualifying=qualifying(smaller, rules))
    gone = 0 if now.left else 1
    fewer = points.undo(head, key, moment, rules)
    less = Day(before.qualifying - now.qualifying, gone, gone if now.visit else 0, fewer)
    tiers.count(head, now.day, less, -1, rules)
    head.tier_due = LOOK_AGAIN  # with less in the window the tier may fall sooner
    place = (now.at, Purchased.RANK, parted(key)[1], now.id)
    return Undone(place, now.day, less)
