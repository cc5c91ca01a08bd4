"""Streaks: weeks or months one after another with an order that counts."""

from typing import Any

import pytest

from cx.calendar import DAY
from cx.rules import Rules
from cx.streaks import name_of, period_of, year_of
from tests.spec import GIFT, Spec, at, bought, cancelled, day, given, refunded, rules

MONTHS = {"orders": 3, "within": "month"}
WEEKS = {"orders": 2, "within": "week"}


def gives(streak: dict[str, Any] = MONTHS, **more: Any) -> Rules:
    rule = {"id": "gift", "when": {"streak": streak}, "every": "occasion", "gift": GIFT, "remind_days": 0} | more
    return rules(rewards=[rule])


def orders(*days: str, by: Rules | None = None) -> Spec:
    """Return the story of an order at noon of each of *days*; they are called after their days."""
    return given(*[bought(at(f"{one}T12:00"), 10, one) for one in days], by=by or gives())


def owed(story: Spec) -> list[str]:
    return [one.occasion for one in story.customer.head.entitlements.values() if not one.lost]


@pytest.mark.parametrize(
    ("text", "unit", "name", "year"),
    [
        ("2026-01-31", "month", "2026-01", 2026),
        ("2026-12-01", "month", "2026-12", 2026),
        ("2026-03-01", "week", "2026-W09", 2026),  # a Sunday
        ("2026-03-02", "week", "2026-W10", 2026),
        ("2027-01-03", "week", "2026-W53", 2026),
        ("2029-12-31", "week", "2030-W01", 2030),
    ],
)
def test_periods_have_the_names_that_people_give_them(text: str, unit: str, name: str, year: int) -> None:
    period = period_of(day(text), unit)

    assert (name_of(period, unit), year_of(period, unit)) == (name, year)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (("2026-01-31", "2026-02-01"), []),
        (("2026-01-31", "2026-02-01", "2026-03-31"), ["2026-03"]),
        (("2026-01-01", "2026-02-28", "2026-04-01"), []),
        (("2025-11-30", "2025-12-31", "2026-01-01"), ["2026-01"]),
    ],
)
def test_an_order_in_each_month_in_a_row_entitles(days: tuple[str, ...], found: list[str]) -> None:
    assert owed(orders(*days)) == found


def test_a_month_begins_with_its_local_day() -> None:
    story = given(
        bought(at("2026-01-31T23:59"), 1, "a"),
        bought(at("2026-02-01T00:00"), 1, "b"),
        by=gives({"orders": 2, "within": "month"}),
    )

    assert owed(story) == ["2026-02"]
    assert story.outputs[-1].event["causationid"] == "buy-b"


@pytest.mark.parametrize(
    ("second", "found"),
    [("2026-03-08", []), ("2026-03-09", ["2026-W11"]), ("2026-03-15", ["2026-W11"]), ("2026-03-16", [])],
)
def test_a_week_begins_on_monday(second: str, found: list[str]) -> None:
    assert owed(orders("2026-03-02", second, by=gives(WEEKS))) == found


def test_months_that_have_earned_a_reward_do_not_count_again() -> None:
    days = [f"2026-{month:02}-10" for month in range(1, 10)]

    assert owed(orders(*days)) == ["2026-03", "2026-06", "2026-09"]


def test_a_gap_begins_the_count_anew() -> None:
    days = [f"2026-{month:02}-10" for month in (1, 2, 4, 5, 6, 7)]

    assert owed(orders(*days)) == ["2026-06"]


def test_more_orders_of_a_month_make_no_difference() -> None:
    assert owed(orders("2026-01-01", "2026-01-31", "2026-02-01", "2026-02-02", "2026-03-01", "2026-03-02")) == [
        "2026-03"
    ]


def test_one_a_year_belongs_to_the_year_of_the_last_month() -> None:
    days = [f"2026-{month:02}-10" for month in range(1, 13)]

    assert owed(orders("2025-12-01", *days, "2027-01-05", by=gives(every="year"))) == ["2026", "2027"]


def test_an_order_undone_breaks_its_streak() -> None:
    story = orders("2026-01-10", "2026-02-10", "2026-03-10")
    after = story.when(refunded(at("2026-03-11T10:00"), "2026-02-10"))

    assert owed(after) == []
    assert after.since(story) == ["reward.revoked gift 2026-03 1"]


@pytest.mark.parametrize("again", ["2026-03-10", "2026-03-20"])
def test_an_order_undone_where_another_counts_for_its_month_breaks_nothing(again: str) -> None:
    story = orders("2026-01-10", "2026-02-10", "2026-03-10", "2026-03-20")

    assert owed(story.when(cancelled(at("2026-03-21T10:00"), again))) == ["2026-03"]


def test_when_all_orders_of_a_month_are_undone_whichever_came_first_the_streak_is_broken() -> None:
    story = orders("2026-01-10", "2026-02-10", "2026-03-10", "2026-03-20")
    first = cancelled(at("2026-03-21T10:00"), "2026-03-10")

    assert owed(story.when(first).when(cancelled(at("2026-03-21T11:00"), "2026-03-20"))) == []


def test_part_of_an_order_paid_back_breaks_nothing() -> None:
    story = orders("2026-01-10", "2026-02-10", "2026-03-10")

    assert owed(story.when(refunded(at("2026-03-11T10:00"), "2026-02-10", ("l1", 9)))) == ["2026-03"]


def test_a_streak_broken_and_completed_again_gives_the_same_reward_again() -> None:
    story = orders("2026-01-10", "2026-02-10", "2026-03-10").when(cancelled(at("2026-03-11T10:00"), "2026-03-10"))
    again = story.when(bought(at("2026-03-12T10:00"), 1, "again"))

    assert again.since(story) == ["reward.issued gift 2026-03 1"]


@pytest.mark.parametrize(("every", "left"), [("occasion", ["2026-04"]), ("year", ["2026"])])
def test_without_a_broken_run_the_months_after_it_may_be_one(every: str, left: list[str]) -> None:
    story = orders("2026-01-20", "2026-02-10", "2026-03-10", "2026-04-10", by=gives(every=every))
    after = story.when(refunded(at("2026-04-11T10:00"), "2026-01-20"))

    assert owed(after) == left
    assert after.customer.head.entitlements[f"gift/{left[0]}/1"].ground == {
        "period": period_of(day("2026-04-01"), "month")
    }


def test_a_late_order_closes_a_gap() -> None:
    story = orders("2026-01-10", "2026-03-10")
    late = story.when(bought(at("2026-02-20T10:00"), 1, "late"), recorded=at("2026-03-11T10:00"))

    assert owed(late) == ["2026-03"]
    assert late.customer.head.entitlements["gift/2026-03/1"].at == at("2026-03-10T12:00")


def test_an_order_undone_before_it_came_is_none() -> None:
    story = orders("2026-01-10", "2026-02-10").when(cancelled(at("2026-03-09T10:00"), "o9"))

    assert owed(story.when(bought(at("2026-03-10T10:00"), 1, "o9"))) == []


def test_no_more_periods_are_kept_than_can_be_asked_for() -> None:
    by = gives(WEEKS)
    story = given(*[bought(at("2026-01-05T10:00") + week * 7 * DAY, 1, f"o{week}") for week in range(60)], by=by)

    # Twice the run, and the 120 days that an order may be undone or come late.
    assert len(story.customer.head.runs["week"]) == 2 * 2 + 120 // 7 + 2
