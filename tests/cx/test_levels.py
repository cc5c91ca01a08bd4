"""CX levels: what evidence reaches each, what keeps it, and how a change is explained."""

from typing import Any

import pytest

from cx import scores
from cx.calendar import DAY, HOUR
from cx.measures import measure as measured
from cx.moments import AnyMoment, Enrolled, Imported, Overridden, Referred
from cx.rules import Rules
from cx.state import NEVER
from tests.spec import (
    LADDER,
    VIETNAM,
    Spec,
    answered,
    at,
    bought,
    day,
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


def by_default() -> Rules:
    """Rules with the levels of the default policy."""
    return rules(levels=None)


def asking(measure: str, reach: int, **more: Any) -> Rules:
    """Rules in which level 2 asks for one measure."""
    return rules(levels=[{"level": 2, "all": [{"measure": measure, "reach": reach} | more]}])


# Each adds what the level above asks for.
INFORMED: list[AnyMoment] = [touched(START, intent="other")]
ANSWERED: list[AnyMoment] = [*INFORMED, opened(START + 1), answered(START + 2), resolved(START + 3)]
COMMITTED: list[AnyMoment] = [
    *ANSWERED,
    bought(START + 4, 1),
    bought(START + 5, 1, "o2"),
    feedback(START + 6, "csat", 5),
]
ANTICIPATED: list[AnyMoment] = [*COMMITTED, touched(START + 7, "use", "care", accepted=True)]
ADVOCATE: list[AnyMoment] = [
    *ANTICIPATED,
    *(feedback(START + n, "nps", 10) for n in (8, 9)),
    Referred(START + 10, "app", "r"),
]


@pytest.mark.parametrize(
    ("moments", "level"),
    [([bought(START)], 1), (INFORMED, 2), (ANSWERED, 2), (COMMITTED, 3), (ANTICIPATED, 4), (ADVOCATE, 5)],
    ids=["nothing", "informed", "answered", "committed", "anticipated", "advocate"],
)
def test_each_level_needs_its_evidence_and_that_of_all_below(moments: list[AnyMoment], level: int) -> None:
    assert given(*moments, by=by_default()).customer.head.level == level


def test_without_the_evidence_of_a_lower_level_no_higher_one_holds() -> None:
    moments = [moment for moment in ADVOCATE if moment not in INFORMED]

    assert given(*moments, by=by_default()).customer.head.level == 1


@pytest.mark.parametrize(
    ("stage", "level"), [("discover", 2), ("consider", 2), ("purchase", 1), ("use", 1), ("support", 1), ("advocate", 1)]
)
def test_a_channel_counts_when_it_reached_the_customer_early_in_the_journey(stage: str, level: int) -> None:
    assert given(touched(START, stage), by=by_default()).customer.head.level == level


@pytest.mark.parametrize(("channels", "level"), [(["web"], 1), (["web", "web"], 1), (["web", "store"], 2)])
def test_channels_are_counted_once_each(channels: list[str], level: int) -> None:
    moments = [touched(START + n, channel=channel) for n, channel in enumerate(channels)]

    assert given(*moments, by=asking("channels", 2)).customer.head.level == level


@pytest.mark.parametrize(
    ("measure", "moments", "value"),
    [
        ("answered_in_time_pct", [touched(START)], None),
        ("answered_in_time_pct", [opened(START), answered(START + 1)], 100),
        ("answered_in_time_pct", [opened(START), opened(START, "k2"), opened(START, "k3"), answered(START + 1),
                                  answered(START + 1, "k2"), answered(START + 25 * HOUR, "k3")], 66),
        ("answered_in_time_pct", [opened(START), answered(START + 25 * HOUR)], 0),
        ("resolved_for_good_pct", [opened(START), answered(START + 1)], None),
        ("resolved_for_good_pct", [opened(START), resolved(START + 1)], 100),
        ("resolved_for_good_pct", [opened(START), resolved(START + 1), reopened(START + 2), resolved(START + 3)], 0),
        ("last_ces", [touched(START)], None),
        ("last_ces", [feedback(START, "ces", 2), feedback(START + 1, "ces", 6)], 6),
        ("last_csat", [feedback(START, "csat", 5), feedback(START + 1, "csat", 1)], 1),
        ("orders", [bought(START), bought(START + 1, 1, "o2"), refunded(START + 2)], 1),
        ("emotion", [touched(START)], 50),
        ("open_cases", [opened(START), opened(START + 1, "k2"), resolved(START + 2)], 1),
        ("open_detractor_cases", [opened(START), feedback(START + 1, score=0), opened(START + 2, "k2")], 2),
        ("care_accepted", [touched(START, intent="care", accepted=True), touched(START + 1, intent="care")], 1),
        ("nps_rise", [feedback(START, score=5)], None),
        ("nps_rise", [feedback(START, score=9), feedback(START + 1, score=4), feedback(START + 2, score=6)], 2),
        ("promoter_streak", [feedback(START, score=8)], 0),
        ("promoter_streak", [feedback(START, score=9), feedback(START + 1, score=8), feedback(START + 2, score=9)], 1),
        ("promoter_streak", [feedback(START, score=9), feedback(START + 1, score=10)], 2),
        ("advocacy", [feedback(START, "review", 3)], 0),
        ("advocacy", [feedback(START, "review", 4), Referred(START + 1, "app", "r")], 2),
    ],
)  # fmt: skip
def test_each_measure_is_what_its_name_says(measure: str, moments: list[AnyMoment], value: int | None) -> None:
    story = given(*moments)

    assert measured(story.customer.head, measure, moments[-1].at, story.rules) == value


@pytest.mark.parametrize(("unknown", "level"), [("holds", 2), ("fails", 1)])
def test_without_evidence_a_condition_counts_as_the_policy_says(unknown: str, level: int) -> None:
    assert given(touched(START), by=asking("last_csat", 4, unknown=unknown)).customer.head.level == level


@pytest.mark.parametrize(
    ("scores", "level"), [([3], 1), ([4], 2), ([4, 3], 2), ([4, 2], 1), ([4, 2, 3], 1), ([4, 2, 4], 2)]
)
def test_a_level_is_reached_at_one_value_and_lost_below_another(scores: list[int], level: int) -> None:
    moments = [feedback(START + n, "csat", score) for n, score in enumerate(scores)]

    assert given(*moments, by=asking("last_csat", 4, keep=3)).customer.head.level == level


@pytest.mark.parametrize(("cases", "level"), [([0], 2), ([0, 1], 2), ([0, 1, 2], 1), ([1], 1)])
def test_of_some_measures_less_is_better(cases: list[int], level: int) -> None:
    story = given(touched(START) if cases[0] == 0 else opened(START), by=asking("open_cases", 0, keep=1, at_most=True))
    for number in cases[1:]:
        story = story.when(opened(START + number, f"k{number}"))

    assert story.customer.head.level == level


def told(story: Spec) -> dict[str, Any]:
    data: dict[str, Any] = story.outputs[-1].event["data"]
    return data


def test_a_rise_shows_the_evidence_of_every_level_passed() -> None:
    story = given(by=by_default()).when(*COMMITTED)

    assert story.told == ["cx-level.changed 1 3"]
    rows = told(story)["evidence"]
    assert {row["level"] for row in rows} == {1, 2, 3}
    assert all(row["ok"] for row in rows)
    assert [row["value"] for row in rows if row["measure"] == "last_ces"] == [None]


def test_a_loss_shows_the_lowest_level_that_could_not_be_kept() -> None:
    story = given(*ANTICIPATED, by=by_default())
    lost = story.when(feedback(START + DAY, "ces", 2))

    assert lost.since(story) == ["cx-level.changed 4 1"]
    failed = [row for row in told(lost)["evidence"] if not row["ok"]]
    assert [(row["level"], row["measure"], row["value"], row["comparison"], row["needed"]) for row in failed] == [
        (2, "last_ces", 2, ">=", 3)
    ]
    assert told(lost)["decision"]["failed"] == ["last_ces >= 3"]


def test_a_level_lost_and_partly_won_back_in_one_batch_is_explained_by_what_reaching_it_takes() -> None:
    story = given(feedback(START, "csat", 4), by=asking("last_csat", 4, keep=3))
    lost = story.when(feedback(START + 1, "csat", 1), feedback(START + 2, "csat", 3))

    assert lost.since(story) == ["cx-level.changed 2 1"]
    assert [(row["value"], row["needed"], row["ok"]) for row in told(lost)["evidence"]] == [(3, 4, False)]


def test_a_level_lost_and_won_back_in_one_batch_is_not_told() -> None:
    story = given(feedback(START, "csat", 4), by=asking("last_csat", 4))
    back = story.when(feedback(START + 1, "csat", 1), feedback(START + 2, "csat", 5))

    assert back.since(story) == []
    assert back.customer.head.level_since == START + 2


def test_the_profile_says_what_the_next_level_misses() -> None:
    story = given(*ANSWERED, by=by_default())

    assert [(row["measure"], row["value"], row["needed"]) for row in story.profile["cx_level_missing"]] == [
        ("orders", 0, 2)
    ]
    assert given(*ADVOCATE, by=by_default()).profile["cx_level_missing"] == []


def test_a_level_follows_the_window_when_a_deadline_moves_it() -> None:
    story = given(bought(START), bought(START + 1, 1, "o2"), by=asking("orders", 2))
    assert story.customer.head.level == 2

    fall = at("2027-03-01T00:00", VIETNAM)
    later = story.tick(fall)
    assert later.since(story) == ["tier.downgraded silver member", "cx-level.changed 2 1"]
    assert later.customer.head.level_since == fall


def by_time(**condition: Any) -> Rules:
    """Rules in which level 2 asks for one thing that changes with time alone, and the window has 20 days."""
    levels = [{"level": 2, "all": [condition]}]
    return rules(tiers={"ladder": LADDER, "window": {"rolling_days": 20}}, levels=levels)


def test_a_level_ends_on_the_day_on_which_its_orders_have_left_the_window() -> None:
    orders = [bought(START, 1, "o1"), bought(START + DAY, 1, "o2"), bought(START + 5 * DAY, 1, "o3")]
    story = given(*orders, by=by_time(measure="orders", reach=2))
    ends = at("2026-03-22T00:00")
    assert story.customer.next_deadline(story.rules.lateness) == ends, "the second to last of them decides"
    assert story.tick(ends - 1).customer.head.level == 2
    later = story.tick(ends)
    assert later.customer.head.level == 1
    assert later.customer.head.level_since == ends
    assert later.since(story) == ["cx-level.changed 2 1"]


def test_a_level_that_asks_for_few_orders_comes_when_the_others_have_left() -> None:
    few = by_time(measure="orders", reach=1, at_most=True)
    story = given(bought(START, 1, "o1"), bought(START + DAY, 1, "o2"), by=few)
    assert story.tick(at("2026-03-21T00:00") - 1).customer.head.level == 1
    assert story.tick(at("2026-03-21T00:00")).customer.head.level == 2


def test_a_level_ends_with_the_period_of_its_orders() -> None:
    yearly = rules(
        tiers={"ladder": LADDER, "window": {"calendar": "year"}},
        levels=[{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
    )
    story = given(bought(START, 1), by=yearly)
    assert story.tick(at("2027-01-01T00:00") - 1).customer.head.level == 2
    assert story.tick(at("2027-01-01T00:00")).customer.head.level == 1


@pytest.mark.parametrize(("score", "more"), [(5, {"reach": 60}), (1, {"reach": 40, "at_most": True})])
def test_a_level_ends_on_the_day_on_which_its_score_has_faded(score: int, more: dict[str, Any]) -> None:
    story = given(feedback(START, "csat", score), by=by_time(measure="emotion", **more))
    ends = story.customer.next_deadline(story.rules.lateness)
    shown = [scores.shown(story.customer.head, when, story.rules)["emotion"] for when in (ends - 1, ends)]
    assert shown in ([60, 59], [40, 41])
    assert [story.tick(when).customer.head.level for when in (ends - 1, ends)] == [2, 1]


def test_a_level_comes_on_the_day_on_which_a_bad_score_has_faded() -> None:
    story = given(feedback(START, "csat", 1), by=by_time(measure="emotion", reach=45))
    comes = story.customer.next_deadline(story.rules.lateness)
    assert [story.tick(when).customer.head.level for when in (comes - 1, comes)] == [1, 2]
    assert given(feedback(START, "csat", 1), by=by_time(measure="emotion", reach=51)).customer.head.level_due == NEVER


def test_all_that_a_level_lacks_has_to_come() -> None:
    both = rules(
        tiers={"ladder": LADDER, "window": {"rolling_days": 20}},
        levels=[{"level": 2, "all": [{"measure": "emotion", "reach": 45}, {"measure": "channels", "reach": 1}]}],
    )
    story = given(feedback(START, "csat", 1), by=both)
    assert story.customer.head.level_due == NEVER, "no channel comes by itself"
    assert story.when(touched(START + 1)).customer.head.level_due < NEVER


def test_a_tier_that_rests_on_a_level_falls_with_it() -> None:
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"level": 2}}]
    policy = rules(
        tiers={"ladder": ladder, "window": {"rolling_days": 20}},
        levels=[{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
    )
    story = given(bought(START, 1), by=policy)
    assert story.tier == "silver"
    assert story.tick(START + 30 * DAY).since(story) == ["tier.downgraded silver member", "cx-level.changed 2 1"]


def test_a_period_is_judged_by_what_it_held_when_a_level_ends_at_the_same_instant() -> None:
    policy = rules(
        tiers={"ladder": LADDER, "window": {"rolling_days": 20}, "downgrade": {"when": "period-end"}},
        levels=[{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
    )
    story = given(bought(START, 1_000), by=policy)
    ends = story.customer.head.tier_due
    assert ends == story.customer.head.level_due
    assert (story.tick(ends).tier, story.tick(ends).customer.head.level) == ("silver", 1)


def test_a_term_that_ends_when_a_level_does_ends_first() -> None:
    policy = rules(
        tiers={"ladder": LADDER, "window": {"rolling_days": 20}, "downgrade": {"when": "period-end"}},
        levels=[{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
    )
    ends = at("2026-03-21T00:00")
    word = Overridden(START + HOUR, "desk", "w", tier="silver", until=ends, reason="sorry", person="p7")
    story = given(bought(START, 1), word, by=policy)
    assert story.customer.head.level_due == story.customer.head.tier_due == ends
    assert (story.tick(ends).tier, story.tick(ends).customer.head.level) == ("member", 1)


def test_a_level_that_ends_leaves_the_days_of_grace_of_the_tier() -> None:
    policy = rules(
        tiers={"ladder": LADDER, "window": {"rolling_days": 20}, "downgrade": {"grace_days": 10}},
        levels=[{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
    )
    orders = [bought(START + n * DAY, amount, f"o{n}") for n, amount in ((0, 1_000), (15, 1_000), (18, 1))]
    story = given(*orders, by=policy)
    level_ends, grace_ends = at("2026-04-08T00:00"), at("2026-04-15T00:00")
    assert story.customer.head.level_due == level_ends
    assert (story.tick(level_ends).tier, story.tick(level_ends).customer.head.level) == ("silver", 1)
    assert [story.tick(grace_ends + n).tier for n in (-1, 0)] == ["silver", "member"]


def test_a_level_ends_with_a_year_of_membership() -> None:
    yearly = rules(
        tiers={"ladder": LADDER, "window": {"anniversary": "year"}},
        levels=[{"level": 2, "all": [{"measure": "orders", "reach": 1}]}],
    )
    story = given(Enrolled(START - DAY, "app", "e", joined=day("2020-06-10")), bought(START, 1), by=yearly)
    assert story.customer.head.level_due == at("2026-06-10T00:00")


def test_days_brought_along_count_for_the_level() -> None:
    days = ((day("2026-02-28"), 1, 2, 0),)
    row = Imported(START, "old", "i", joined=None, tier="", since=0, until=None, lots=(), days=days)
    assert given(row, by=by_time(measure="orders", reach=2)).customer.head.level == 2


def test_a_policy_may_do_without_levels() -> None:
    story = given(*ADVOCATE, by=rules(levels=[]))

    assert (story.customer.head.level, [name for name in story.told if "level" in name]) == (1, [])
