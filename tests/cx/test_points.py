"""The points ledger: earning, waiting, spending, running out, and what refunds take back."""

from __future__ import annotations

from typing import Any

import pytest

from cx.calendar import DAY, HOUR
from cx.moments import Line
from cx.rules import Rules
from tests.spec import LADDER, Spec, adjusted, asked, at, bought, cancelled, given, refunded, rules, touched

MARCH = at("2026-03-15T10:00")
RATE = {"per": 10}


def by(*rates: dict[str, Any], **points: Any) -> Rules:
    more = {name: points.pop(name) for name in ("tiers", "spend", "exchange_rates", "clock") if name in points}
    return rules(points={"rates": list(rates) or [RATE]} | points, **more)


def points(story: Spec) -> dict[str, int]:
    """Return the figures of the profile, having seen that they add up."""
    shown = {name: number for name, number in story.profile["points"].items() if name != "next_expiry"}
    balance = shown["earned"] - shown["spent"] - shown["expired"] - shown["reversed"]
    assert shown["balance"] == balance, "points are conserved"
    ledger = story.customer.head.ledger
    orders = story.customer.head.open_orders.values()
    left = sum(ledger.closed.values()) + sum(order.lot.left for order in orders if order.lot)
    assert balance == left - ledger.debt
    assert not (left and ledger.debt), "who has points left owes none"
    return shown


def balance(story: Spec) -> int:
    return points(story)["balance"]


# Earning


@pytest.mark.parametrize(("amount", "earned"), [(9, 0), (10, 1), (1_999, 199), (0, 0)])
def test_an_order_earns_by_its_amount_rounded_down(amount: int, earned: int) -> None:
    assert balance(given(bought(MARCH, amount), by=by())) == earned


def test_without_rates_nothing_is_earned() -> None:
    story = given(bought(MARCH, 1_000), by=rules())
    assert balance(story) == 0
    assert story.customer.head.open_orders["o1\nshop"].lot is None


def test_what_does_not_qualify_earns_nothing() -> None:
    spend = {"excluded_categories": ["gift-cards"], "excluded_payments": ["points"]}
    lines = (Line("l1", "food", 600), Line("l2", "gift-cards", 400))
    order = bought(MARCH, lines=lines, not_money=(("points", 500),))
    assert balance(given(order, by=by(spend=spend))) == 30, "half of 600 was paid in points"


def test_the_first_rate_that_fits_a_line_counts_for_it() -> None:
    lines = (Line("l1", "coffee", 100), Line("l2", "food", 100))
    policy = by({"per": 10, "points": 3, "categories": ["coffee"]}, RATE, {"per": 1})
    assert balance(given(bought(MARCH, lines=lines), by=policy)) == 30 + 10


def test_lines_of_one_rate_are_summed_before_rounding() -> None:
    lines = (Line("l1", "food", 5), Line("l2", "food", 5))
    assert balance(given(bought(MARCH, lines=lines), by=by())) == 1


def test_every_campaign_that_fits_adds() -> None:
    lines = (Line("l1", "coffee", 100), Line("l2", "food", 100))
    campaigns = [{"per": 10}, {"per": 5, "categories": ["coffee"]}, {"per": 1, "categories": ["shoes"]}]
    assert balance(given(bought(MARCH, lines=lines), by=by(campaigns=campaigns))) == 20 + 20 + 20


def test_campaigns_add_to_an_order_whose_lines_have_all_found_their_rate() -> None:
    lines = (Line("l1", "coffee", 100), Line("l2", "food", 100))
    policy = by({"per": 10, "categories": ["coffee"]}, RATE, {"per": 1}, campaigns=[{"per": 10}])
    assert balance(given(bought(MARCH, lines=lines), by=policy)) == 10 + 10 + 20


def test_a_campaign_may_be_for_some_tiers() -> None:
    policy = by(campaigns=[{"per": 10, "tiers": ["silver"]}])
    story = given(bought(MARCH, 1_000), by=policy)
    assert balance(story) == 100
    assert balance(story.when(bought(MARCH + HOUR, 1_000, "o2"))) == 100 + 200


@pytest.mark.parametrize(
    ("when", "earned"),
    [("2026-03-14T23:59", 100), ("2026-03-15T00:00", 200), ("2026-03-16T23:59", 200), ("2026-03-17T00:00", 100)],
)
def test_a_campaign_counts_from_its_first_local_day_to_its_last(when: str, earned: int) -> None:
    campaign = {"per": 10, "first": "2026-03-15", "last": "2026-03-16"}
    assert balance(given(bought(at(when), 1_000), by=by(campaigns=[campaign]))) == earned


@pytest.mark.parametrize(("channel", "earned"), [("app", 200), ("web", 100)])
def test_a_rate_may_be_for_some_channels(channel: str, earned: int) -> None:
    policy = by({"per": 5, "channels": ["app"]}, RATE)
    assert balance(given(bought(MARCH, 1_000, channel=channel), by=policy)) == earned


def test_the_tier_before_the_order_decides_its_rate() -> None:
    policy = by({"per": 5, "tiers": ["silver", "gold"]}, RATE)
    story = given(bought(MARCH, 1_000), by=policy)
    assert (story.tier, balance(story)) == ("silver", 100)
    assert balance(story.when(bought(MARCH + HOUR, 1_000, "o2"))) == 100 + 200


def test_shipping_and_tax_earn_where_they_count_and_have_no_category() -> None:
    counting = {"shipping": True, "tax": True}
    order = bought(MARCH, 100, shipping=50, tax=50)
    assert balance(given(order, by=by(spend=counting))) == 20
    assert balance(given(order, by=by({"per": 10, "categories": ["food"]}, spend=counting))) == 10
    assert balance(given(order, by=by())) == 10


def test_another_currency_is_converted_at_the_end() -> None:
    policy = by({"per": 10_000}, exchange_rates={"USD": {"units": 100, "worth": 25_400}})
    story = given(bought(MARCH, 199, currency="USD"), by=policy)  # 1.99 $ are 50,546 đồng
    assert (balance(story), story.spend) == (5, 50_546)
    story = story.when(refunded(MARCH + HOUR, "o1", ("l1", 100)))
    assert (balance(story), story.spend) == (2, 25_146)


# Waiting


def test_points_can_be_spent_from_the_start_of_their_day() -> None:
    story = given(bought(MARCH, 1_000), by=by(pending_days=30))
    assert points(story) == {"balance": 0, "pending": 100, "earned": 0, "spent": 0, "expired": 0, "reversed": 0}
    day = at("2026-04-14T00:00")
    assert balance(story.tick(day - 1)) == 0
    assert points(story.tick(day)) == points(story) | {"balance": 100, "pending": 0, "earned": 100}
    assert story.told == ["tier.upgraded member silver"]
    assert story.tick(day).since(story) == ["points.earned 100"]


def test_a_refund_of_pending_points_takes_them_without_a_word() -> None:
    story = given(bought(MARCH, 1_000), refunded(MARCH + DAY, "o1", ("l1", 400)), by=by(pending_days=30))
    assert points(story)["pending"] == 60
    assert points(story.tick(MARCH + 40 * DAY)) == points(story) | {"balance": 60, "pending": 0, "earned": 60}


def test_pending_points_cannot_be_spent() -> None:
    story = given(bought(MARCH, 1_000), asked(MARCH + HOUR, 50), by=by(pending_days=1))
    assert story.told[-1] == "points.refused 50 not-enough"
    assert story.when(asked(at("2026-03-16T00:00"), 100)).told[-1] == "points.spent 100", "activation comes first"


def test_every_lot_waits_for_a_day_of_its_own() -> None:
    story = given(bought(MARCH, 1_000), bought(MARCH + DAY, 500, "o2"), by=by(pending_days=30))
    assert balance(story.tick(at("2026-04-14T00:00"))) == 100
    assert balance(story.tick(at("2026-04-15T00:00"))) == 150


def test_lots_that_can_be_spent_from_the_same_day_are_told_oldest_first() -> None:
    orders = [bought(MARCH + n, 10 + 10 * n, f"o{n}") for n in range(3)]
    story = given(*orders, by=by(pending_days=30)).tick(at("2026-04-14T00:00"))
    assert story.told == ["points.earned 1", "points.earned 2", "points.earned 3"]


# Spending


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (100, "points.spent 100"),
        (101, "points.refused 101 not-enough"),
        (9, "points.refused 9 below-minimum"),
        (15, "points.refused 15 not-a-step"),
        (10, "points.spent 10"),
    ],
)
def test_a_request_is_answered(wanted: int, told: str) -> None:
    story = given(
        bought(MARCH, 1_000), asked(MARCH + HOUR, wanted), by=by(redeem={"min": 10, "step": 1 if wanted == 101 else 10})
    )
    assert story.told[-1] == told
    assert balance(story) == 100 - (wanted if "spent" in told else 0)


def test_a_request_is_answered_once() -> None:
    story = given(bought(MARCH, 1_000), asked(MARCH + HOUR, 60), by=by())
    again = story.when(asked(MARCH + HOUR, 60))
    assert again.since(story) == []
    assert (balance(again), again.decision.duplicates) == (40, 1)


def test_the_answer_names_the_request() -> None:
    story = given(bought(MARCH, 1_000), asked(MARCH + HOUR, 60, id="wish", source="shop-app"), by=by())
    data = story.outputs[-1].event["data"]
    assert (data["request_source"], data["request_id"], data["balance"]) == ("shop-app", "wish", 40)


def test_what_runs_out_first_is_spent_first() -> None:
    policy = by(expiry={"after_months": 1})
    story = given(bought(at("2026-03-31T10:00"), 1_000), bought(at("2026-04-01T10:00"), 1_000, "o2"), by=policy)
    story = story.when(asked(at("2026-04-02T10:00"), 150))
    assert points(story.tick(at("2026-05-01T00:00")))["expired"] == 0
    assert points(story.tick(at("2026-06-01T00:00")))["expired"] == 50


def test_an_answer_stays_when_a_late_event_takes_the_points() -> None:
    story = given(bought(MARCH, 1_000), asked(MARCH + 2 * DAY, 100), by=by())
    late = story.when(refunded(MARCH + DAY), recorded=MARCH + 2 * DAY)
    assert balance(late) == -100
    assert late.since(story) == ["tier.downgraded silver member", "points.reversed 100 refund"]


def test_a_late_request_does_not_spend_what_was_spent_since() -> None:
    story = given(bought(MARCH, 1_000), asked(MARCH + 2 * DAY, 60), by=by())
    late = story.when(asked(MARCH + DAY, 60), recorded=MARCH + 2 * DAY)
    assert late.since(story) == ["points.refused 60 not-enough"]
    assert balance(late) == 40
    assert story.when(asked(MARCH + DAY, 40), recorded=MARCH + 2 * DAY).since(story) == ["points.spent 40"]


def test_a_late_purchase_does_not_turn_a_refusal_round() -> None:
    story = given(touched(MARCH), asked(MARCH + 2 * DAY, 100), by=by())
    late = story.when(bought(MARCH + DAY, 1_000), recorded=MARCH + 2 * DAY)
    assert late.since(story) == ["tier.upgraded member silver", "points.earned 100"]
    assert (balance(late), points(late)["spent"]) == (100, 0)


# Running out


@pytest.mark.parametrize(
    ("bought_at", "months", "end"),
    [
        ("2026-03-01T00:00", 12, "2027-04-01T00:00"),
        ("2026-03-31T23:59", 12, "2027-04-01T00:00"),
        ("2026-01-31T12:00", 1, "2026-03-01T00:00"),
        ("2024-01-31T12:00", 1, "2024-03-01T00:00"),
        ("2026-11-30T12:00", 1, "2027-01-01T00:00"),
    ],
)
def test_points_run_out_at_the_end_of_the_month(bought_at: str, months: int, end: str) -> None:
    story = given(bought(at(bought_at), 1_000), by=by(expiry={"after_months": months}))
    assert balance(story.tick(at(end) - 1)) == 100
    gone = story.tick(at(end))
    assert points(gone) == points(story) | {"balance": 0, "expired": 100}
    assert "points.expired 100 date" in gone.since(story)


def test_all_lots_of_a_month_are_told_of_as_one() -> None:
    story = given(*(bought(MARCH + n * DAY, 100, f"o{n}") for n in range(5)), by=by(expiry={"after_months": 1}))
    assert story.tick(at("2026-05-01T00:00")).since(story) == ["points.expired 50 date"]


@pytest.mark.parametrize(
    ("days", "when", "left"),
    [
        (31, "2026-04-15T23:59", 100),
        (31, "2026-04-16T00:00", 0),
        (1, "2026-03-16T23:59", 100),
        (1, "2026-03-17T00:00", 0),
    ],
)
def test_silence_lets_points_run_out(days: int, when: str, left: int) -> None:
    story = given(bought(MARCH, 1_000), by=by(expiry={"inactive_days": days}))
    assert balance(story.tick(at(when))) == left


@pytest.mark.parametrize(
    ("sign_of_life", "left"),
    [
        (bought(MARCH + 20 * DAY, 1, "o2"), 100),
        (asked(MARCH + 20 * DAY, 1), 99),
        (adjusted(MARCH + 20 * DAY, 1), 101),
        (asked(MARCH + 20 * DAY, 1_000), 0),
        (touched(MARCH + 20 * DAY), 0),
    ],
)
def test_what_is_activity(sign_of_life: Any, left: int) -> None:
    story = given(bought(MARCH, 1_000), sign_of_life, by=by(expiry={"inactive_days": 31}))
    assert balance(story.tick(MARCH + 45 * DAY)) == left
    assert balance(story.tick(MARCH + 60 * DAY)) == 0


@pytest.mark.parametrize(
    ("expiry", "first", "reason"),
    [({"inactive_days": 31}, "2026-04-16T00:00", "inactivity"), ({"after_months": 1}, "2026-05-01T00:00", "date")],
)
def test_points_can_be_spent_up_to_the_deadline_at_which_they_run_out(
    expiry: dict[str, int], first: str, reason: str
) -> None:
    story = given(bought(MARCH, 1_000), by=by(expiry=expiry))
    ends = at(first)
    assert story.customer.next_deadline(story.rules.lateness) == ends
    assert story.when(asked(ends - 1, 1)).since(story) == ["points.spent 1"]
    assert story.when(asked(ends, 1)).since(story) == [f"points.expired 100 {reason}", "points.refused 1 not-enough"]


@pytest.mark.parametrize("first", [bought(MARCH, 1_000), adjusted(MARCH, 100)])
def test_points_count_on_their_last_day_also_when_others_come_on_it(first: Any) -> None:
    policy = by(pending_days=10, expiry={"after_months": 1})
    story = given(first, bought(at("2026-04-20T10:00"), 10, "o2"), by=policy).tick(at("2026-04-30T00:00"))
    assert balance(story) == 101
    assert balance(story.tick(at("2026-05-01T00:00"))) == 1


def test_the_last_day_of_silence_is_whole_also_when_a_refund_comes_on_it() -> None:
    policy = by(expiry={"inactive_days": 31})
    story = given(bought(MARCH, 1_000), refunded(at("2026-04-15T10:00"), "o1", ("l1", 100)), by=policy)
    assert balance(story) == 90
    assert balance(story.tick(at("2026-04-16T00:00"))) == 0


def test_points_that_silence_takes_on_their_last_day_are_told_as_taken_by_silence() -> None:
    story = given(bought(MARCH, 1_000), by=by(expiry={"after_months": 1, "inactive_days": 45}))
    assert story.tick(at("2026-04-30T00:00")).since(story) == ["points.expired 100 inactivity"]


def test_an_order_that_earned_nothing_has_nothing_to_run_out() -> None:
    policy = by({"per": 10, "channels": ["app"]}, expiry={"after_months": 1})
    story = given(bought(MARCH, 100, channel="app"), bought(MARCH + HOUR, 100, "o2"), by=policy)
    assert story.tick(at("2026-05-01T00:00")).since(story) == ["points.expired 10 date"]


def test_one_point_left_has_a_deadline_of_silence_too() -> None:
    story = given(bought(MARCH, 10), by=by(expiry={"inactive_days": 31}))
    assert balance(story.tick(at("2026-04-16T00:00"))) == 0


def test_a_movement_says_what_it_is_about_and_what_caused_it() -> None:
    policy = by(expiry={"after_months": 1})
    story = given(
        bought(MARCH, 990),
        asked(MARCH + 1, 30, reward="coffee"),
        asked(MARCH + 2, 300, reward="car"),
        adjusted(MARCH + 3, 1),
        adjusted(MARCH + 4, -2),
        refunded(MARCH + 5, "o1", ("l1", 90), id="back"),
        by=policy,
    ).tick(at("2026-05-01T00:00"))
    told = [
        (o.event["type"], o.event["data"]["points"], o.event["data"].get("lot"), o.event["data"].get("reason"))
        for o in story.outputs
    ]
    assert told == [
        ("points.earned", 99, "o1", None),
        ("points.spent", 30, "coffee", None),
        ("points.refused", 300, "car", "not-enough"),
        ("points.earned", 1, None, "adjustment"),
        ("points.reversed", 2, None, "adjustment"),
        ("points.reversed", 9, "o1", "refund"),
        ("points.expired", 59, "2026-04-30", "date"),
    ]
    causes = ["buy-o1", *(f"ask-{MARCH + n}" for n in (1, 2)), *(f"adjust-{MARCH + n}" for n in (3, 4)), "back", None]
    assert [o.event.get("causationid") for o in story.outputs] == causes


def test_silence_is_about_no_lot() -> None:
    story = given(bought(MARCH, 990), by=by(expiry={"inactive_days": 31})).tick(at("2026-04-16T00:00"))
    data = story.outputs[-1].event["data"]
    assert data == {"points": 99, "balance": 0, "reason": "inactivity"}


def test_an_order_undone_was_no_activity() -> None:
    policy = by(expiry={"inactive_days": 31}, clock={"refund_days": 60})
    story = given(bought(MARCH, 1_000), bought(MARCH + 20 * DAY, 500, "o2"), by=policy).tick(MARCH + 45 * DAY)
    assert balance(story) == 150
    assert balance(story.when(refunded(MARCH + 46 * DAY, "o2"))) == 0
    assert balance(story.when(refunded(MARCH + 46 * DAY, "o2", ("l1", 100)))) == 140


@pytest.mark.parametrize(("undone", "left"), [((), 150), ((refunded(MARCH + 22 * DAY, "o2"),), 0)])
def test_an_order_that_nothing_can_undo_any_more_was_activity_if_anything_was_left_of_it(
    undone: tuple[Any, ...], left: int
) -> None:
    policy = by(expiry={"inactive_days": 31}, clock={"refund_days": 5, "lateness_days": 1})
    story = given(bought(MARCH, 1_000), bought(MARCH + 20 * DAY, 500, "o2"), *undone, by=policy)
    story = story.each(bought(MARCH + 30 * DAY, 10, "o3"), cancelled(MARCH + 30 * DAY + HOUR, "o3"))
    assert list(story.customer.head.open_orders) == ["o3\nshop"]
    assert balance(story.tick(MARCH + 35 * DAY)) == left


def test_one_day_can_let_points_run_out_and_the_tier_fall() -> None:
    policy = by(expiry={"after_months": 1}, tiers={"ladder": LADDER, "window": {"calendar": "quarter"}})
    story = given(bought(at("2026-02-10T10:00"), 1_000), by=policy)
    assert story.tick(at("2026-07-01T00:00")).since(story) == [
        "tier.downgraded silver member",
        "points.expired 100 date",
    ]


# Refunds


def test_a_refund_takes_the_points_of_its_own_order() -> None:
    policy = by(expiry={"after_months": 1})
    story = given(bought(at("2026-03-31T10:00"), 1_000), bought(at("2026-04-01T10:00"), 500, "o2"), by=policy)
    story = story.when(refunded(at("2026-04-02T10:00"), "o2"))
    assert points(story)["reversed"] == 50
    assert points(story.tick(at("2026-05-01T00:00")))["expired"] == 100, "the lot of March is whole"


@pytest.mark.parametrize("parts", [[333, 667], [1, 999], [9, 991], [500, 250, 250]])
def test_refunds_in_parts_take_what_one_takes(parts: list[int]) -> None:
    story = given(bought(MARCH, 1_000), by=by({"per": 7, "points": 3}))
    for count, part in enumerate(parts):
        story = story.when(refunded(MARCH + (count + 1) * HOUR, "o1", ("l1", part)))
    assert (balance(story), points(story)["reversed"]) == (0, 428)


def test_a_refund_of_spent_points_leaves_a_debt_that_the_next_order_pays() -> None:
    story = given(bought(MARCH, 1_000), asked(MARCH + HOUR, 80), refunded(MARCH + 2 * HOUR), by=by())
    assert balance(story) == -80
    assert story.told[-1] == "points.reversed 100 refund"
    story = story.when(asked(MARCH + 3 * HOUR, 1))
    assert story.told[-1] == "points.refused 1 not-enough"
    story = story.when(bought(MARCH + DAY, 500, "o2"))
    assert balance(story) == -30
    story = story.when(bought(MARCH + 2 * DAY, 500, "o3"))
    assert balance(story) == 20


def test_a_refund_of_spent_points_is_paid_from_other_lots() -> None:
    policy = by(expiry={"after_months": 1})
    first, second = bought(at("2026-03-31T10:00"), 1_000), bought(at("2026-04-01T10:00"), 1_000, "o2")
    story = given(first, second, asked(at("2026-04-02T10:00"), 100), refunded(at("2026-04-03T10:00")), by=policy)
    assert balance(story) == 0
    assert points(story.tick(at("2026-06-01T00:00")))["expired"] == 0


def test_points_that_ran_out_are_not_charged_again() -> None:
    policy = by(expiry={"after_months": 1})
    story = given(bought(at("2026-03-31T10:00"), 1_000), asked(at("2026-04-01T10:00"), 40), by=policy)
    story = story.tick(at("2026-05-01T00:00"))
    assert points(story)["expired"] == 60
    half = story.when(refunded(at("2026-05-02T10:00"), "o1", ("l1", 700)))
    assert (balance(half), points(half)["reversed"]) == (-10, 10)
    whole = half.when(refunded(at("2026-05-03T10:00"), "o1", ("l1", 300)))
    assert (balance(whole), points(whole)["reversed"]) == (-40, 40)


def test_a_refund_before_its_purchase_leaves_nothing_to_earn() -> None:
    story = given(refunded(MARCH), bought(MARCH + HOUR, 1_000), by=by())
    assert points(story)["earned"] == 0
    assert story.told == []


def test_a_cancelled_order_earns_nothing() -> None:
    assert balance(given(bought(MARCH, 1_000), cancelled(MARCH + HOUR), by=by())) == 0


def test_an_order_past_its_refund_horizon_keeps_its_points() -> None:
    policy = by(expiry={"after_months": 12})
    story = given(bought(MARCH, 1_000), bought(MARCH + 200 * DAY, 10, "o2"), by=policy)
    assert list(story.customer.head.open_orders) == ["o2\nshop"]
    assert balance(story) == 101
    assert story.profile["points"]["next_expiry"] == {"last_day": "2027-03-31", "points": 100}
    assert balance(story.tick(at("2027-04-01T00:00"))) == 1


@pytest.mark.parametrize(
    ("expiry", "last_day", "left"),
    [
        ({"inactive_days": 31}, "2026-05-15", 102),
        ({"inactive_days": 31, "after_months": 1}, "2026-04-30", 100),
        ({"inactive_days": 20, "after_months": 1}, "2026-05-04", 2),  # the first have run out by then
    ],
)
def test_the_profile_says_when_points_run_out_by_date_or_by_silence(
    expiry: dict[str, int], last_day: str, left: int
) -> None:
    story = given(bought(MARCH, 1_000), bought(MARCH + 30 * DAY, 20, "o2"), by=by(expiry=expiry))
    assert story.profile["points"]["next_expiry"] == {"last_day": last_day, "points": left}


# A person's word


def test_a_person_gives_and_takes_points() -> None:
    story = given(adjusted(MARCH, 50), adjusted(MARCH + HOUR, -80), by=by(expiry={"after_months": 1}))
    assert story.told == ["points.earned 50 adjustment", "points.reversed 80 adjustment"]
    assert points(story) == {"balance": -30, "pending": 0, "earned": 50, "spent": 0, "expired": 0, "reversed": 80}


def test_given_points_run_out_too() -> None:
    story = given(adjusted(MARCH, 50), by=by(expiry={"after_months": 1}))
    assert balance(story.tick(at("2026-05-01T00:00") - 1)) == 50
    assert balance(story.tick(at("2026-05-01T00:00"))) == 0


# What was told


def test_a_late_order_is_told_of_as_its_own_and_nothing_else() -> None:
    story = given(bought(MARCH, 1_000), bought(MARCH + 2 * DAY, 10, "o2"), by=by())
    late = story.when(bought(MARCH + DAY, 300, "o3"), recorded=MARCH + 2 * DAY)
    assert late.since(story) == ["points.earned 30"]
    assert late.outputs[-1].event["data"]["lot"] == "o3"


def test_a_late_event_that_changes_a_rate_is_told_as_the_difference() -> None:
    policy = by({"per": 5, "tiers": ["silver"]}, RATE)
    story = given(bought(MARCH + DAY, 1_000), bought(MARCH + 2 * DAY, 100, "o2"), by=policy)
    assert story.told[-1] == "points.earned 20"
    late = story.when(bought(MARCH, 1_000, "o0"), recorded=MARCH + 2 * DAY)
    assert late.since(story) == ["points.earned 100", "points.earned 100 correction"]
    back = late.when(refunded(MARCH + HOUR, "o0"), recorded=MARCH + 2 * DAY)
    assert back.since(late) == ["points.reversed 100 refund", "points.reversed 100 correction"]


def test_every_movement_has_an_id_of_its_own() -> None:
    policy = by({"per": 5, "tiers": ["silver"]}, RATE, expiry={"after_months": 1})
    story = given(bought(MARCH + DAY, 1_000), bought(MARCH + 2 * DAY, 100, "o2"), asked(MARCH + 3 * DAY, 5), by=policy)
    story = story.when(bought(MARCH, 1_000, "o0"), recorded=MARCH + 3 * DAY)
    story = story.when(refunded(MARCH + HOUR, "o0"), recorded=MARCH + 3 * DAY).tick(MARCH + 90 * DAY)
    ids = [output.event["id"] for output in story.outputs]
    assert len(set(ids)) == len(ids)


def test_what_is_told_adds_up_to_the_ledger() -> None:
    policy = by({"per": 5, "tiers": ["silver"]}, RATE, expiry={"after_months": 1})
    story = given(bought(MARCH + DAY, 1_000), bought(MARCH + 2 * DAY, 100, "o2"), asked(MARCH + 3 * DAY, 5), by=policy)
    story = story.when(bought(MARCH, 1_000, "o0"), recorded=MARCH + 3 * DAY)
    story = story.when(refunded(MARCH + HOUR, "o0"), recorded=MARCH + 3 * DAY)
    for later in (story, story.tick(MARCH + 90 * DAY)):
        assert told_balance(later) == balance(later)


def told_balance(story: Spec) -> int:
    signs = {"points.earned": 1, "points.spent": -1, "points.expired": -1, "points.reversed": -1}
    events = [output.event for output in story.outputs]
    return sum(signs.get(event["type"], 0) * event["data"].get("points", 0) for event in events)


def test_points_earned_may_be_asked_for_by_the_ladder() -> None:
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"points": 100}}]
    story = given(bought(MARCH, 999), by=by(pending_days=10, tiers={"ladder": ladder}))
    assert story.tier == "member"
    story = story.when(bought(MARCH + HOUR, 10, "o2"))
    assert story.tier == "silver", "pending points count"
    assert story.when(refunded(MARCH + DAY, "o2")).tier == "member"
    assert given(adjusted(MARCH, 1_000), by=by(tiers={"ladder": ladder})).tier == "member", "a person's do not"


@pytest.mark.parametrize("rate", [RATE, {"per": 10, "channels": ["app"]}])
def test_a_refund_of_what_earned_no_points_takes_none_from_the_ladder(rate: dict[str, Any]) -> None:
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"points": 100}}]
    story = given(bought(MARCH, 1_000, channel="app"), bought(MARCH, 9, "o2"), by=by(rate, tiers={"ladder": ladder}))
    assert story.when(refunded(MARCH + DAY, "o2")).tier == "silver"


@pytest.mark.parametrize("days", [5, 60])  # while the first is in memory, and when it no longer is
def test_the_points_of_a_number_used_again_are_those_of_another_order(days: int) -> None:
    short = rules(clock={"refund_days": 5, "lateness_days": 5}, points={"rates": [{"per": 10}]})
    between = [touched(MARCH + n * DAY) for n in range(1, days)]
    story = given(bought(MARCH, 100), by=short)
    for moment in between:
        story = story.when(moment).tick(moment.at)
    story = story.when(bought(MARCH + days * DAY, 300, id="anew"))

    assert story.told == ["points.earned 10", "points.earned 30"]
    assert len({output.event["id"] for output in story.outputs}) == 2
