"""Refunds and cancellations: they lower the day of their purchase, in whatever order they come."""

from collections.abc import Callable
from itertools import permutations

import pytest

from cx.calendar import DAY, HOUR
from cx.moments import AnyMoment, Line, Refunded
from cx.state import Day, encode
from tests.spec import Spec, at, bought, cancelled, day, given, refunded, rules, touched

Undo = Callable[[int], AnyMoment]

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")


def test_a_refund_lowers_the_day_of_its_purchase_never_its_own() -> None:
    story = given(bought(START, 1_500), refunded(START + 30 * DAY, "o1", ("l1", 400)))

    assert story.customer.head.days == {day("2026-03-01"): Day(1_100, 1)}


def test_a_refund_after_an_upgrade_takes_the_tier_at_once() -> None:
    story = given(bought(START)).when(refunded(START + HOUR, "o1", ("l1", 1)))

    assert story.told == ["tier.upgraded member silver", "tier.downgraded silver member"]
    assert story.outputs[-1].event["data"]["reason"] == "refund"
    assert story.outputs[-1].event["causationid"] == f"refund-o1-{START + HOUR}"
    assert story.customer.head.tier_since == START + HOUR


def test_a_refund_that_leaves_the_threshold_leaves_the_tier() -> None:
    assert given(bought(START, 1_500), refunded(START + 1, "o1", ("l1", 500))).tier == "silver"


def test_a_refund_without_lines_takes_all_that_is_left() -> None:
    everything = rules(spend={"tax": True, "shipping": True})
    order = bought(START, 700, shipping=200, tax=100)
    story = given(order, refunded(START + 1, "o1", ("l1", 300), shipping=50), by=everything)

    assert (story.spend, story.orders) == (650, 1)
    story = story.when(refunded(START + 2))
    assert (story.spend, story.orders, story.refusals) == (0, 0, ())


def test_an_order_counts_until_its_last_amount_is_refunded() -> None:
    story = given(bought(START, 700, shipping=10), refunded(START + 1, "o1", ("l1", 700)))
    assert (story.spend, story.orders) == (0, 1)

    assert story.when(refunded(START + 2, shipping=10)).orders == 0


@pytest.mark.parametrize(
    ("refund", "fits"),
    [
        (refunded(START + 1, "o1", ("l1", 1_000)), True),
        (refunded(START + 1, "o1", ("l1", 1_001)), False),
        (refunded(START + 1, "o1", ("l1", 500), ("l1", 500)), True),
        (refunded(START + 1, "o1", ("l1", 500), ("l1", 501)), False),
        (refunded(START + 1, "o1", ("l9", 1)), False),
        (refunded(START + 1, shipping=20), True),
        (refunded(START + 1, shipping=21), False),
        (refunded(START + 1, tax=80), True),
        (refunded(START + 1, tax=81), False),
        (refunded(START + 1, "o1", ("l1", 1), shipping=21), False),
    ],
)
def test_a_refund_is_not_larger_than_what_is_left(refund: Refunded, *, fits: bool) -> None:
    everything = rules(spend={"tax": True, "shipping": True})
    story = given(bought(START, shipping=20, tax=80), by=everything)
    after = story.when(refund)

    assert (after.spend < story.spend) is fits
    late = after.tick(START + 1 + 30 * DAY)
    assert late.refusals == (() if fits else (("refund-too-large", "data"),))
    assert late.spend == after.spend


def test_what_is_left_is_judged_in_the_order_of_event_times() -> None:
    second = refunded(START + 2, "o1", ("l1", 400))
    moments: list[AnyMoment] = [bought(START), refunded(START + 1, "o1", ("l1", 700)), second]
    stories = [given(*order).tick(START + 40 * DAY) for order in permutations(moments)]

    assert {story.spend for story in stories} == {300}
    assert {story.refusals for story in stories} == {(("refund-too-large", "data"),)}
    assert {story.kept[0].value for story in stories} == {second.id.encode()}


def test_a_second_full_refund_is_larger_than_what_is_left() -> None:
    story = given(bought(START), refunded(START + 1), refunded(START + 2)).tick(START + 31 * DAY)

    assert story.refusals == (("refund-too-large", "data"),)
    assert story.customer.events_held == 2


@pytest.mark.parametrize(("wait", "known"), [(90 * DAY - 1, True), (90 * DAY, False)])
def test_an_order_can_be_refunded_within_the_refund_horizon(wait: int, *, known: bool) -> None:
    story = given(bought(START), refunded(START + wait))

    assert story.spend == (0 if known else 1_000)
    assert story.profile["waiting"] == (0 if known else 1)
    assert story.tick(START + wait + 30 * DAY).refusals == (() if known else (("unknown-order", "data.order_id"),))


@pytest.mark.parametrize("undo", [refunded, cancelled])
def test_what_arrives_before_its_purchase_waits_for_it(undo: Undo) -> None:
    story = given(undo(START + HOUR))
    assert (story.tier, story.profile["waiting"]) == ("member", 1)

    story = story.when(bought(START))
    assert (story.tier, story.spend, story.profile["waiting"]) == ("member", 0, 0)
    assert story.told == [], "the tier between the two was never told, so nothing is"
    assert [c.after for c in story.customer.head.history] == ["silver", "member"]


@pytest.mark.parametrize("undo", [refunded, cancelled])
def test_what_happened_before_its_purchase_by_a_slow_clock_takes_effect_with_it(undo: Undo) -> None:
    story = given(undo(START - HOUR), bought(START))

    assert (story.tier, story.spend, story.orders, story.told) == ("member", 0, 0, [])
    assert story.customer.head.history == ()
    assert story.customer.head.waiting == {}


def test_part_of_an_order_refunded_before_its_purchase_leaves_the_rest() -> None:
    story = given(refunded(START - 1, "o1", ("l1", 300)), bought(START, 1_500))

    assert (story.spend, story.tier) == (1_200, "silver")


def test_at_equal_times_the_purchase_comes_first() -> None:
    moments: list[AnyMoment] = [bought(START), refunded(START, "o1", ("l1", 1)), cancelled(START)]
    for order in permutations(moments):
        story = given(*order)
        assert (story.spend, story.tier, story.refusals) == (0, "member", ())


def test_a_refund_across_the_edge_of_the_window_takes_nothing_from_what_is_left() -> None:
    short = rules(tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}}],
                         "window": {"rolling_days": 30}})  # fmt: skip
    story = given(bought(START), bought(START + 20 * DAY, 1_000, "o2"), by=short)
    gone = at("2026-03-31T00:00")

    for when in (gone - 1, gone):
        after = story.when(refunded(when))
        assert (after.tier, after.refusals) == ("silver", ())
        assert after.tick(gone).spend == 1_000


def test_a_refund_brings_the_fall_forward() -> None:
    story = given(bought(START), bought(START + 40 * DAY, 1_000, "o2"))
    kept = story.tick(FALL)
    assert kept.tier == "silver"

    sooner = story.when(refunded(START + 41 * DAY, "o2", ("l1", 1)))
    assert sooner.tick(FALL - 1).tier == "silver"
    assert sooner.tick(FALL).tier == "member"


def test_a_late_refund_is_as_if_it_had_come_in_time() -> None:
    refund = refunded(START + 2 * DAY)
    story = given(bought(START), bought(START + DAY, 600, "o2"), touched(START + 10 * DAY))
    late = story.when(refund)
    timely = given(bought(START), bought(START + DAY, 600, "o2"), refund, touched(START + 10 * DAY))

    assert late.customer.head == timely.customer.head
    assert late.since(story) == ["tier.downgraded silver member"]


def test_a_late_refund_between_two_purchases_corrects_what_was_told() -> None:
    story = given(bought(START, 600), bought(START + 2 * DAY, 400, "o2"))
    late = story.when(refunded(START + DAY, "o1", ("l1", 1)))

    assert late.since(story) == ["tier.corrected silver member"]
    assert late.outputs[-1].event["data"]["reason"] == "correction"


def test_a_cancellation_undoes_an_order_once() -> None:
    story = given(bought(START), cancelled(START + 1))
    again = story.when(cancelled(START + 2))

    assert (again.spend, again.orders) == (0, 0)
    assert again.customer.head.scores == story.customer.head.scores, "the second changes nothing"
    assert again.tick(START + 60 * DAY).refusals == ()


def test_a_cancellation_takes_what_a_refund_has_left() -> None:
    story = given(bought(START), refunded(START + 1, "o1", ("l1", 400)), cancelled(START + 2))

    assert (story.spend, story.orders) == (0, 0)


def test_a_refund_of_a_cancelled_order_is_too_large() -> None:
    assert given(bought(START), cancelled(START + 1), refunded(START + 2)).tick(FALL).refusals == (
        ("refund-too-large", "data"),
    )


@pytest.mark.parametrize("undo", [refunded, cancelled])
def test_an_order_of_nothing_is_counted_out_once(undo: Undo) -> None:
    story = given(bought(START, 0), undo(START + 1))
    assert story.orders == 0

    assert story.when(cancelled(START + 2)).orders == 0


def test_a_line_of_an_excluded_category_is_refunded_without_lowering_spend() -> None:
    lines = (Line("l1", "food", 1_000), Line("l2", "gift-cards", 500))
    story = given(bought(START, lines=lines), by=rules(spend={"excluded_categories": ["gift-cards"]}))

    assert story.when(refunded(START + 1, "o1", ("l2", 500))).spend == 1_000


def test_what_has_taken_effect_for_good_is_kept_no_longer() -> None:
    story = given(bought(START), refunded(START + 1))
    assert len(story.customer.kept) == 1

    story = story.each(*(touched(START + n * DAY) for n in range(1, 20))).tick(START + 60 * DAY)
    story = story.when(touched(START + 60 * DAY))
    assert story.customer.kept == {}
    assert story.customer.base


def test_a_purchase_and_its_refund_leave_what_never_was() -> None:
    def left(story: Spec) -> tuple[object, ...]:
        return story.tier, story.profile["measures"], story.profile["progress"], story.profile["tier_until"]

    without = given(bought(START, 800, "o0"), touched(START + 5 * DAY))
    both = given(bought(START, 800, "o0"), bought(START + DAY), refunded(START + 2 * DAY), touched(START + 5 * DAY))

    assert left(both) == left(without)
    assert encode(both.customer, both.rules.lateness)[:8] == encode(without.customer, without.rules.lateness)[:8]
