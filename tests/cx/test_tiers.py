"""Tiers: thresholds, the window of whole local days and its edges, guards, and the deadline at which a tier falls."""

import pytest

from cx import tiers
from cx.calendar import DAY, HOUR, Calendar
from cx.state import NEVER, Day
from tests.spec import (
    GUARDED,
    LADDER,
    Spec,
    at,
    bought,
    cancelled,
    feedback,
    given,
    opened,
    refunded,
    resolved,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")  # the first instant at which 2026-03-01 is not among the last 365 days


def test_everybody_begins_on_the_first_rung() -> None:
    story = given(touched(START))

    assert story.tier == "member"
    assert story.customer.head.tier_since == START
    assert story.told == []


@pytest.mark.parametrize(
    ("amount", "tier"), [(0, "member"), (999, "member"), (1_000, "silver"), (4_999, "silver"), (5_000, "gold")]
)
def test_a_threshold_belongs_to_the_rung_above_it(amount: int, tier: str) -> None:
    assert given(bought(START, amount)).tier == tier


def test_rungs_may_be_skipped_and_one_change_is_told() -> None:
    assert given(bought(START, 5_000)).told == ["tier.upgraded member gold"]


def test_an_upgrade_is_at_once_and_since_the_purchase_that_reached_it() -> None:
    story = given(bought(START, 600), bought(START + HOUR, 400, "o2"))

    assert story.tier == "silver"
    assert story.customer.head.tier_since == START + HOUR
    assert story.customer.head.history[-1].cause == "buy-o2"


def test_orders_at_one_instant_add_up() -> None:
    assert given().when(bought(START, 500, "o2"), bought(START, 500, "o1")).tier == "silver"


@pytest.mark.parametrize(("clock", "tier"), [(FALL - 1, "silver"), (FALL, "member")])
def test_a_day_counts_to_the_last_instant_of_the_window(clock: int, tier: str) -> None:
    assert given(bought(START)).tick(clock).tier == tier


@pytest.mark.parametrize(("last", "tier"), [(FALL - 1, "gold"), (FALL, "silver")])
def test_a_purchase_still_meets_what_the_window_holds(last: int, tier: str) -> None:
    story = given(bought(START, 4_000), bought(last, 1_000, "o2"))

    assert story.tier == tier


def test_at_equal_times_the_deadline_comes_before_the_event() -> None:
    story = given(bought(START)).when(bought(FALL, 1_000, "o2"))

    assert [(c.at, c.after) for c in story.customer.head.history] == [
        (START, "silver"),
        (FALL, "member"),
        (FALL, "silver"),
    ]
    assert story.told == ["tier.upgraded member silver"], "never a flap within one batch"


def test_a_deadline_between_two_events_is_applied_at_its_own_time() -> None:
    story = given().when(bought(START), touched(FALL + 5 * DAY))

    assert [(c.at, c.after, c.reason) for c in story.customer.head.history] == [
        (START, "silver", "spend"),
        (FALL, "member", "window"),
    ]
    assert story.told == []


@pytest.mark.parametrize(
    ("when", "amount", "tier", "since"),
    [
        (FALL - 1, 1_000, "silver", START),  # in the last instant of the window: it never fell
        (FALL - 1, 999, "member", FALL),
        (FALL, 1_000, "silver", FALL),  # reached anew
    ],
)
def test_a_late_purchase_that_would_have_kept_the_tier_has_kept_it(
    when: int, amount: int, tier: str, since: int
) -> None:
    fallen = given(bought(START)).tick(FALL + HOUR)
    assert (fallen.tier, fallen.customer.head.tier_since) == ("member", FALL)
    story = fallen.when(bought(when, amount, "late"), recorded=FALL + HOUR)
    assert (story.tier, story.customer.head.tier_since) == (tier, since)


def test_a_tier_falls_to_the_rung_that_the_rest_still_holds() -> None:
    story = given(bought(START, 4_000), bought(START + DAY, 1_000, "o2"))

    assert story.tier == "gold"
    story = story.tick(FALL)
    assert (story.tier, story.spend) == ("silver", 1_000)
    story = story.tick(FALL + DAY)
    assert (story.tier, story.spend) == ("member", 0)
    assert story.told == [
        "tier.upgraded member silver",
        "tier.upgraded silver gold",
        "tier.downgraded gold silver",
        "tier.downgraded silver member",
    ]


def test_several_deadlines_at_once_are_met_in_order_and_told_as_one_change() -> None:
    story = given(bought(START, 4_000), bought(START + DAY, 1_000, "o2"))
    later = story.tick(FALL + 100 * DAY)

    assert [c.at for c in later.customer.head.history[-2:]] == [FALL, FALL + DAY]
    assert later.since(story) == ["tier.downgraded gold member"]


def test_the_lowest_rung_never_falls() -> None:
    story = given(bought(START, 999))

    assert story.customer.head.tier_due == NEVER
    assert story.tick(FALL + DAY).last == story.last


@pytest.mark.parametrize(
    ("zone", "evening", "night"),
    [
        ("Asia/Ho_Chi_Minh", "2026-03-01T23:59:59", "2026-03-02T00:00:00"),  # one UTC day
        ("Europe/Berlin", "2026-10-25T23:59:59", "2026-10-26T00:00:00"),  # after a day of 25 hours
        ("America/Sao_Paulo", "2018-11-03T23:59:59", "2018-11-04T01:00:00"),  # the day begins at one o'clock
    ],
)
def test_days_are_those_of_the_programmes_zone(zone: str, evening: str, night: str) -> None:
    here = rules(time_zone=zone)
    story = given(bought(at(evening, zone), 600), bought(at(night, zone), 600, "o2"), by=here)

    assert list(story.customer.head.days.values()) == [Day(600, 1), Day(600, 1)]
    assert story.tier == "silver"
    fall = here.calendar.start(here.calendar.day(at(evening, zone)) + 365)
    assert story.tick(fall - 1).tier == "silver"
    assert story.tick(fall).tier == "member"


def test_a_tier_falls_at_local_midnight_whatever_the_clocks_did() -> None:
    berlin = rules(time_zone="Europe/Berlin", tiers={"ladder": LADDER, "window": {"rolling_days": 30}})
    story = given(bought(at("2026-03-10T12:00", "Europe/Berlin")), by=berlin)  # winter time; the fall is in summer time

    assert tiers.falls_at(story.customer.head, story.customer.head.reached, berlin) == at(
        "2026-04-09T00:00", "Europe/Berlin"
    )


@pytest.mark.parametrize(
    ("local", "fall"),
    [
        ("2024-02-29T12:00", "2025-02-28T00:00"),  # 365 days, whatever year it is
        ("2023-02-28T12:00", "2024-02-28T00:00"),
        ("2023-03-01T12:00", "2024-02-29T00:00"),
        ("2026-01-31T12:00", "2027-01-31T00:00"),
        ("2026-12-31T23:59", "2027-12-31T00:00"),
    ],
)
def test_leap_days_and_month_ends_are_days_like_others(local: str, fall: str) -> None:
    story = given(bought(at(local)))

    assert story.tick(at(fall) - 1).tier == "silver"
    assert story.tick(at(fall)).tier == "member"


@pytest.mark.parametrize(("second", "fall"), [(999, FALL), (1_000, FALL + DAY)])
def test_what_is_left_on_the_threshold_still_holds_the_tier(second: int, fall: int) -> None:
    story = given(bought(START), bought(START + DAY, second, "o2"))

    assert tiers.falls_at(story.customer.head, story.customer.head.reached, story.rules) == fall


@pytest.mark.parametrize(("orders", "fall"), [(2, FALL), (3, FALL + DAY)])
def test_as_many_orders_as_are_asked_for_hold_the_tier(orders: int, fall: int) -> None:
    visits = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"orders": 2}}]})
    story = given(*(bought(START + min(n, 1) * DAY + n, 1, f"o{n}") for n in range(orders)), by=visits)

    assert tiers.falls_at(story.customer.head, story.customer.head.reached, visits) == fall


def test_a_tier_that_the_policy_no_longer_has_counts_as_the_lowest() -> None:
    other = rules(tiers={"ladder": [{"name": "guest"}, {"name": "friend", "enter": {"spend": 1_000}}]})
    story = Spec(other, given(bought(START)).customer)

    assert story.when(bought(START + 1, 1, "o2")).tier == "friend"
    assert other.rung_of("silver") == 0


def test_a_window_of_one_day_ends_with_the_day() -> None:
    today = rules(tiers={"ladder": LADDER, "window": {"rolling_days": 1}})
    story = given(bought(at("2026-03-01T23:59:59"), 600), by=today)

    assert story.when(bought(at("2026-03-01T23:59:59.999999"), 400, "o2")).tier == "silver"
    assert story.when(bought(at("2026-03-02T00:00"), 400, "o2")).tier == "member"


@pytest.mark.parametrize(("orders", "tier"), [(2, "member"), (3, "silver")])
def test_orders_are_a_measure_too(orders: int, tier: str) -> None:
    visits = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"orders": 3}}]})
    story = given(*(bought(START + n, 1, f"o{n}") for n in range(orders)), by=visits)

    assert story.tier == tier
    assert story.tick(FALL).tier == "member"


@pytest.mark.parametrize(("amounts", "tier"), [((1_000,), "member"), ((499, 500), "member"), ((500, 500), "silver")])
def test_all_thresholds_of_a_rung_must_be_reached(amounts: tuple[int, ...], tier: str) -> None:
    both = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000, "orders": 2}}]})
    story = given(*(bought(START + n, amount, f"o{n}") for n, amount in enumerate(amounts)), by=both)

    assert story.tier == tier


def test_a_tier_falls_when_the_first_of_its_thresholds_does() -> None:
    both = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000, "orders": 2}}]})
    story = given(bought(START, 1), bought(START + DAY, 5_000, "o2"), by=both)

    assert tiers.falls_at(story.customer.head, story.customer.head.reached, both) == FALL


def test_an_open_detractor_case_holds_promotion_back_until_it_is_resolved() -> None:
    story = given(opened(START), feedback(START + 1, score=6), by=rules(tiers=GUARDED))
    held = story.when(bought(START + HOUR))

    assert (held.tier, held.told) == ("member", [])
    assert held.profile["progress"]["held_back_by"] == ["open-detractor-case"]
    freed = held.when(resolved(START + DAY))
    assert freed.told == ["tier.upgraded member silver"]
    assert freed.customer.head.tier_since == START + DAY
    assert freed.outputs[-1].event["data"]["reason"] == "guard"


def test_an_open_case_of_a_content_customer_holds_nothing_back() -> None:
    story = given(opened(START), feedback(START + 1, score=7), bought(START + 2), by=rules(tiers=GUARDED))

    assert story.tier == "silver"


def test_a_guard_that_the_policy_does_not_name_holds_nothing_back() -> None:
    assert given(opened(START), feedback(START + 1, score=0), bought(START + 2)).tier == "silver"


def test_a_guard_never_takes_a_tier_away_nor_stops_a_fall() -> None:
    story = given(bought(START, 5_000), opened(START + 1), feedback(START + 2, score=0), by=rules(tiers=GUARDED))

    assert story.tier == "gold"
    assert story.tick(FALL).tier == "member"


def test_a_guard_holds_at_the_rung_that_was_reached_before() -> None:
    story = given(bought(START), opened(START + 1), feedback(START + 2, score=0), by=rules(tiers=GUARDED))

    assert story.when(bought(START + 3, 9_000, "o2")).tier == "silver"


def test_what_is_held_back_too_long_has_left_the_window_by_then() -> None:
    story = given(opened(START), feedback(START, score=0), bought(START + 1), by=rules(tiers=GUARDED))

    assert story.tick(FALL).when(resolved(FALL + DAY)).told == []


def test_the_next_rung_and_what_is_missing_for_it() -> None:
    story = given(bought(START, 300))

    assert tiers.missing(story.customer.head, START, story.rules) == ("silver", {"spend": 700})
    assert tiers.missing(given(bought(START, 5_000)).customer.head, START, story.rules) is None


def test_the_history_keeps_the_newest_changes() -> None:
    story = given()
    for number in range(10):
        order = f"o{number}"
        story = story.each(bought(START + 2 * number, 1_000, order), cancelled(START + 2 * number + 1, order))

    history = story.customer.head.history
    assert len(history) == tiers.HISTORY_MAX
    assert history[-1].at == START + 19
    assert len(story.told) == 20


def test_the_next_deadline_is_never_after_the_fall() -> None:
    story = given(bought(START), bought(START + 40 * DAY, 1_000, "o2"), bought(START + 80 * DAY, 1_000, "o3"))
    assert story.customer.head.tier_due <= tiers.falls_at(story.customer.head, story.customer.head.reached, story.rules)

    story = story.when(refunded(START + 81 * DAY, "o2"))
    assert story.customer.head.tier_due <= tiers.falls_at(story.customer.head, story.customer.head.reached, story.rules)
    assert story.tick(START + 365 * DAY).tier == "silver"
    last = story.rules.calendar.start(story.rules.calendar.day(START + 80 * DAY) + 365)
    assert story.tick(last - 1).tier == "silver"
    assert story.tick(last).tier == "member"


def test_looking_again_where_nothing_falls_changes_nothing_that_is_seen() -> None:
    story = given(bought(START), bought(START + DAY, 1_000, "o2"))
    looked = story.tick(FALL)

    assert looked.decision.changed
    assert looked.outputs == story.outputs
    assert looked.customer.head.tier_due == FALL + DAY
    assert looked.customer.head.history == story.customer.head.history


def test_the_profile_shows_the_window_of_the_moment_it_is_asked_for() -> None:
    story = given(bought(START, 999)).tick(FALL - 1)
    assert story.profile["measures"] == {"spend": 999, "orders": 1}
    assert story.tick(FALL).profile["measures"] == {"spend": 0, "orders": 0}
    assert Calendar("Asia/Ho_Chi_Minh").start(story.rules.calendar.day(FALL)) == FALL
