"""Scores: what each signal adds to which dimension, how it fades, and how it is rounded."""

from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies

from cx import scores
from cx.calendar import DAY
from cx.moments import AnyMoment, Referred
from cx.rules import DIMENSIONS, UNIT
from tests.spec import (
    Spec,
    answered,
    at,
    bought,
    cancelled,
    escalated,
    feedback,
    given,
    opened,
    refunded,
    reopened,
    resolved,
    rules,
    touched,
)

START = at("2026-03-01T10:00")


def only(when: str, value: int | str, **more: Any) -> dict[str, Any]:
    """Return scores to which one signal alone contributes, against a prior of 50 that weighs 1."""
    contribution = {"when": when, "dimension": "brand", "value": value} | more
    return {"prior": {"value": 50, "weight": 1}, "contributions": [contribution]}


def shown(story: Spec, when: int) -> dict[str, int]:
    return scores.shown(story.customer.head, when, story.rules)


def brand(*moments: AnyMoment, by: dict[str, Any]) -> int:
    return shown(given(*moments, by=rules(scores=by)), moments[-1].at)["brand"]


def test_of_a_customer_without_events_the_prior_is_shown() -> None:
    assert shown(given(), START) == dict.fromkeys(DIMENSIONS, 50)


@pytest.mark.parametrize(
    ("signal", "moments"),
    [
        ("purchase", [bought(START)]),
        ("repeat-purchase", [bought(START), bought(START + 1, 1, "o2")]),
        ("refund", [bought(START), refunded(START + 1)]),
        ("refund", [bought(START), cancelled(START + 1)]),
        ("refund", [refunded(START), bought(START + 1)]),
        ("case-opened", [opened(START)]),
        ("case-answered", [opened(START), answered(START + 1)]),
        ("case-answered", [opened(START), resolved(START + 1)]),
        ("case-answered-late", [opened(START), answered(START + DAY + 1)]),
        ("case-resolved", [opened(START), resolved(START + 1)]),
        ("case-reopened", [opened(START), resolved(START + 1), reopened(START + 2)]),
        ("case-escalated", [opened(START), escalated(START + 1)]),
        ("complaint", [feedback(START, "complaint", None)]),
        ("care-accepted", [touched(START, intent="care", accepted=True)]),
        ("care-accepted", [touched(START, intent="suggestion", accepted=True)]),
        ("referral", [Referred(START, "app", "r1")]),
    ],
)
def test_each_signal_moves_its_dimension_once(signal: str, moments: list[AnyMoment]) -> None:
    story = given(*moments, by=rules(scores=only(signal, 100)))

    assert shown(story, moments[-1].at) == dict.fromkeys(DIMENSIONS, 50) | {"brand": 75}


@pytest.mark.parametrize(
    ("signal", "moments"),
    [
        ("purchase", [bought(START), bought(START + 1, 1, "o2")]),
        ("refund", [bought(START), refunded(START + 1, "o1", ("l1", 1_001))]),
        ("refund", [refunded(START)]),
        ("refund", [bought(START), cancelled(START + 1), cancelled(START + 2)]),
        ("case-answered", [opened(START), answered(START + 1), answered(START + 2)]),
        ("case-resolved", [opened(START), resolved(START + 1), resolved(START + 2)]),
        ("care-accepted", [touched(START, intent="care", accepted=False)]),
        ("care-accepted", [touched(START, intent="care", accepted=None)]),
        ("care-accepted", [touched(START, intent="information", accepted=True)]),
    ],
)
def test_what_has_no_effect_moves_nothing_more(signal: str, moments: list[AnyMoment]) -> None:
    assert brand(*moments, by=only(signal, 100)) in {50, 75}
    once = brand(*moments[:-1], by=only(signal, 100)) if len(moments) > 1 else 50
    assert brand(*moments, by=only(signal, 100)) == once


@pytest.mark.parametrize(
    ("instrument", "score", "shows"),
    [
        ("nps", 0, 25),
        ("nps", 5, 50),
        ("nps", 10, 75),
        ("csat", 1, 25),
        ("csat", 4, 63),
        ("csat", 5, 75),
        ("ces", 1, 25),
        ("ces", 4, 50),
        ("ces", 7, 75),
        ("review", 1, 25),
        ("review", 5, 75),
    ],
)
def test_every_instrument_is_brought_to_the_same_scale(instrument: str, score: int, shows: int) -> None:
    assert brand(feedback(START, instrument, score), by=only(instrument, "score")) == shows


def test_a_feedback_about_a_dimension_moves_that_one() -> None:
    story = given(feedback(START, "csat", 5, dimension="service"), by=rules(scores=only("csat", "score")))

    assert shown(story, START) == dict.fromkeys(DIMENSIONS, 50) | {"service": 75}


def test_a_fixed_value_stands_whatever_the_answer_was() -> None:
    assert brand(feedback(START, "csat", 5), by=only("csat", 0)) == 25


def test_a_table_without_the_signal_leaves_the_scores_alone() -> None:
    assert brand(bought(START), by=only("nps", "score")) == 50


@pytest.mark.parametrize(("days", "shows"), [(0, 75), (89, 67), (90, 67), (180, 60), (90 * 24 - 1, 50), (90 * 24, 50)])
def test_a_contribution_weighs_half_after_a_half_life(days: int, shows: int) -> None:
    story = given(feedback(START, "csat", 5), by=rules(scores=only("csat", "score")))

    assert shown(story, START + days * DAY)["brand"] == shows


def test_a_half_life_halves_exactly() -> None:
    assert rules().decay[0] == UNIT
    assert rules().decay[90] == UNIT // 2
    assert rules().decay[900] == UNIT >> 10
    assert len(rules().decay) == 90 * 24


def test_decay_goes_by_local_days() -> None:
    story = given(feedback(START, "csat", 5), by=rules(scores=only("csat", "score") | {"half_life_days": 1}))

    assert shown(story, at("2026-03-01T23:59:59"))["brand"] == 75
    assert shown(story, at("2026-03-02T00:00"))["brand"] == 67


def test_a_newer_answer_weighs_more_than_a_faded_one() -> None:
    one = feedback(START, "csat", 1), feedback(START + 90 * DAY, "csat", 5)
    other = feedback(START, "csat", 5), feedback(START + 90 * DAY, "csat", 1)
    table = only("csat", "score")

    assert brand(*one, by=table) > 50 > brand(*other, by=table)


def test_halves_are_rounded_up() -> None:
    half = only("csat", "score") | {"prior": {"value": 1, "weight": 1}}

    assert brand(feedback(START, "csat", 1), by=half) == 1, "0.5 of 0 and 1"


def test_what_waited_counts_as_of_its_own_time() -> None:
    story = given(refunded(START), bought(START + 90 * DAY), by=rules(scores=only("refund", 100)))

    assert shown(story, START + 90 * DAY)["brand"] == 67


@over(strategies.lists(strategies.tuples(strategies.integers(0, 10), strategies.integers(0, 400)), max_size=12))
def test_scores_stay_between_0_and_100(answers: list[tuple[int, int]]) -> None:
    story = given(
        *(feedback(START + sum(gap for _, gap in answers[: n + 1]) * DAY + n, "nps", score)
          for n, (score, _) in enumerate(answers))
    )  # fmt: skip

    assert all(0 <= value <= 100 for value in shown(story, START + 5_000 * DAY).values())
    assert all(0 <= value <= 100 for value in shown(story, story.customer.head.reached).values())
