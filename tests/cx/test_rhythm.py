"""The rhythm: when the time since the last order is longer than a customer's own gaps explain."""

from __future__ import annotations

import pytest

from cx import rhythm
from cx.calendar import DAY, HOUR
from cx.rules import Rules
from tests.spec import at, bought, day, given, rules

MARCH = at("2026-03-01T10:00")
FIRST = day("2026-03-01")


def silent_from(*days: int, by: Rules | None = None) -> int | None:
    """Return after how many days since the first of some orders their buyer is silent."""
    story = given(*(bought(MARCH + n * DAY, 1, f"o{place}") for place, n in enumerate(days)), by=by)
    found = rhythm.silent_from(story.customer.head, story.rules)
    return None if found is None else found - FIRST


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((0, 10, 20), None),  # two gaps say little
        ((0, 10, 20, 30), 30 + 25 + 1),  # the day 25 days on is still in it
        ((0, 10, 20, 60), 60 + 25 + 1),  # the median, not the mean
        ((0, 3, 8, 15, 16), 16 + 10 + 1),  # between two middle gaps, 3 and 5, the mean of them: 2.5 times 4
        ((0, 1, 2, 3), 3 + 2 + 1),  # a part of a day does not count
    ],
)
def test_silence_begins_when_the_usual_gap_has_passed_more_than_so_many_times(
    days: tuple[int, ...], expected: int | None
) -> None:
    assert silent_from(*days) == expected


def test_orders_of_one_day_are_one() -> None:
    first = [bought(MARCH + n * HOUR, 1, f"o{n}") for n in range(9)]
    assert rhythm.silent_from(given(*first).customer.head, rules()) is None


def test_only_the_last_eight_gaps_count() -> None:
    slow = [100 * n for n in range(6)]
    fast = [slow[-1] + n for n in range(1, 9)]
    assert silent_from(*slow, *fast) == fast[-1] + 2 + 1


def test_the_policy_says_how_long_and_how_many() -> None:
    assert silent_from(0, 10, by=rules(rhythm={"factor_pct": 400, "least_gaps": 1})) == 10 + 40 + 1


def test_an_order_that_comes_late_takes_its_place() -> None:
    days = [bought(MARCH + n * DAY, 1, f"o{n}") for n in (0, 10, 20, 30)]
    in_time, late = given(*days), given(*days[:1], *days[2:]).when(days[1], recorded=MARCH + 31 * DAY)
    assert late.customer.head.rhythm == in_time.customer.head.rhythm == (FIRST, FIRST + 10, FIRST + 20, FIRST + 30)


def test_a_rhythm_of_millennia_ends_with_the_calendar() -> None:
    ages = [bought(at("2026-03-01T10:00"), 1, "o1"), bought(at("8999-03-01T10:00"), 1, "o2")]
    policy = rules(rhythm={"least_gaps": 1}, levels=[{"level": 2, "all": [{"measure": "in_rhythm", "reach": 1}]}])
    story = given(*ages, by=policy)
    assert rhythm.silent_from(story.customer.head, policy) == day("9999-12-31")
    assert story.customer.head.level_due == at("9999-12-31T00:00")
