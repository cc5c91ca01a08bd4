"""Segments: kinds of customers by recency, frequency and money, over the window of the tiers."""

import pytest

from cx.calendar import DAY
from tests.spec import LADDER, Spec, at, bought, given, refunded, rules, touched

START = at("2026-03-01T10:00")
ALL = [
    {"id": "champion", "recency_days": 30, "orders": 2, "spend": 500},
    {"id": "fresh", "recency_days": 10},
    {"id": "big", "spend": 900},
    {"id": "rest"},
]
WINDOW = {"ladder": LADDER, "window": {"rolling_days": 60}}


def segment(story: Spec) -> str | None:
    found = story.profile["segment"]
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("amounts", "days", "found"),
    [
        ((250, 250), 30, "champion"),
        ((250, 250), 31, "rest"),
        ((250, 249), 10, "fresh"),
        ((250, 249), 11, "rest"),
        ((900,), 11, "big"),
        ((899,), 11, "rest"),
        ((499, 500), 59, "big"),
        ((499, 500), 60, "rest"),
        ((), 0, "rest"),
    ],
)
def test_the_first_that_fits_counts(amounts: tuple[int, ...], days: int, found: str) -> None:
    story = given(touched(START - DAY), by=rules(segments=ALL, tiers=WINDOW))
    for number, amount in enumerate(amounts):
        story = story.when(bought(START + number, amount, f"o{number}"))

    assert segment(story.tick(START + days * DAY)) == found


def test_an_order_undone_counts_for_nothing() -> None:
    story = given(bought(START, 900, "o1"), bought(START + 20 * DAY, 1, "o2"), by=rules(segments=ALL, tiers=WINDOW))
    assert segment(story) == "champion"

    assert segment(story.when(refunded(START + 20 * DAY + 1, "o2"))) == "big"


def test_who_fits_none_and_who_is_asked_of_no_policy_has_none() -> None:
    assert segment(given(touched(START), by=rules(segments=ALL[:3]))) is None
    assert segment(given(bought(START))) is None
