"""The journey: which stage and group a contact belongs to, how often, over what and in what mood."""

from __future__ import annotations

from typing import Any

import pytest

from cx.calendar import DAY, HOUR, rfc3339
from cx.moments import AnyMoment, Referred
from tests.spec import answered, at, bought, feedback, given, opened, refunded, resolved, touched

START = at("2026-03-01T10:00")


def journey(*moments: AnyMoment) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the map that *moments* lead to."""
    found: dict[str, dict[str, dict[str, Any]]] = given(*moments).profile["journey"]
    return found


def spots(*moments: AnyMoment) -> set[str]:
    """Return the stages and groups that *moments* lead to."""
    return {f"{stage} {group}" for stage, row in journey(*moments).items() for group in row}


def mood(*moments: AnyMoment) -> int | None:
    """Return the mood of the one spot that *moments* lead to."""
    ((spot,),) = (row.values() for row in journey(*moments).values())
    found: int | None = spot["mood"]
    return found


@pytest.mark.parametrize(
    ("channel", "group"), [("store", "people"), ("partner", "people"), ("web", "digital"), ("app", "digital")]
)
def test_a_purchase_is_of_people_in_a_shop_and_digital_elsewhere(channel: str, group: str) -> None:
    assert spots(bought(START, channel=channel)) == {f"purchase {group}"}


@pytest.mark.parametrize(
    ("channel", "group"),
    [("phone", "people"), ("chat", "people"), ("store", "people"), ("web", "digital"), ("app", "digital")],
)
def test_a_case_is_support_by_people_unless_it_came_over_web_or_app(channel: str, group: str) -> None:
    assert spots(opened(START, channel=channel)) == {f"support {group}"}


def test_a_touchpoint_says_itself_where_it_is() -> None:
    assert spots(touched(START, "consider", group="product", channel="store")) == {"consider product"}


def test_a_referral_is_advocacy_among_people() -> None:
    assert spots(Referred(START, "app", "r")) == {"advocate people"}


@pytest.mark.parametrize(
    ("instrument", "score", "stage"),
    [
        ("nps", 9, "advocate"),
        ("review", 5, "advocate"),
        ("csat", 5, "use"),
        ("ces", 7, "use"),
        ("complaint", None, "use"),
    ],
)
def test_feedback_about_nothing_named_is_advocacy_or_use_of_the_product(
    instrument: str, score: int | None, stage: str
) -> None:
    assert spots(feedback(START, instrument, score)) == {f"{stage} product"}


@pytest.mark.parametrize("instrument", ["nps", "csat"])
def test_feedback_about_a_case_is_support_and_about_an_order_use(instrument: str) -> None:
    assert spots(feedback(START, instrument, 5, case="k9", order="o9")) == {"support product"}
    assert spots(feedback(START, instrument, 5, order="o9")) == {"use product"}


@pytest.mark.parametrize(("channel", "group"), [("phone", "people"), ("app", "digital")])
def test_feedback_about_a_case_is_of_the_group_of_that_case(channel: str, group: str) -> None:
    found = journey(opened(START, channel=channel), feedback(START + 1, "csat", 5, case="k1"))
    assert found["support"][group]["count"] == 2


@pytest.mark.parametrize(("channel", "group"), [("store", "people"), ("app", "digital")])
def test_feedback_about_an_order_is_of_the_group_of_that_order(channel: str, group: str) -> None:
    found = journey(bought(START, channel=channel), feedback(START + 1, "csat", 5, order="o1"))
    assert set(found["use"]) == {group}


def test_what_feedback_says_of_its_group_goes_first() -> None:
    found = journey(opened(START), feedback(START + 1, "csat", 5, case="k1", touchpoint="digital"))
    assert set(found["support"]) == {"people", "digital"}


def test_the_last_contact_of_a_spot_is_shown_with_its_channel_and_how_many_there_were() -> None:
    found = journey(bought(START, channel="web"), bought(START + HOUR, 1, "o2", channel="app"))
    assert found == {
        "purchase": {"digital": {"last": rfc3339(START + HOUR), "channel": "app", "count": 2, "mood": None}}
    }


def test_feedback_has_no_channel_and_leaves_the_last_one() -> None:
    assert journey(feedback(START))["advocate"]["product"]["channel"] is None
    contact = touched(START, "use", group="product", channel="app")
    spot = journey(contact, feedback(START + 1, "csat", 5))["use"]["product"]
    assert (spot["channel"], spot["last"], spot["count"]) == ("app", rfc3339(START + 1), 2)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((5,), 100), ((5, 4), 88), ((1, 5, 5, 5, 5), 100), ((5, 5, 5, 5, 1), 75), ((3, 2, 2), 33)],
)
def test_the_mood_is_the_mean_of_the_last_four_answers_rounded_half_up(scores: tuple[int, ...], expected: int) -> None:
    assert mood(*(feedback(START + n, "csat", score) for n, score in enumerate(scores))) == expected


def test_a_complaint_is_the_worst_mood() -> None:
    assert mood(feedback(START, "csat", 5), feedback(START + 1, "complaint", None)) == 50


def test_what_is_done_about_a_case_or_an_order_is_no_contact() -> None:
    story: list[AnyMoment] = [opened(START), bought(START, channel="store")]
    more: list[AnyMoment] = [answered(START + 1), resolved(START + 2), refunded(START + 3)]
    assert journey(*story, *more) == journey(*story)


def test_a_late_contact_takes_its_place() -> None:
    late = [bought(START + DAY, channel="app"), bought(START, 1, "o2", channel="web")]
    assert given(late[0]).when(late[1], recorded=START + DAY).profile["journey"] == journey(*late[::-1])


@pytest.mark.parametrize(
    ("moments", "place"),
    [
        ([bought(START, store="hcm-1", channel="store")], ("hcm-1", "store")),
        ([bought(START, store="hcm-1", channel="store"), touched(START + 1)], ("", "web")),
        ([touched(START, store="hn-2", channel="store"), feedback(START + 1)], ("hn-2", "store")),
    ],
)
def test_a_customer_is_where_they_last_bought_or_met_the_brand(
    moments: list[AnyMoment], place: tuple[str, str]
) -> None:
    assert given(*moments).customer.head.place == place
