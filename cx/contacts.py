"""Contacts: how often a customer had to ask, whether a case followed, and how many contacts an order takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cx.calendar import DAY
from cx.state import Informed

if TYPE_CHECKING:
    from cx.state import Head

CASE_DAYS: Final = 7  # a contact led to a case that was opened within so many days
OPEN_MAX: Final = 32  # of contacts that a case may yet follow; of more, the oldest is taken to have been enough
ORDERS_MAX: Final = 6  # those between which contacts are counted: three, and the three before


def asked(head: Head, at: int) -> None:
    """Note that the customer looked for information; it was enough until a case follows."""
    informed = head.informed
    still = [one for one in informed.open if one >= at - CASE_DAYS * DAY]
    head.informed = Informed(informed.asked + 1, informed.led, (*still, at)[-OPEN_MAX:])
    contacted(head)


def case_opened(head: Head, at: int) -> None:
    """Note that a case was opened: what was asked in the days before was not enough."""
    informed = head.informed
    if informed.open:
        led = sum(one >= at - CASE_DAYS * DAY for one in informed.open)
        head.informed = Informed(informed.asked, informed.led + led)
    contacted(head)


def contacted(head: Head) -> None:
    """Count one contact more since the last order; before the first there is nothing to count from."""
    if head.contacts:
        head.contacts = (*head.contacts[:-1], head.contacts[-1] + 1)


def bought(head: Head) -> None:
    """Begin to count anew: from this order to the next."""
    head.contacts = (*head.contacts[1 - ORDERS_MAX :], 0)


def informed_pct(head: Head) -> int | None:
    """Return the share of what was asked that ended without a case."""
    informed = head.informed
    return (informed.asked - informed.led) * 100 // informed.asked if informed.asked else None


def rise(head: Head) -> int | None:
    """Return how many contacts more there were since the third order from the last than between the three before."""
    half = ORDERS_MAX // 2
    return sum(head.contacts[half:]) - sum(head.contacts[:half]) if len(head.contacts) == ORDERS_MAX else None
