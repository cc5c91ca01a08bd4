"""What an order is worth to the rules: the amounts that count, in minor units of the programme's currency."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from schemas.base import MONEY_MAX

if TYPE_CHECKING:
    from collections.abc import Collection

    from cx.rules import Rules
    from cx.state import Order

EXTRAS: Final = -1  # the place of shipping and tax, which are no lines
_ORDER_MAX: Final = 202 * MONEY_MAX  # 200 lines, shipping and tax, each of the largest amount


def qualifying(order: Order, rules: Rules, places: Collection[int] | None = None) -> int:
    """Return what the order, as far as it is left, counts, less the share not paid in money.

    *places* names the lines to look at, by number, and `EXTRAS`; None for all of it.
    """
    spend = rules.policy.spend
    excluded = spend.excluded_categories
    amount = 0
    for place, (_, category, left) in enumerate(order.lines):
        if category not in excluded and (places is None or place in places):
            amount += left
    if places is None or EXTRAS in places:
        amount += order.shipping if spend.shipping else 0
        amount += order.tax if spend.tax else 0
    if order.not_money and order.paid > 0:
        amount -= amount * min(order.not_money, order.paid) // order.paid
    return converted(amount, order.currency, rules) if order.currency else amount


def converted(amount: int, currency: str, rules: Rules) -> int:
    """Return *amount* of a currency that the policy knows in that of the programme, rounded down."""
    if not currency:
        return amount
    units, worth = rules.exchange[currency]
    return amount * worth // units


@lru_cache
def worth_max(rules: Rules) -> int:
    """Return the largest worth of an order, in minor units of the programme's currency.

    An order in that currency never has more, where it earns at most a point a unit. Steep rates of exchange and of
    points must not lead beyond 64 bits either: 40,000 such orders, and their points, still add up within them.
    """
    points = max((Fraction(rate.points, rate.per) for rate in rules.rates), default=Fraction(0))
    points += sum(Fraction(rate.points, rate.per) for rate in rules.campaigns)
    return int(_ORDER_MAX / max(points, Fraction(1)))
