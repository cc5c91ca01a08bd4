"""Measures of the CX levels: the value of each as of an instant, and when time alone carries it over a bound."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from cx import cases, contacts, rhythm, scores, tiers
from cx.rules import DIMENSIONS
from cx.state import NEVER

if TYPE_CHECKING:
    from cx.rules import Rules
    from cx.state import Head

PROMOTER_MIN = 9


def measure(head: Head, name: str, at: int, rules: Rules) -> int | None:
    """Return the value of a measure as of *at*, or None where there is no evidence for it."""
    return READERS[name](head, at, rules)


def turns_at(head: Head, name: str, bound: int, at: int, rules: Rules) -> int:
    """Return the first instant after *at* at which time alone carries a measure over *bound*, or `NEVER`.

    That is where it comes to be at least *bound*, or to be less, which it was not before.
    """
    turns = TURNS.get(name)
    return turns(head, bound, at, rules) if turns else NEVER


def _score(place: int, head: Head, at: int, rules: Rules) -> int:
    return scores.score(head, place, rules.calendar.day(at), rules)


def _score_turns(place: int, head: Head, bound: int, at: int, rules: Rules) -> int:
    day = scores.crosses(head, place, bound, rules.calendar.day(at), rules)
    return NEVER if day is None else rules.calendar.start(day)


def _orders_turn(head: Head, bound: int, at: int, rules: Rules) -> int:
    return tiers.orders_leave(head, bound - 1, at, rules)


def _in_rhythm(head: Head, at: int, rules: Rules) -> int | None:
    silent = rhythm.silent_from(head, rules)
    return None if silent is None else int(rules.calendar.day(at) < silent)


def _rhythm_turns(head: Head, bound: int, at: int, rules: Rules) -> int:
    silent = rhythm.silent_from(head, rules) if bound == 1 else None
    if silent is None or silent <= rules.calendar.day(at):
        return NEVER
    return rules.calendar.start(silent)


def _late_cases(head: Head, at: int, _rules: Rules) -> int:
    return sum(at > due for due in cases.dues(head)) if head.waits else 0


def _late_cases_turn(head: Head, bound: int, at: int, _rules: Rules) -> int:
    dues = cases.dues(head)
    late = dues[bound - 1] + 1 if 0 < bound <= len(dues) else NEVER  # an answer in the instant itself is in time
    return late if late > at else NEVER


def _seams(head: Head, at: int, _rules: Rules) -> int:
    return cases.seams(head, at) if head.cases else 0


def _seams_turn(head: Head, bound: int, at: int, _rules: Rules) -> int:
    ends = sorted(end for end in cases.seam_ends(head) if end > at)
    return ends[-bound] if 0 < bound <= len(ends) else NEVER


def _answered_in_time(head: Head, at: int, rules: Rules) -> int | None:
    counts = head.counts
    answered = counts.get("answered", 0)
    if head.waits:
        answered += _late_cases(head, at, rules)
    return counts.get("answered_in_time", 0) * 100 // answered if answered else None


def _answered_in_time_turns(head: Head, bound: int, at: int, rules: Rules) -> int:
    if not head.waits:
        return NEVER
    in_time, answered = head.counts.get("answered_in_time", 0), head.counts.get("answered", 0)
    if not answered and not _late_cases(head, at, rules):
        return _late_cases_turn(head, 1, at, rules)
    return _late_cases_turn(head, in_time * 100 // bound + 1 - answered, at, rules) if bound > 0 else NEVER


def _resolved_for_good(head: Head, _at: int, _rules: Rules) -> int | None:
    counts = head.counts
    done = counts.get("resolved", 0)
    return (done - counts.get("came_back", 0)) * 100 // done if done else None


def _last(instrument: str, head: Head, _at: int, _rules: Rules) -> int | None:
    answers = head.feedback.get(instrument)
    return answers[0][0] if answers else None


def _nps_rise(head: Head, _at: int, _rules: Rules) -> int | None:
    answers = head.feedback.get("nps", ())
    return answers[0][0] - answers[1][0] if len(answers) > 1 else None


def _promoter_streak(head: Head, _at: int, _rules: Rules) -> int:
    streak = 0
    for score, _ in head.feedback.get("nps", ()):
        if score < PROMOTER_MIN:
            break
        streak += 1
    return streak


Reader = Callable[["Head", int, "Rules"], int | None]
READERS: Final[dict[str, Reader]] = {
    "channels": lambda head, _at, _rules: len(head.channels),
    "informed_pct": lambda head, _at, _rules: contacts.informed_pct(head),
    "answered_in_time_pct": _answered_in_time,
    "resolved_for_good_pct": _resolved_for_good,
    "last_ces": partial(_last, "ces"),
    "last_csat": partial(_last, "csat"),
    "orders": lambda head, _at, _rules: head.counted.orders,
    "in_rhythm": _in_rhythm,
    **{name: partial(_score, place) for place, name in enumerate(DIMENSIONS)},
    "open_cases": lambda head, _at, _rules: cases.open_count(head) if head.cases else 0,
    "open_detractor_cases": lambda head, _at, _rules: cases.open_count(head, detractors=True) if head.cases else 0,
    "late_cases": _late_cases,
    "seams": _seams,
    "care_accepted": lambda head, _at, _rules: head.counts.get("care_accepted", 0),
    "contacts_rise": lambda head, _at, _rules: contacts.rise(head),
    "nps_rise": _nps_rise,
    "promoter_streak": _promoter_streak,
    "advocacy": lambda head, _at, _rules: head.counts.get("advocacy", 0),
}
# What time alone changes, as `cx.rules.FADING` has it.
TURNS: Final[dict[str, Callable[[Head, int, int, Rules], int]]] = {
    "orders": _orders_turn,
    "answered_in_time_pct": _answered_in_time_turns,
    "in_rhythm": _rhythm_turns,
    "late_cases": _late_cases_turn,
    "seams": _seams_turn,
    **{name: partial(_score_turns, place) for place, name in enumerate(DIMENSIONS)},
}
