"""A customer's weeks: how they stood after their last event of each, as far back as a state can tell."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from cx import scores, timeline
from cx.rules import DIMENSIONS
from cx.state import head_of

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Customer, Head

WEEK: Final = 7
_PLACES: Final = range(len(DIMENSIONS))


class Stand(NamedTuple):
    """How a customer stood; the scores, 0 to 100, as of the day of the event."""

    store: str
    channel: str
    level: int
    scores: tuple[int, ...]


class Told(NamedTuple):
    """All that a state says of the week `first` and those after it; None where it says all that there ever was.

    What was counted of these weeks before is replaced: an event that came late may have changed any of them. The last
    event was at the instant `at`.
    """

    first: int | None
    weeks: dict[int, Stand]
    at: int


def week_of(at: int, rules: Rules) -> int:
    """Return the local week of an instant, by the ordinal of its Monday."""
    return monday(rules.calendar.day(at))


def monday(day: int) -> int:
    """Return the Monday on or before a local day; both are ordinals."""
    return day - (day - 1) % WEEK


def stand(head: Head, at: int, rules: Rules) -> Stand:
    """Return how a customer stood after their event at the instant *at*, with *head* as of then."""
    day = rules.calendar.day(at)
    return Stand(*head.place, head.level, tuple([scores.score(head, place, day, rules) for place in _PLACES]))


def told(customer: Customer, rules: Rules) -> Told:
    """Return the weeks that *customer* can tell of: those since the last event in the base, and that one's.

    What time alone did to them after a week's last event is no part of it, unless in the same instant. A state of
    another policy is folded by this one, as a worker does when an event comes late.
    """
    first, weeks, last = None, dict[int, Stand](), 0
    base = head_of(customer.base)
    if customer.base:
        last = customer.floor - 1  # instant of the last event in it
        first = week_of(last, rules)
        timeline.meet_deadlines(base, last, rules)
        weeks[first] = stand(base, last, rules)
    answers = dict(customer.told.answers)
    recent = customer.recent
    for week, own in groupby(recent, key=lambda moment: week_of(moment.at, rules)):
        moments = list(own)
        last = moments[-1].at
        head = base
        if moments[-1] is recent[-1] and customer.head.reached == last:
            head = customer.head  # what folding them would come to
        else:
            timeline.fold(base, moments, answers, rules)
            timeline.meet_deadlines(base, last, rules)
        weeks[week] = stand(head, last, rules)
    return Told(first, weeks, last)
