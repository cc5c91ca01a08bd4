"""Orders: which of their amounts qualify, on which day, and for how long an order is known."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis.strategies import text

from cx.calendar import DAY, HOUR
from cx.moments import Line, Purchased, joined, parted
from tests.spec import at, bought, given, refunded, rules

START = at("2026-03-01T10:00")
LINES = (Line("l1", "food", 600), Line("l2", "gift-cards", 300), Line("l3", "toys", 100))


@pytest.mark.parametrize(
    ("spend", "qualifies"),
    [
        ({}, 1_000),
        ({"tax": True}, 1_080),
        ({"shipping": True}, 1_020),
        ({"tax": True, "shipping": True}, 1_100),
        ({"excluded_categories": ["gift-cards"]}, 700),
        ({"excluded_categories": ["gift-cards", "food", "toys"]}, 0),
        ({"excluded_categories": ["toy"]}, 1_000),
    ],
)
def test_the_policy_says_which_amounts_qualify(spend: dict[str, Any], qualifies: int) -> None:
    story = given(bought(START, lines=LINES, shipping=20, tax=80), by=rules(spend=spend))

    assert (story.spend, story.orders) == (qualifies, 1)


@pytest.mark.parametrize(
    ("paid_otherwise", "excluded", "qualifies"),
    [
        ((("points", 250),), ["points"], 750),
        ((("points", 250),), ["gift-card"], 1_000),
        ((("points", 250), ("gift-card", 250)), ["points", "gift-card"], 500),
        ((("points", 1_000),), ["points"], 0),
        ((("points", 5_000),), ["points"], 0),  # a producer's rounding never makes spend negative
        ((("points", 250),), [], 1_000),
    ],
)
def test_what_was_not_paid_in_money_counts_less(
    paid_otherwise: tuple[tuple[str, int], ...], excluded: list[str], qualifies: int
) -> None:
    story = given(bought(START, not_money=paid_otherwise), by=rules(spend={"excluded_payments": excluded}))

    assert story.spend == qualifies


def test_points_are_spread_over_all_that_was_bought_not_only_over_what_qualifies() -> None:
    spend = {"excluded_categories": ["gift-cards"], "excluded_payments": ["points"]}
    order = bought(START, lines=(Line("l1", "food", 600), Line("l2", "gift-cards", 400)), not_money=(("points", 500),))

    assert given(order, by=rules(spend=spend)).spend == 300


def test_points_are_spread_over_shipping_and_tax_too() -> None:
    order = bought(START, 600, shipping=300, tax=100, not_money=(("points", 500),))

    assert given(order).spend == 300


def test_points_paid_for_an_order_of_nothing_take_nothing() -> None:
    story = given(bought(START, 0, not_money=(("points", 5),)))

    assert (story.spend, story.orders) == (0, 1)
    assert story.when(refunded(START + 1)).orders == 0


def test_a_share_of_points_that_does_not_divide_is_rounded_in_the_customers_favour() -> None:
    order = bought(START, lines=(Line("l1", "food", 10), Line("l2", "gift-cards", 20)), not_money=(("points", 1),))

    assert given(order, by=rules(spend={"excluded_categories": ["gift-cards"]})).spend == 10


def test_an_order_that_was_paid_with_points_can_be_refunded_to_nothing() -> None:
    story = given(bought(START, 999, not_money=(("points", 333),)), refunded(START + 1, "o1", ("l1", 500)))

    assert story.spend == 333
    assert story.when(refunded(START + 2)).spend == 0


def test_the_same_order_id_of_another_source_is_another_order() -> None:
    story = given(bought(START, 600), bought(START + 1, 600, source="marketplace"))

    assert (story.spend, story.orders) == (1_200, 2)
    assert story.when(refunded(START + 2, source="marketplace")).spend == 600


def test_an_order_of_nothing_counts_as_a_visit() -> None:
    assert given(bought(START, 0)).orders == 1


def test_orders_are_forgotten_when_no_event_can_name_them_any_more() -> None:
    # A refund looks back for the refund horizon, and may itself come as late as lateness allows.
    story = given(bought(START), bought(START + 120 * DAY - 1, 1, "o2"))
    assert len(story.customer.head.open_orders) == 2

    story = given(bought(START), bought(START + 120 * DAY, 1, "o2"))
    assert list(story.customer.head.open_orders) == ["o2\nshop"]
    assert story.spend == 1_001, "its spend counts for as long as the window says"


def test_an_order_id_used_again_after_its_horizon_is_a_new_order() -> None:
    story = given(bought(START, 600), bought(START + 90 * DAY, 700, id="again"))

    assert (story.spend, story.orders, story.refusals) == (1_300, 2, ())
    assert story.when(refunded(START + 91 * DAY)).spend == 600, "a refund takes from the order of now"


def test_within_the_horizon_an_order_id_used_again_is_a_conflict() -> None:
    story = given(bought(START, 600), bought(START + 90 * DAY - 1, 700, id="again"))

    assert (story.spend, story.refusals) == (600, (("conflicting-order", "data.order_id"),))


def test_an_id_used_again_moves_the_order_to_its_new_time() -> None:
    story = given(bought(START, 1), bought(START + 80 * DAY, 2, "o2"), bought(START + 95 * DAY, 3, id="again"))

    assert list(story.customer.head.open_orders) == ["o2\nshop", "o1\nshop"]
    later = story.when(bought(START + 201 * DAY, 4, "o3"))
    assert list(later.customer.head.open_orders) == ["o1\nshop", "o3\nshop"]


FIRST = bought(START)
AGAIN = bought(START, id="again")  # the same order, by another event
LATER = bought(START + 121 * DAY, 2_000, "o2")  # by when the first is too old to be refunded
ANEW = bought(START + 100 * DAY, 2_000, id="anew")  # its number used for another order


@pytest.mark.parametrize("after", [LATER, ANEW])
@pytest.mark.parametrize("together", [True, False])
def test_an_order_counts_once_wherever_it_is_repeated(after: Purchased, *, together: bool) -> None:
    for order in permutations((FIRST, AGAIN, after)):
        story = given().when(*order) if together else given(*order)
        assert (story.spend, story.orders, story.refusals) == (3_000, 2, ())
        assert [moment.id for moment in story.customer.recent] == ["again", after.id]


def test_an_order_of_the_base_counts_once_though_a_newer_one_has_made_it_too_old() -> None:
    few = [bought(START + n * HOUR, 1, f"few{n}") for n in range(20)]
    ahead = START + 200 * DAY
    story = given(FIRST, *few).tick(START + 31 * DAY).each(LATER, bought(ahead, 1, "o3"), recorded=ahead)
    assert story.customer.floor > START

    again = bought(START + 2 * DAY, id="again")
    assert story.when(again).orders == story.orders


def test_names_with_line_breaks_are_kept_apart() -> None:
    one, other = bought(START, order="o\nx", source="s"), bought(START + 1, order="o", source="x\ns", id="other")
    story = given(one, other, by=rules(points={"rates": [{"per": 10}]}))
    assert (story.orders, [output.event["data"]["lot"] for output in story.outputs[1:]]) == (2, ["o\nx", "o"])

    undone = story.when(refunded(START + 2, "o", source="x\ns"))
    assert [order.id for order in undone.customer.head.open_orders.values() if order.undone] == ["other"]


@given_any(text(alphabet="a\\n\n"), text(alphabet="a\\n\n"))
def test_a_key_of_two_names_is_taken_apart_again(first: str, second: str) -> None:
    assert parted(joined(first, second)) == (first, second)
