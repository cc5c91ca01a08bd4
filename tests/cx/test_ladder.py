"""The ladder beyond a plain threshold: other windows, terms, keeping, falling, a person's word, and refunds."""

from __future__ import annotations

from typing import Any

import pytest

from cx.calendar import DAY, HOUR, rfc3339
from cx.moments import Enrolled, Overridden
from cx.rules import Rules
from cx.state import NEVER
from tests.spec import (
    LADDER,
    at,
    bought,
    cancelled,
    day,
    feedback,
    given,
    opened,
    refunded,
    resolved,
    reward,
    rules,
    touched,
)

MARCH = at("2026-03-01T10:00")


def by(*, ladder: list[dict[str, Any]] | None = None, **tiers: Any) -> Rules:
    return rules(tiers={"ladder": ladder or LADDER, **tiers})


def calendar(unit: str = "year", **tiers: Any) -> Rules:
    return by(window={"calendar": unit}, **tiers)


def enrolled(when: int, joined: str) -> Enrolled:
    return Enrolled(when, "app", f"join-{joined}", joined=day(joined))


def overridden(when: int, tier: str, until: int = NEVER) -> Overridden:
    return Overridden(when, "desk", f"word-{when}", tier=tier, until=until, reason="apology", person="p7")


# Windows


@pytest.mark.parametrize(
    ("first", "second", "tier"),
    [
        ("2026-01-01T00:00", "2026-12-31T23:59", "silver"),
        ("2025-12-31T23:59", "2026-01-01T00:00", "member"),
    ],
)
def test_a_calendar_year_counts_from_its_first_instant_to_its_last(first: str, second: str, tier: str) -> None:
    assert given(bought(at(first), 500), bought(at(second), 500, "o2"), by=calendar()).tier == tier


@pytest.mark.parametrize(
    ("first", "second", "tier"),
    [
        ("2026-04-01T00:00", "2026-06-30T23:59", "silver"),
        ("2026-03-31T23:59", "2026-04-01T00:00", "member"),
        ("2028-02-29T12:00", "2028-03-31T12:00", "silver"),
    ],
)
def test_a_quarter_counts_from_its_first_day_to_its_last(first: str, second: str, tier: str) -> None:
    assert given(bought(at(first), 500), bought(at(second), 500, "o2"), by=calendar("quarter")).tier == tier


@pytest.mark.parametrize(
    ("joined", "first", "second", "tier"),
    [
        ("2024-06-15", "2025-06-15T00:00", "2026-06-14T23:59", "silver"),
        ("2024-06-15", "2025-06-14T23:59", "2025-06-15T00:00", "member"),
        ("2024-02-29", "2025-03-01T00:00", "2026-02-28T23:59", "silver"),
        ("2024-02-29", "2026-02-28T23:59", "2026-03-01T00:00", "member"),
        ("2024-02-29", "2028-02-28T23:59", "2028-02-29T00:00", "member"),
    ],
)
def test_an_anniversary_year_counts_from_the_day_of_joining(joined: str, first: str, second: str, tier: str) -> None:
    policy = by(window={"anniversary": "year"})
    start = enrolled(at(f"{joined}T09:00"), joined)
    assert given(start, bought(at(first), 500), bought(at(second), 500, "o2"), by=policy).tier == tier


def test_without_a_day_of_joining_the_first_event_counts_as_it() -> None:
    policy = by(window={"anniversary": "year"})
    story = given(touched(MARCH), bought(MARCH + HOUR, 1_000), by=policy)
    assert story.tick(at("2027-03-01T00:00") - 1).tier == "silver"
    assert story.profile["tier_until"] == "2027-02-28T17:00:00Z"


def test_joining_told_afterwards_turns_the_window() -> None:
    policy = by(window={"anniversary": "year"})
    first = bought(at("2026-07-01T10:00"), 500)
    story = given(touched(MARCH), first, bought(at("2027-03-02T10:00"), 500, "o2"), by=policy)
    assert story.tier == "member"
    assert story.when(enrolled(at("2027-03-03T10:00"), "2024-06-01")).tier == "silver"


# Keeping a tier


def test_what_reached_a_tier_in_one_year_keeps_it_through_the_next() -> None:
    story = given(bought(MARCH, 1_000), by=calendar())
    assert story.profile["tier_until"] == "2026-12-31T17:00:00Z"
    story = story.tick(at("2027-01-01T00:00"))
    assert (story.tier, story.spend) == ("silver", 0)
    assert story.tick(at("2028-01-01T00:00") - 1).tier == "silver"
    assert story.tick(at("2028-01-01T00:00")).since(story) == ["tier.downgraded silver member"]


@pytest.mark.parametrize(
    ("when", "amount", "tier"),
    [
        ("2027-12-31T23:59", 1_000, "silver"),
        ("2027-12-31T23:59", 999, "member"),
        ("2028-01-01T00:00", 999, "member"),
    ],
)
def test_a_late_purchase_that_would_have_kept_the_tier_at_the_end_of_a_period_has_kept_it(
    when: str, amount: int, tier: str
) -> None:
    fallen = given(bought(MARCH), by=calendar()).tick(at("2028-01-10T00:00"))
    assert fallen.tier == "member"
    story = fallen.when(bought(at(when), amount, "late"), recorded=at("2028-01-10T00:00"))
    assert story.tier == tier
    assert story.since(fallen) == (["tier.corrected member silver"] if tier == "silver" else [])


@pytest.mark.parametrize("term", [{"spend": 1_000}, {"orders": 1}])
@pytest.mark.parametrize(
    ("window", "end"),
    [({"calendar": "quarter"}, "2026-04-01T00:00"), ({"anniversary": "year"}, "2027-03-01T00:00")],
)
def test_looked_at_at_once_a_tier_ends_with_the_period_whose_sum_it_rests_on(
    term: dict[str, int], window: dict[str, str], end: str
) -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": term}]
    story = given(bought(MARCH, 1_000), by=by(window=window, ladder=ladder, downgrade={"when": "at-once"}))
    assert story.profile["tier_until"] == rfc3339(at(end))
    assert story.tick(at(end) - 1).tier == "silver"
    assert story.tick(at(end)).tier == "member"


def test_looked_at_at_once_a_tier_that_rests_on_no_sum_does_not_end_with_the_period() -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"open_cases": {"at_most": 0}}}]
    story = given(bought(MARCH, 1), by=calendar("quarter", ladder=ladder, downgrade={"when": "at-once"}))
    assert story.tier == "silver"
    assert story.profile["tier_until"] is None


KEEPS: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 600}},
]


@pytest.mark.parametrize(("spent", "tier"), [(599, "member"), (600, "silver")])
def test_to_keep_a_tier_may_take_less_than_to_reach_it(spent: int, tier: str) -> None:
    story = given(bought(MARCH, 1_000), bought(at("2027-05-01T10:00"), spent, "o2"), by=calendar(ladder=KEEPS))
    assert story.tick(at("2028-01-01T00:00")).tier == tier


@pytest.mark.parametrize(("left", "tier"), [(599, "member"), (600, "silver")])
def test_in_a_rolling_window_too(left: int, tier: str) -> None:
    story = given(bought(MARCH, 1_000), bought(MARCH + DAY, left, "o2"), by=by(ladder=KEEPS))
    assert story.tick(at("2027-03-01T00:00")).tier == tier


def test_who_never_reached_a_tier_does_not_hold_it_by_what_keeps_it() -> None:
    assert given(bought(MARCH, 999), by=by(ladder=KEEPS)).tier == "member"


GOLD: dict[str, Any] = {"name": "gold", "enter": {"spend": 5_000}}

# Falling


@pytest.mark.parametrize(
    ("mode", "tiers"),
    [
        ("none", ["gold", "gold", "gold"]),
        ("one-step", ["gold", "silver", "member"]),
        ("to-qualified", ["gold", "member", "member"]),
    ],
)
def test_how_far_a_tier_falls_is_the_policys(mode: str, tiers: list[str]) -> None:
    story = given(bought(MARCH, 5_000), by=calendar(downgrade={"mode": mode}))
    years = [story.tick(at(f"{year}-01-01T00:00")) for year in (2027, 2028, 2029)]
    assert [year.tier for year in years] == tiers


def test_one_step_in_a_rolling_window_is_for_a_whole_period() -> None:
    story = given(bought(MARCH, 5_000), by=by(downgrade={"mode": "one-step"}))
    assert story.tick(at("2027-03-01T00:00")).tier == "silver"
    assert story.tick(at("2028-02-29T00:00") - 1).tier == "silver"
    assert story.tick(at("2028-02-29T00:00")).tier == "member"


def test_a_rolling_window_looked_at_by_period_holds_a_tier_for_as_long_as_itself() -> None:
    policy = by(downgrade={"when": "period-end"})
    story = given(bought(MARCH, 400), bought(MARCH + 300 * DAY, 600, "o2"), by=policy)
    assert story.tick(MARCH + 400 * DAY).tier == "silver", "400 left the window, and nobody looked"
    ends = at("2027-12-26T00:00")  # 365 days after it was reached
    assert story.profile["tier_until"] == "2027-12-25T17:00:00Z"
    assert story.tick(ends - 1).tier == "silver"
    assert story.tick(ends).tier == "member"


@pytest.mark.parametrize(("days", "tier"), [(29, "silver"), (30, "member")])
def test_days_of_grace_pass_before_a_tier_falls(days: int, tier: str) -> None:
    story = given(bought(MARCH, 1_000), by=by(downgrade={"grace_days": 30}))
    assert story.tick(at("2027-03-01T00:00") + days * DAY).tier == tier


@pytest.mark.parametrize(
    ("respite", "until"),
    [({"grace_days": 31}, "2026-11-01T00:00"), ({"stay_days": 185}, "2026-11-01T10:00")],
)
def test_days_of_a_respite_are_local_ones_whatever_the_clocks_do(respite: dict[str, int], until: str) -> None:
    paris = "Europe/Paris"
    tiers = {"ladder": LADDER, "window": {"calendar": "quarter"}, "downgrade": respite}
    story = given(bought(at("2026-04-30T10:00", paris)), by=rules(time_zone=paris, tiers=tiers))

    story = story.tick(at("2026-10-01T00:00", paris))
    assert story.profile["tier_until"] == rfc3339(at(until, paris))
    assert story.tick(at(until, paris) - 1).tier == "silver"
    assert story.tick(at(until, paris)).tier == "member"


def test_what_is_bought_in_the_days_of_grace_keeps_the_tier() -> None:
    policy = calendar(downgrade={"grace_days": 30}, ladder=KEEPS)
    story = given(bought(MARCH, 1_000), bought(at("2027-12-01T10:00"), 500, "o2"), by=policy)
    story = story.tick(at("2028-01-10T00:00"))
    assert story.tier == "silver"
    kept = story.when(bought(at("2028-01-20T10:00"), 100, "o3"))
    assert kept.tick(at("2028-12-31T00:00")).tier == "silver"
    assert kept.tick(at("2029-02-01T00:00")).tier == "member"
    assert story.when(bought(at("2028-01-20T10:00"), 99, "o3")).tick(at("2028-01-31T00:00")).tier == "member"


@pytest.mark.parametrize(("days", "tier"), [(499, "silver"), (500, "member")])
def test_a_tier_is_held_for_the_least_stay(days: int, tier: str) -> None:
    story = given(bought(MARCH, 1_000), by=by(downgrade={"stay_days": 500}))
    assert story.tick(MARCH + days * DAY).tier == tier


# Terms


EITHER: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"any": [{"spend": 1_000}, {"orders": 3}]}},
    {"name": "gold", "enter": {"all": [{"spend": 2_000}, {"any": [{"orders": 5}, {"visits": 2}]}]}},
]


@pytest.mark.parametrize(
    ("amounts", "channel", "tier"),
    [
        ([1, 1], "web", "member"),
        ([1, 1, 1], "web", "silver"),
        ([1_000], "web", "silver"),
        ([1_000, 1_000], "web", "silver"),
        ([1_000, 1_000], "store", "gold"),
        ([400] * 5, "web", "gold"),
    ],
)
def test_terms_are_joined_by_all_and_any(amounts: list[int], channel: str, tier: str) -> None:
    orders = [bought(MARCH + n * DAY, amount, f"o{n}", channel=channel) for n, amount in enumerate(amounts)]
    assert given(*orders, by=by(ladder=EITHER)).tier == tier


def test_visits_of_a_day_count_once() -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"visits": 2}}]
    one = given(bought(MARCH, 1, channel="store"), bought(MARCH + HOUR, 1, "o2", channel="store"), by=by(ladder=ladder))
    assert one.tier == "member"
    two = one.when(bought(MARCH + DAY, 1, "o3", channel="store"))
    assert two.tier == "silver"
    assert two.when(refunded(MARCH + DAY + HOUR, "o2")).tier == "silver", "the day has another visit"
    assert two.when(refunded(MARCH + DAY + HOUR, "o3")).tier == "member"


def test_a_score_may_be_asked_for_and_a_faded_one_is_noticed_by_the_clock() -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"emotion": 60}}]
    happy = [feedback(MARCH + n * HOUR, "csat", 5, dimension="emotion") for n in range(3)]
    story = given(*happy, by=by(ladder=ladder))
    assert story.tier == "silver"
    faded = next(d for d in range(1, 2_000) if story.tick(MARCH + d * DAY).tier == "member")
    before, after = story.tick(MARCH + (faded - 1) * DAY), story.tick(MARCH + faded * DAY)
    assert before.profile["dimensions"]["emotion"] >= 60 > after.profile["dimensions"]["emotion"]


def test_the_level_may_be_asked_for() -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"spend": 100, "level": 2}}]
    policy = rules(tiers={"ladder": ladder}, levels=None)
    story = given(bought(MARCH, 100), by=policy)
    assert story.tier == "member"
    assert story.when(touched(MARCH + HOUR)).tier == "silver"


def test_less_may_be_better() -> None:
    ladder: list[dict[str, Any]] = [
        {"name": "member"},
        {"name": "silver", "enter": {"spend": 100, "open_cases": {"at_most": 0}}},
    ]
    story = given(opened(MARCH), bought(MARCH + HOUR, 100), by=by(ladder=ladder))
    assert story.tier == "member"
    assert story.profile["progress"]["missing"] == {"open_cases": 1}
    assert story.when(resolved(MARCH + 2 * HOUR)).tier == "silver"


def test_cases_of_detractors_alone_may_be_asked_for() -> None:
    asked = {"spend": 100, "open_detractor_cases": {"at_most": 0}}
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": asked}]
    story = given(opened(MARCH), bought(MARCH + HOUR, 100), by=by(ladder=ladder))
    assert story.tier == "silver", "the case is not one of a detractor"
    angry = given(opened(MARCH), feedback(MARCH + 1, "csat", 1), bought(MARCH + HOUR, 100), by=by(ladder=ladder))
    assert angry.tier == "member"


def test_points_earned_may_be_asked_for_beside_a_score() -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"points": 10, "emotion": 50}}]
    policy = rules(tiers={"ladder": ladder}, points={"rates": [{"per": 10}]})
    assert given(bought(MARCH, 99), by=policy).tier == "member"
    assert given(bought(MARCH, 100), by=policy).tier == "silver"


@pytest.mark.parametrize(("score", "tiers", "steps"), [(5, ["member", "silver"], -1), (1, ["silver", "member"], 1)])
def test_a_fading_score_crosses_a_bound_from_above_and_from_below(score: int, tiers: list[str], steps: int) -> None:
    first = given(feedback(MARCH, "csat", score), by=by()).profile["dimensions"]["emotion"]
    most = {"at_most": min(first, first + steps)}
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"emotion": most}}]
    story = given(feedback(MARCH, "csat", score), by=by(ladder=ladder))
    looks = [story.tick(MARCH + n * DAY) for n in range(120)]
    turned = next(n for n, look in enumerate(looks) if look.tier != tiers[0])
    assert looks[turned].tier == tiers[1]
    shown = [look.profile["dimensions"]["emotion"] for look in looks[turned - 1 : turned + 1]]
    assert shown == [first, first + steps]


# A person's word


def test_a_person_may_set_the_tier_until_a_day() -> None:
    story = given(bought(MARCH, 100), overridden(MARCH + DAY, "gold", MARCH + 90 * DAY), by=by())
    assert story.told == ["tier.upgraded member gold"]
    assert story.customer.head.history[-1].reason == "override"
    assert story.tick(MARCH + 90 * DAY - 1).tier == "gold"
    assert story.tick(MARCH + 90 * DAY).since(story) == ["tier.downgraded gold member"]


def test_a_person_who_gives_what_is_held_begins_nothing_anew() -> None:
    story = given(bought(MARCH, 1_000), overridden(MARCH + DAY, "silver"), by=by())
    assert story.customer.head.tier_since == MARCH
    assert given(bought(MARCH, 1_000), overridden(MARCH + DAY, "gold"), by=by()).customer.head.tier_since == MARCH + DAY


def test_who_is_first_heard_of_by_a_persons_word_has_the_tier_from_then() -> None:
    assert given(overridden(MARCH, "member"), by=by()).customer.head.tier_since == MARCH


def test_a_given_tier_is_a_floor_for_who_earns_more() -> None:
    story = given(overridden(MARCH, "silver"), bought(MARCH + DAY, 5_000), by=by())
    assert story.tier == "gold"
    assert story.tick(MARCH + 400 * DAY).tier == "silver"
    assert story.tick(MARCH + 4_000 * DAY).tier == "silver"


def test_a_tier_set_below_what_was_earned_stays_there() -> None:
    story = given(bought(MARCH, 5_000), overridden(MARCH + DAY, "member", MARCH + 90 * DAY), by=by())
    assert story.tier == "member"
    assert story.when(bought(MARCH + 2 * DAY, 5_000, "o2")).tier == "member"
    assert story.tick(MARCH + 90 * DAY).tier == "gold"


def test_no_refund_takes_what_a_person_gave() -> None:
    story = given(bought(MARCH, 5_000), overridden(MARCH + DAY, "gold", MARCH + 90 * DAY), by=by())
    assert story.when(refunded(MARCH + 2 * DAY)).tier == "gold"


@pytest.mark.parametrize("falls", [{"mode": "none"}, {"grace_days": 30}, {"stay_days": 730}])
def test_the_end_of_a_word_on_a_lower_tier_takes_nothing_that_was_earned_since(falls: dict[str, Any]) -> None:
    story = given(overridden(MARCH, "silver", MARCH + 380 * DAY), bought(MARCH + DAY, 5_000), by=by(downgrade=falls))
    assert story.tier == "gold"

    after = story.tick(MARCH + 381 * DAY)
    assert (after.tier, after.since(story)) == ("gold", [])
    assert after.customer.head.standing.given is None


def test_nor_does_it_spare_the_tier_the_look_at_the_end_of_its_period() -> None:
    end = at("2027-01-01T00:00")
    story = given(overridden(MARCH, "silver", end), bought(MARCH + DAY, 5_000), by=calendar())

    assert story.tick(end).tier == "gold", "the year that ended was enough"


# Refunds


@pytest.mark.parametrize(
    ("mode", "window", "end"),
    [
        ("at-once", {"rolling_days": 365}, None),
        ("at-once", {"calendar": "year"}, None),
        ("at-period-end", {"rolling_days": 365}, "2027-03-01T00:00"),
        ("at-period-end", {"calendar": "year"}, "2027-01-01T00:00"),
        ("keep", {"rolling_days": 365}, "2027-03-01T00:00"),
        ("keep", {"calendar": "year"}, "2028-01-01T00:00"),
    ],
)
def test_when_a_refund_takes_the_tier_is_the_policys(mode: str, window: dict[str, Any], end: str | None) -> None:
    story = given(bought(MARCH, 1_000), refunded(MARCH + DAY), by=by(window=window, refunds=mode))
    assert story.tier == ("silver" if end else "member")
    if end:
        assert story.tick(at(end) - 1).tier == "silver"
        assert story.tick(at(end)).tier == "member"


@pytest.mark.parametrize("refund", [0, 1])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"downgrade": {"grace_days": 5, "stay_days": 25}},
        {"downgrade": {"when": "period-end", "grace_days": 5}},
        {"window": {"calendar": "quarter"}, "downgrade": {"grace_days": 5}},
        {"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000, "product": 52}}]},
    ],
)
def test_a_tier_that_refunds_leave_lasts_as_long_as_without_them(refund: int, more: dict[str, Any]) -> None:
    policy = by(**{"window": {"rolling_days": 80}, "refunds": "keep"} | more)
    story = given(bought(MARCH, 1_000), by=policy)
    end = next(MARCH + n * HOUR for n in range(8_000) if story.tick(MARCH + n * HOUR).tier == "member")
    story = story.each(*[refunded(MARCH + DAY)] * refund)

    assert story.tick(end - HOUR).tier == "silver"
    assert story.tick(end).tier == "member"


def test_a_tier_that_no_order_holds_is_not_held_for_ever_by_a_refund() -> None:
    ladder: list[dict[str, Any]] = [{"name": "member"}, {"name": "silver", "enter": {"open_cases": {"at_most": 0}}}]
    story = given(bought(MARCH), refunded(MARCH + DAY), by=by(ladder=ladder, refunds="keep"))

    assert story.tier == "silver"
    assert story.when(opened(MARCH + 2 * DAY)).tier == "member"


@pytest.mark.parametrize(
    ("mode", "when", "window", "end"),
    [
        ("at-period-end", "at-once", {"rolling_days": 20}, "2026-03-21T00:00"),
        ("keep", "at-once", {"rolling_days": 20}, "2026-03-31T00:00"),
        ("keep", "period-end", {"rolling_days": 20}, "2026-04-10T00:00"),
        ("at-period-end", "at-once", {"anniversary": "year"}, "2027-03-01T00:00"),
    ],
)
def test_a_tier_that_refunds_leave_lasts_to_the_periods_end_or_as_long_as_it_would_have(
    mode: str, when: str, window: dict[str, Any], end: str
) -> None:
    policy = by(window=window, refunds=mode, downgrade={"when": when})
    story = given(bought(MARCH, 1_000), bought(MARCH + 10 * DAY, 1_000, "o2"), by=policy)
    story = story.each(refunded(MARCH + 12 * DAY, "o1"), refunded(MARCH + 12 * DAY + HOUR, "o2"))
    assert story.tick(at(end) - 1).tier == "silver"
    assert story.tick(at(end)).tier == "member"


def test_a_refund_leaves_the_tier_that_was_kept_from_the_year_before() -> None:
    policy = calendar(ladder=[*KEEPS, {"name": "gold", "enter": {"spend": 5_000}}])
    story = given(bought(MARCH, 1_000), by=policy).tick(at("2027-01-01T00:00"))
    story = story.when(bought(at("2027-02-01T10:00"), 5_000, "o2"))
    assert story.tier == "gold"
    back = story.when(refunded(at("2027-02-02T10:00"), "o2"))
    assert (back.tier, back.since(story)) == ("silver", ["tier.downgraded gold silver"])


def test_a_refund_takes_a_tier_that_only_its_purchase_had_kept() -> None:
    story = given(bought(MARCH, 1_000), bought(at("2027-12-30T10:00"), 600, "o2"), by=calendar(ladder=KEEPS))
    story = story.tick(at("2028-01-05T00:00"))
    assert story.tier == "silver"
    assert story.when(refunded(at("2028-01-06T00:00"), "o2")).tier == "member"


def test_a_refund_takes_a_tier_that_only_its_purchase_had_carried_over_a_midnight() -> None:
    policy = by(window={"rolling_days": 20}, ladder=KEEPS)
    story = given(bought(MARCH, 1_000), bought(MARCH + 5 * DAY, 600, "o2"), by=policy)
    story = story.when(bought(MARCH + 20 * DAY, 600, "o3"))
    assert story.tier == "silver"
    assert story.when(refunded(MARCH + 21 * DAY, "o2")).tier == "member", "600 would keep it, and does not reach it"


def test_of_a_refund_at_the_periods_end_itself_the_refund_takes_the_tier() -> None:
    story = given(bought(MARCH, 1_000), bought(at("2027-12-30T10:00"), 600, "o2"), by=calendar(ladder=KEEPS))
    story = story.when(refunded(at("2028-01-01T00:00"), "o2"))
    assert (story.tier, story.customer.head.history[-1].reason) == ("member", "refund")


def test_a_refund_that_leaves_enough_to_have_entered_changes_nothing() -> None:
    story = given(bought(MARCH, 1_000), bought(MARCH + DAY, 500, "o2"), by=by(ladder=KEEPS))
    assert story.when(refunded(MARCH + 2 * DAY, "o2")).tier == "silver"
    assert story.when(refunded(MARCH + 2 * DAY, "o1")).tier == "member", "500 keep it, and never reached it"


@pytest.mark.parametrize("unit", ["quarter", "year"])
def test_a_refund_makes_void_what_was_noted_of_the_days_after_its_purchase(unit: str) -> None:
    # The standing of 23 March, noted before the order of the 8th was cancelled, says gold; it must not come back.
    policy = rules(
        clock={"refund_days": 40}, tiers={"ladder": [*KEEPS, GOLD], "window": {"calendar": unit}}, levels=None
    )
    story = given(bought(at("2026-02-01T10:00"), 0, "o0"), bought(at("2026-02-28T10:00"), 5_000, "o3"), by=policy)
    story = story.each(
        refunded(at("2026-03-02T10:00"), "o3", ("l1", 1)),
        bought(at("2026-03-08T10:00"), 1, "o2"),
        cancelled(at("2026-03-23T10:00"), "o2"),
        bought(at("2026-05-29T10:00"), 5_000, "o1"),
    )
    assert story.tier == "gold"
    assert story.when(refunded(at("2026-05-29T10:00"), "o1")).tier == "silver"


@pytest.mark.parametrize("back", [refunded(MARCH + 9 * DAY, "never"), refunded(MARCH + 9 * DAY, "o1", ("l1", 9_999))])
def test_a_refund_that_takes_nothing_changes_no_tier(back: Any) -> None:
    ladder: list[dict[str, Any]] = [
        {"name": "member"},
        {"name": "silver", "enter": {"spend": 1_000, "emotion": 45}, "keep": {"spend": 500}},
    ]
    story = given(bought(MARCH, 1_000), feedback(MARCH + DAY, "csat", 1), by=by(ladder=ladder))
    assert story.tier == "silver"
    assert story.when(back).tier == "silver"


def test_a_small_refund_leaves_a_tier_whose_score_has_faded_since() -> None:
    ladder: list[dict[str, Any]] = [
        {"name": "member"},
        {"name": "silver", "enter": {"spend": 1_000, "emotion": 45}, "keep": {"spend": 500}},
    ]
    story = given(bought(MARCH, 1_500), feedback(MARCH + DAY, "csat", 1), by=by(ladder=ladder))
    assert story.when(refunded(MARCH + 2 * DAY, "o1", ("l1", 500))).tier == "silver"
    assert story.when(refunded(MARCH + 2 * DAY, "o1", ("l1", 501))).tier == "member"


def test_a_refund_at_the_periods_end_lets_no_tier_last_longer() -> None:
    policy = by(window={"rolling_days": 20}, refunds="at-period-end")
    story = given(bought(MARCH, 1_000), bought(MARCH + 17 * DAY, 300, "o2"), by=policy)
    ends = at("2026-03-21T00:00")
    assert story.tick(ends).tier == "member"
    assert story.when(refunded(MARCH + 18 * DAY, "o2")).tick(ends).tier == "member"


def test_a_guard_of_before_takes_no_tier_with_a_later_refund() -> None:
    policy = calendar(ladder=KEEPS, no_promotion_while=["open-case"])
    story = given(opened(MARCH), bought(MARCH + DAY, 1_500), resolved(MARCH + 40 * DAY), by=policy)
    assert story.tier == "silver"
    story = story.when(bought(MARCH + 50 * DAY, 10, "o2"))
    assert story.when(refunded(MARCH + 51 * DAY, "o2")).tier == "silver"


def test_a_refund_after_a_persons_word_looks_back_to_the_word() -> None:
    policy = by(window={"rolling_days": 20}, downgrade={"mode": "one-step"}, ladder=[*KEEPS, GOLD])
    story = given(bought(MARCH, 3_000), bought(MARCH, 3_000, "o2"), by=policy)
    story = story.when(overridden(MARCH + DAY, "gold", MARCH + 2 * DAY)).tick(at("2026-03-21T00:00"))
    assert story.tier == "silver"
    assert story.when(refunded(at("2026-03-21T09:00"), "o2", ("l1", 2_000))).tier == "silver"


def test_a_refund_after_a_persons_word_has_ended_takes_what_only_its_purchase_had_kept() -> None:
    story = given(bought(MARCH, 1_000), overridden(MARCH + DAY, "silver", MARCH + 9 * DAY), by=calendar())
    story = story.tick(MARCH + 10 * DAY)
    assert story.tier == "silver"
    assert story.when(refunded(MARCH + 11 * DAY)).tier == "member"


def test_a_tier_reached_by_time_owes_its_reward() -> None:
    policy = rules(rewards=[reward("gift", "gold")])
    story = given(overridden(MARCH, "member", MARCH + 9 * DAY), by=policy)
    pinned = given(bought(MARCH, 1_000), overridden(MARCH + 1, "member", MARCH + 9 * DAY), by=policy)
    assert story.when(bought(MARCH + DAY, 5_000)).told == ["tier.upgraded member gold", "reward.issued gift 2026 1"]
    late = pinned.when(bought(MARCH + DAY, 4_000, "o2"))
    assert late.tier == "member"
    freed = late.tick(MARCH + 9 * DAY)
    assert freed.since(late) == ["tier.upgraded member gold", "reward.issued gift 2026 1"]


def test_of_two_orders_at_one_instant_a_reward_rests_on_those_folded_before_it() -> None:
    policy = rules(rewards=[reward("gift", "gold")])
    story = given(by=policy).when(bought(MARCH, 5_000, "o1"), bought(MARCH, 5_000, "o2"))
    owed = story.customer.head.entitlements["gift/2026/1"]
    after = story.when(cancelled(MARCH + DAY, "o2")).customer.head.entitlements["gift/2026/1"]
    assert after == owed, "o2 was no part of what earned it"


def test_a_turned_window_ends_when_it_now_ends() -> None:
    policy = by(window={"anniversary": "year"})
    story = given(bought(at("2028-07-24T10:00"), 4_000), by=policy)
    story = story.when(enrolled(at("2029-09-07T10:00"), "2027-12-20"))
    assert story.profile["tier_until"] == "2029-12-19T17:00:00Z"
    assert story.tick(at("2029-12-20T00:00")).tier == "member"


@pytest.mark.parametrize(("back", "tier"), [("o3", "gold"), ("o2", "silver")])
def test_a_refund_leaves_what_was_reached_under_an_earlier_day_of_joining(back: str, tier: str) -> None:
    story = given(
        bought(MARCH, 4_200),
        bought(MARCH + 20 * DAY, 900, "o2"),
        enrolled(MARCH + 22 * DAY, "2025-03-20"),
        bought(MARCH + 23 * DAY, 1, "o3"),
        by=by(window={"anniversary": "year"}),
    )
    assert story.tier == "gold"
    assert story.when(refunded(MARCH + 30 * DAY, back)).tier == tier


@pytest.mark.parametrize("word", [(), (overridden(at("2027-03-16T10:00"), "silver", at("2027-03-17T10:00")),)])
def test_a_refund_leaves_what_a_later_day_of_joining_brought(word: tuple[Overridden, ...]) -> None:
    days = ["2026-03-01T10:00", "2027-02-20T10:00", "2027-03-10T10:00", "2027-03-18T10:00"]
    orders = [bought(at(when), n, f"o{n}") for when, n in zip(days, (0, 600, 400, 1), strict=True)]
    story = given(*orders[:3], by=by(window={"anniversary": "year"}))
    assert story.tier == "member"
    story = story.each(enrolled(at("2027-03-15T10:00"), "2026-06-01"), *word, orders[3])
    assert story.tier == "silver"
    assert story.when(refunded(at("2027-03-20T10:00"), "o1")).tier == "silver"


def test_an_earlier_day_of_joining_is_known_for_as_long_as_a_refund_may_ask_for_it() -> None:
    again = Enrolled(MARCH + DAY, "app", "again", joined=day("2020-01-01"))
    story = given(enrolled(MARCH, "2020-01-01"), again, by=by(window={"anniversary": "year"}))
    assert [turn.after for turn in story.customer.head.turned] == [day("2020-01-01")]
    story = story.each(touched(MARCH + 100 * DAY))
    assert story.customer.head.turned, "the standing of before is known still"
    assert story.each(touched(MARCH + 200 * DAY)).customer.head.turned == ()


def test_a_refund_of_nothing_ends_no_stay_before_its_time() -> None:
    policy = by(window={"rolling_days": 20}, downgrade={"stay_days": 25})
    free = bought(MARCH + 24 * DAY, 0, "free")
    story = given(bought(MARCH, 1_000), free, by=policy)
    assert story.when(cancelled(MARCH + 25 * DAY - 3 * HOUR, "free")).tier == "silver"
    assert story.tick(MARCH + 25 * DAY).tier == "member"


def test_a_score_that_gets_worse_brings_the_fall_forward() -> None:
    ladder: list[dict[str, Any]] = [
        {"name": "member"},
        {"name": "silver", "enter": {"any": [{"spend": 1_000}, {"emotion": 60}]}},
    ]
    policy = by(window={"rolling_days": 20}, ladder=ladder)
    happy = [feedback(MARCH + n * HOUR, "csat", 5, dimension="emotion") for n in range(2)]
    story = given(*happy, bought(MARCH + 3 * DAY, 1_200), by=policy)
    assert story.tier == "silver"
    sad = [feedback(MARCH + 7 * DAY + n, "csat", 1, dimension="emotion", id=f"sad-{n}") for n in range(3)]
    story = story.each(*sad)
    ends = at("2026-03-24T00:00")
    assert story.tick(ends - 1).tier == "silver"
    assert story.tick(ends).tier == "member"


def test_a_refund_in_days_of_grace_holds_nothing_for_ever() -> None:
    policy = by(window={"rolling_days": 20}, ladder=KEEPS, refunds="keep", downgrade={"grace_days": 10})
    story = given(bought(MARCH, 1_000), by=policy).tick(at("2026-03-22T00:00"))
    assert story.tier == "silver"
    story = story.when(refunded(at("2026-03-24T10:00"), "o1"))
    assert story.tick(at("2026-04-01T00:00")).tier == "member"


@pytest.mark.parametrize("start", [enrolled(at("2026-03-20T09:00"), "2020-04-01"), touched(at("2025-04-01T09:00"))])
def test_a_refund_looks_back_over_years_of_membership_that_begin_when_they_do(start: Any) -> None:
    policy = by(window={"anniversary": "year"}, ladder=[*KEEPS, GOLD])
    orders = bought(at("2026-03-20T10:00"), 600), bought(at("2026-04-10T10:00"), 600, "o2")
    story = given(start, *orders, bought(at("2026-04-20T10:00"), 5_000, "o3"), by=policy)
    assert story.tier == "gold"
    assert story.when(refunded(at("2026-04-21T10:00"), "o3")).tier == "member", "600 in each of two years"


def test_a_refund_leaves_what_was_reached_on_the_last_evening_of_a_window() -> None:
    policy = by(window={"rolling_days": 20}, ladder=KEEPS)
    story = given(bought(MARCH, 400), bought(MARCH + 19 * DAY, 600, "o2"), by=policy)
    story = story.when(bought(MARCH + 21 * DAY, 1, "o3"))
    assert story.tier == "silver"
    assert story.when(refunded(MARCH + 22 * DAY, "o3")).tier == "silver"
