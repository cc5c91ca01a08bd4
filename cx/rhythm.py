"""A customer's own rhythm: how many days usually lie between their orders, and from when on it is a silence."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from operator import sub
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Head

GAPS_MAX: Final = 8
_LAST_DAY: Final = date.max.toordinal()


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
    return _silent_from(days, rules.rhythm_pct) if len(days) > rules.rhythm_least else None


def usual_gap(head: Head) -> int:
    """Return how many days usually lie between the customer's orders, of whom two are known at least."""
    return _twice_the_median(head.rhythm) // 2


@lru_cache(maxsize=1 << 12)  # it is asked more than once of every event
def _silent_from(days: tuple[int, ...], pct: int) -> int:
    return min(days[-1] + _twice_the_median(days) * pct // 200 + 1, _LAST_DAY)


def _twice_the_median(days: tuple[int, ...]) -> int:
    gaps: list[int] = sorted(map(sub, days[1:], days))
    return gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]
