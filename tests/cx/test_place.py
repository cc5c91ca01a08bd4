"""Where a customer was last: store and channel of the last purchase or touchpoint."""

from cx.calendar import DAY
from tests.spec import at, bought, feedback, given, touched

START = at("2026-03-01T10:00")


def test_a_customer_is_where_they_bought_or_were_met_last() -> None:
    story = given(bought(START, channel="store", store="hcm-1"), touched(START + DAY, channel="app"))

    assert story.customer.head.place == ("", "app")
    assert story.when(touched(START + 2 * DAY, channel="store", store="hcm-2")).customer.head.place == (
        "hcm-2",
        "store",
    )


def test_what_says_no_place_moves_nobody_and_what_comes_late_nobody_back() -> None:
    story = given(bought(START, channel="store", store="hcm-1"), feedback(START + DAY))

    late = story.when(touched(START - DAY, channel="app"))

    assert (story.customer.head.place, late.customer.head.place) == (("hcm-1", "store"), ("hcm-1", "store"))
