"""The five dimension scores: decayed weighted means of what happened, pulled towards a prior, all in integers."""

from __future__ import annotations

from bisect import bisect_right
from operator import neg
from typing import TYPE_CHECKING

from cx import alerts
from cx.calendar import iso_day
from cx.rules import DIMENSIONS, UNIT
from cx.state import Alert

if TYPE_CHECKING:
    from cx.moments import FeedbackGiven
    from cx.rules import Rules
    from cx.state import Head

# Lowest and highest answer of each instrument, and 100 for the best of them.
_SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "review": (1, 5)}


def signal(
    head: Head,
    name: str,
    at: int,
    rules: Rules,
    *,
    score_pct: int | None = None,
    only: str | None = None,
    cause: str = "",
) -> None:
    """Let the signal *name* move the dimensions that the policy's table says.

    *score_pct* stands in where the table says `score`; *only* names the dimension a feedback was about, which
    then takes all of it. *cause* is the id of the event.
    """
    items = rules.signals.get(name)
    if items is None:
        return
    day = rules.calendar.day(at)
    scores = list(head.scores)
    lowered = []  # dimension, and where it stood before
    for dimension, fixed, weight, watched in items:
        value = fixed if fixed is not None else score_pct
        if value is None:
            continue
        place = DIMENSIONS.index(only) if only else dimension
        total, weights, last = scores[place]
        if day > last:
            total, weights = _decayed(total, weights, day - last, rules)
        if watched and value * (weights + rules.prior_weight) < total + rules.prior_value * rules.prior_weight:
            lowered.append((place, score(head, place, day, rules)))
        scores[place] = (total + value * weight * UNIT, weights + weight * UNIT, max(day, last))
    head.scores = tuple(scores)
    for place, before in lowered:
        _fell(head, place, before, (at, cause), rules)


def _fell(head: Head, place: int, before: int, moved: tuple[int, str], rules: Rules) -> None:
    """Look how far a score has fallen that an event, *moved* its instant and id, lowers from where it stood *before*.

    It falls from its crest: the highest that it stood at, of late, when something lowered it. So fading is no fall.
    """
    at, cause = moved
    care, day, crest = rules.care, rules.calendar.day(at), head.crests[place]
    if crest[1] < day - care.fall_days or before >= crest[0]:
        crest = (before, day)
    after = score(head, place, day, rules)
    if crest[0] - after >= care.fall:
        name, since = DIMENSIONS[place], iso_day(crest[1])
        facts: dict[str, int | str] = {"dimension": name, "from": crest[0], "to": after, "since": since}
        alerts.put(head, f"{alerts.FALLS}/{name}/{iso_day(day)}", Alert(at, facts, cause=cause), rules)
        crest = (after, day)
    head.crests = (*head.crests[:place], crest, *head.crests[place + 1 :])


def scaled(moment: FeedbackGiven) -> int | None:
    """Return a feedback's score on a scale of 0 to 100; None for a complaint."""
    if moment.score is None:
        return None
    low, high = _SCALES[moment.instrument]
    return (moment.score - low) * 100 // (high - low)


def feedback(head: Head, moment: FeedbackGiven, rules: Rules) -> None:
    """Let a feedback move its dimension, and remember the last two answers per instrument."""
    score_pct = scaled(moment)
    if moment.score is not None:
        before = head.feedback.get(moment.instrument, ())
        head.feedback[moment.instrument] = ((moment.score, moment.at), *before[:1])
    signal(head, moment.instrument, moment.at, rules, score_pct=score_pct, only=moment.dimension, cause=moment.id)


def shown(head: Head, at: int, rules: Rules) -> dict[str, int]:
    """Return the scores, 0 to 100, as of the instant *at*."""
    day = rules.calendar.day(at)
    return {name: score(head, place, day, rules) for place, name in enumerate(DIMENSIONS)}


def score(head: Head, place: int, day: int, rules: Rules) -> int:
    """Return one dimension's score as of a local *day*, rounded half up."""
    total, weights, last = head.scores[place]
    if day > last:
        total, weights = _decayed(total, weights, day - last, rules)
    weights += rules.prior_weight
    return (2 * (total + rules.prior_value * rules.prior_weight) + weights) // (2 * weights)


def crosses(head: Head, place: int, bound: int, day: int, rules: Rules) -> int | None:
    """Return the first local day after *day* on which a fading score stands on the other side of *bound*.

    A score only ever goes towards the prior, so that it crosses once or never, which is None.
    """
    above = score(head, place, day, rules) >= bound
    if above == (rules.prior_value >= bound):
        return None
    total, weights, last = head.scores[place]
    # Without rounding: where the factor of the decay has come down to this.
    half = 2 * bound - 1
    factor = rules.prior_weight * (half - 2 * rules.prior_value) * UNIT // (2 * total - half * weights or 1)
    found = max(last + bisect_right(rules.decay, -factor, key=neg), day + 1)
    while found < last + len(rules.decay) and (score(head, place, found, rules) >= bound) == above:
        found += 1
    while found > day + 1 and (score(head, place, found - 1, rules) >= bound) != above:
        found -= 1
    return found


def _decayed(total: int, weights: int, days: int, rules: Rules) -> tuple[int, int]:
    if days >= len(rules.decay):
        return 0, 0
    factor = rules.decay[days]
    return total * factor // UNIT, weights * factor // UNIT
