"""States of earlier formats, brought into the form of today as plain data: what was written once is read for ever."""

from __future__ import annotations

from typing import Any, Final

FIRST: Final = 1  # a ladder over one rolling window, and no points
BASE: Final = 5  # the place of the base in a customer
_ADDED: Final[dict[str, list[Any]]] = {"p": [""], "f": [None, None], "t": [""]}  # to moments, by their tag


def customer_of_first(data: list[Any]) -> list[Any]:
    """Return a customer of format 1 in the form of format 2; the base, which is encoded, is left as it was."""
    id_, version, policy, floor, settled, encoded, recent, head, told, kept = data
    return [id_, version, policy, floor, settled, encoded, [*map(_moment, recent)], head_of_first(head), told, kept]


def head_of_first(data: list[Any]) -> list[Any]:
    """Return a head of format 1 in the form of format 2."""
    known, rest = data[:7], data[15:]
    tier, tier_since, tier_due, history, days, spend, orders, open_orders = data[7:15]
    waiting, entitlements = rest[0], rest[9]
    standing = [tier, tier_since]
    counted = [spend, orders]
    return [
        *known,
        standing,
        tier_due,
        history,
        {day: [*bucket] for day, bucket in days.items()},
        0,  # the window moves on from here with the next event
        counted,
        {},
        [],
        open_orders,
        {what: [*map(_moment, moments)] for what, moments in waiting.items()},
        *rest[1:9],
        {key: _entitlement(owed) for key, owed in entitlements.items()},
    ]


def _moment(data: list[Any]) -> list[Any]:
    """Return a moment with what has been added since: the currency of a purchase, what a feedback is about, a store."""
    return [*data[:-1], *_ADDED.get(data[0], ()), data[-1]]


def _entitlement(data: list[Any]) -> list[Any]:
    *known, spend, orders, lost = data
    return [*known, {"spend": spend, "orders": orders}, lost]
