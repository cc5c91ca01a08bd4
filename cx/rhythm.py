"""A customer's own rhythm: how many days usually lie between their orders, and from when on it is a silence."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Head

GAPS_MAX: Final = 8


def bought(head: Head, day: int) -> None:
    """Remember the local *day* of an order; more orders of one day are one visit to the shop."""
    if not head.rhythm or day > head.rhythm[-1]:
        head.rhythm = (*head.rhythm[-GAPS_MAX:], day)


def silent_from(head: Head, rules: Rules) -> int | None:
    """Return the first local day on which the time since the last order is out of the customer's rhythm.

    That is when more than `rules.rhythm_pct` per cent of the median of the last gaps have gone by; None for whom too
    few gaps are known.
    """
    days = head.rhythm
    gaps = sorted(after - before for before, after in pairwise(days))
    if len(gaps) < rules.rhythm_least:
        return None
    twice = gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]  # the median is half of it
    return days[-1] + twice * rules.rhythm_pct // 200 + 1
