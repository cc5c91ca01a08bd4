"""Progress: until when a tier is held if nothing more happens, and what is missing to hold it longer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import settings

from cx.calendar import DAY, micros
from cx.moments import Overridden
from cx.rules import Rules
from cx.view import state_of
from tests.cx.strategies import CLOCK, SHORT, Log, logs
from tests.spec import LADDER, Spec, at, bought, feedback, given, rules

MARCH = at("2026-03-01T10:00")
KEEPS: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 500}},
    {"name": "gold", "enter": {"spend": 5_000}, "keep": {"spend": 3_000}},
]


FADING: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"any": [{"spend": 1_000}, {"product": 56}]}},
    {"name": "gold", "enter": {"spend": 2_000, "product": 56}, "keep": {"spend": 1_000, "product": 55}},
]
WARM: list[dict[str, Any]] = [{"level": 2, "all": [{"measure": "product", "reach": 56, "keep": 54}]}]


def by(ladder: list[dict[str, Any]] = KEEPS, levels: list[dict[str, Any]] | None = None, **tiers: Any) -> Rules:
    return rules(clock=CLOCK, levels=levels or [], tiers={"ladder": ladder} | tiers)


def keep(story: Spec) -> Any:
    """Return what the state says of keeping the tier, as of the clock or the newest event."""
    return state_of(story.customer, max(story.clock, story.customer.head.reached), story.rules)["progress"]["keep"]


def test_the_lowest_tier_is_everybodys() -> None:
    assert keep(given(bought(MARCH, 5))) is None


def test_a_rolling_window_says_what_will_have_left_it() -> None:
    story = given(bought(MARCH, 700), bought(MARCH + 9 * DAY, 400, "o2"))
    assert keep(story) == {"until": "2027-02-28T17:00:00Z", "missing": {"spend": 600}, "then": "member"}


def test_a_period_says_what_it_lacks_as_yet() -> None:
    story = given(bought(MARCH, 1_200), by=by(window={"calendar": "quarter"}))
    assert keep(story) == {"until": "2026-03-31T17:00:00Z", "missing": {}, "then": "silver"}
    later = story.when(bought(at("2026-04-01T10:00"), 100, "o2"))
    assert keep(later) == {"until": "2026-06-30T17:00:00Z", "missing": {"spend": 400}, "then": "member"}


def test_what_was_bought_before_a_rolling_period_does_not_keep_the_tier_beyond_it() -> None:
    policy = by(window={"rolling_days": 20}, downgrade={"when": "period-end"})
    story = given(bought(MARCH, 700), bought(MARCH + DAY, 400, "o2"), by=policy)
    assert keep(story) == {"until": "2026-03-21T17:00:00Z", "missing": {"spend": 100}, "then": "member"}


@pytest.mark.parametrize(
    ("tiers", "until"),
    [({}, "2027-02-28T17:00:00Z"), ({"window": {"calendar": "quarter"}}, "2026-06-30T17:00:00Z")],
)
def test_a_score_is_looked_at_as_it_will_be_then(tiers: dict[str, Any], until: str) -> None:
    warm: list[dict[str, Any]] = [
        {"name": "member"},
        {"name": "silver", "enter": {"spend": 1_000, "emotion": 50}, "keep": {"spend": 500, "emotion": 50}},
    ]
    hot = feedback(MARCH, "csat", 5, dimension="emotion")
    story = given(hot, bought(MARCH, 1_200), by=by(warm, **tiers)).tick(at("2026-04-01T00:00"))
    assert keep(story) == {"until": until, "missing": {"spend": 500}, "then": "member"}


def test_days_of_grace_are_part_of_the_time_that_is_left() -> None:
    story = given(bought(MARCH, 1_200), by=by(window={"calendar": "quarter"}, downgrade={"grace_days": 10}))
    later = story.when(bought(at("2026-04-01T10:00"), 100, "o2"))
    assert keep(later) == {"until": "2026-07-10T17:00:00Z", "missing": {"spend": 400}, "then": "member"}
    assert keep(later.tick(at("2026-07-05T10:00"))) == keep(later), "both periods count in the days of grace"


def test_what_is_never_lost_by_time_has_no_end() -> None:
    assert keep(given(bought(MARCH, 1_200), by=by(downgrade={"mode": "none"}))) is None


def test_a_given_tier_needs_what_keeps_it_on_the_day_after() -> None:
    word = Overridden(
        MARCH + 5 * DAY, "desk", "w1", tier="silver", until=at("2026-03-21T00:00"), reason="x", person="y"
    )
    story = given(bought(MARCH, 300), bought(MARCH + 4 * DAY, 100, "o2"), word, by=by(window=SHORT))
    assert keep(story) == {"until": "2026-03-20T17:00:00Z", "missing": {"spend": 400}, "then": "member"}


def test_a_word_on_a_lower_tier_does_not_change_what_keeps_this_one() -> None:
    word = Overridden(MARCH, "desk", "w1", tier="member", until=at("2026-04-11T00:00"), reason="x", person="y")
    by_quarter = by(window={"calendar": "quarter"}, downgrade={"grace_days": 20})
    story = given(word, bought(MARCH + DAY, 1_200), by=by_quarter)
    assert keep(story) == {"until": "2026-03-31T17:00:00Z", "missing": {}, "then": "silver"}


def test_a_tier_ends_when_its_score_has_faded() -> None:
    warm = [LADDER[0], {"name": "silver", "enter": {"spend": 1_000, "emotion": 60}}]
    story = given(bought(MARCH, 1_500), feedback(MARCH, "csat", 5), by=by(warm))
    said = keep(story)

    assert said == {"until": "2026-07-29T17:00:00Z", "missing": {"emotion": 1}, "then": "member"}
    assert story.profile["tier_until"] == said["until"]
    assert story.outputs[0].event["data"]["decision"]["next_deadline"] == said["until"]
    assert story.tick(at("2026-07-30T00:00")).profile["history"][-1]["reason"] == "experience"


def test_a_tier_ends_when_its_level_has_faded() -> None:
    levels = [{"level": 2, "all": [{"measure": "emotion", "reach": 60}]}]
    policy = by([LADDER[0], {"name": "silver", "enter": {"level": 2}}], levels)
    story = given(bought(MARCH), feedback(MARCH, "csat", 5), by=policy)

    assert keep(story) == {"until": "2026-07-29T17:00:00Z", "missing": {"level": 1}, "then": "member"}


PROGRAMMES = [
    by(LADDER, window=SHORT),
    by(window=SHORT, downgrade={"grace_days": 3, "stay_days": 9, "mode": "one-step"}),
    by(window=SHORT, downgrade={"when": "period-end", "grace_days": 2}),
    by(window={"calendar": "quarter"}),
    by(window={"calendar": "quarter"}, downgrade={"grace_days": 5, "stay_days": 50}),
    by(window={"anniversary": "year"}, downgrade={"mode": "one-step"}),
    by(FADING, window=SHORT),
    by(FADING, window=SHORT, downgrade={"grace_days": 3}),
    by(FADING, window={"calendar": "quarter"}),
    by([LADDER[0], {"name": "silver", "enter": {"level": 2}}], levels=WARM),
]


@pytest.mark.parametrize("programme", PROGRAMMES)
@settings(deadline=None, max_examples=40)
@given_any(log=logs(spend_only=True))
def test_the_tier_is_held_until_then_and_what_was_missing_would_have_kept_it(programme: Rules, log: Log) -> None:
    story = log.arrives(programme)
    said = keep(story)
    if said is None:
        assert story.tick(MARCH + 4_000 * DAY).tier == story.tier
        return
    until = micros(datetime.fromisoformat(said["until"]))
    before = story.tick(until - 1)
    assert before.tier == story.tier
    assert story.tick(until).tier == said["then"]
    assert bool(said["missing"]) == (said["then"] != story.tier)
    if said["missing"] and programme.counts_only:
        short = said["missing"]["spend"]
        assert before.when(bought(until - 1, short, "more")).tick(until).tier == story.tier
        assert before.when(bought(until - 1, short - 1, "less")).tick(until).tier != story.tier
