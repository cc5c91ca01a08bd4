"""Moving in: what another system says of a customer's past, and what is made of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from cx.calendar import DAY, HOUR
from cx.intake import NotTakenError, moment_of
from cx.moments import Imported
from cx.rules import Rules
from cx.state import Given
from schemas.errors import Reason
from schemas.touchpoints import CustomerImported
from tests.spec import LADDER, at, bought, day, given, refunded, reward, rules, touched

MARCH = at("2026-03-15T10:00")
LOTS = ((100, day("2026-03-01"), 0),)


def imported(when: int = MARCH, **more: Any) -> Imported:
    parts: dict[str, Any] = {"joined": None, "tier": "", "since": 0, "until": None, "lots": (), "days": ()}
    return Imported(when, "old", f"in-{when}", **(parts | more))


def by(**parts: Any) -> Rules:
    return rules(points={"rates": [{"per": 10}], "expiry": {"after_months": 12}}, **parts)


def test_days_of_before_count_as_if_they_had_been_bought_here() -> None:
    days = ((day("2025-03-15"), 500, 1, 0), (day("2025-03-16"), 600, 1, 0), (day("2025-03-17"), 400, 2, 1))
    story = given(imported(days=days), by=by())
    assert (story.tier, story.spend, story.orders) == ("silver", 1_000, 3)
    assert story.tick(at("2026-03-16T00:00")).tier == "member", "the day of 600 has left the window"
    assert story.told == ["tier.corrected member silver"]


def test_moving_in_entitles_to_nothing_though_it_brings_a_tier_and_a_level() -> None:
    gift = {"id": "coffee", "brand": "Highlands", "face_value": 1}
    gifts = [
        {"id": f"gift-{n}", "when": when, "gift": gift}
        for n, when in enumerate(({"tier_reached": "silver"}, {"level_reached": 2}))
    ]
    levels = [{"level": 2, "all": [{"measure": "orders", "reach": 2}]}]
    days = ((day("2026-03-10"), 1_000, 2, 0),)
    story = given(imported(days=days), by=by(rewards=gifts, levels=levels))

    assert (story.tier, story.customer.head.level, story.profile["rewards"]) == ("silver", 2, [])


def test_a_tier_is_held_to_the_end_of_its_last_day() -> None:
    story = given(imported(tier="gold", since=at("2025-06-01T00:00"), until=at("2026-07-01T00:00")), by=by())
    assert story.profile["tier_since"] == "2025-05-31T17:00:00Z"
    assert story.profile["tier_until"] == "2026-06-30T17:00:00Z"
    assert story.tick(at("2026-07-01T00:00") - 1).tier == "gold"
    assert story.tick(at("2026-07-01T00:00")).tier == "member"


def test_a_tier_that_is_over_already_is_left_behind() -> None:
    days = ((day("2026-02-01"), 1_500, 2, 0),)
    story = given(imported(tier="gold", until=MARCH, days=days), by=by())
    assert (story.tier, story.profile["tier_since"]) == ("silver", "2026-03-15T03:00:00Z")
    assert story.told == ["tier.corrected member silver"]
    assert story.outputs[0].event["data"]["notify"] is False
    assert given(imported(tier="gold", until=MARCH + 1), by=by()).tier == "gold"


def test_a_tier_with_no_end_is_kept_by_the_policy() -> None:
    yearly = by(tiers={"ladder": LADDER, "window": {"calendar": "year"}})
    assert given(imported(tier="silver"), by=yearly).tick(at("2027-01-01T00:00") - 1).tier == "silver"
    assert given(imported(tier="silver"), by=yearly).tick(at("2027-01-01T00:00")).tier == "member"
    assert given(imported(tier="silver"), by=by()).tier == "member", "nothing in the window keeps it"


def test_who_earns_more_rises_above_the_tier_brought_along() -> None:
    story = given(imported(tier="silver", until=at("2027-01-01T00:00")), bought(MARCH + DAY, 5_000), by=by())
    assert story.tier == "gold"
    assert story.when(refunded(MARCH + 2 * DAY)).tier == "silver"


def test_a_tier_below_the_one_held_is_a_floor_under_it() -> None:
    story = given(bought(MARCH - DAY, 5_000), imported(tier="silver", until=at("2028-01-01T00:00")), by=by())
    assert (story.tier, story.customer.head.tier_since) == ("gold", MARCH - DAY)
    assert story.tick(at("2027-06-01T00:00")).tier == "silver"


def test_moving_in_entitles_to_nothing_and_is_no_news() -> None:
    story = given(imported(tier="silver", until=at("2027-01-01T00:00")), by=by(rewards=[reward("gift", "silver")]))
    assert story.told == ["tier.corrected member silver"]
    data = story.outputs[0].event["data"]
    assert (data["reason"], data["notify"]) == ("import", False)
    assert story.profile["rewards"] == []


def test_lots_run_out_on_their_own_day_or_on_the_policys() -> None:
    lots = ((100, day("2025-01-10"), day("2026-03-31")), (50, day("2025-12-31"), 0), (7, day("2024-01-01"), 0))
    story = given(imported(lots=lots), by=by())
    assert story.profile["points"]["balance"] == 150, "7 had run out before"
    assert story.told == ["points.earned 150 import"]
    assert story.tick(at("2026-04-01T00:00")).profile["points"]["expired"] == 100
    assert story.tick(at("2027-01-01T00:00")).profile["points"]["expired"] == 150


def test_a_lot_counts_on_its_last_day() -> None:
    today = ((100, day("2025-01-10"), day("2026-03-15")), (9, day("2025-01-10"), day("2026-03-14")))
    assert given(imported(lots=today), by=by()).profile["points"]["balance"] == 100


def test_the_day_of_joining_turns_an_anniversary_window() -> None:
    policy = by(tiers={"ladder": LADDER, "window": {"anniversary": "year"}})
    days = ((day("2025-06-09"), 700, 1, 0), (day("2025-06-10"), 1_000, 1, 0))
    story = given(imported(joined=day("2020-06-10"), days=days), by=policy)
    assert (story.spend, story.profile["enrolled"]) == (1_000, "2020-06-10")


def test_what_had_been_bought_here_before_counts_as_well() -> None:
    story = given(bought(MARCH - DAY, 400), imported(days=((day("2026-03-01"), 600, 1, 0),)), by=by())
    assert (story.tier, story.spend) == ("silver", 1_000)


def test_a_day_brought_along_adds_to_what_the_day_had_here() -> None:
    policy = rules(
        points={"rates": [{"per": 10}]},
        tiers={"ladder": [{"name": "member"}, {"name": "silver", "enter": {"spend": 900, "points": 40}}]},
    )
    story = given(bought(MARCH - DAY, 400), imported(days=((day("2026-03-14"), 600, 1, 0),)), by=policy)
    assert story.tier == "silver", "the points of the day are still counted"
    assert (story.spend, story.orders) == (1_000, 2)


def test_a_tier_that_is_held_already_gets_a_term_and_no_new_beginning() -> None:
    story = given(bought(MARCH - DAY, 1_000), imported(tier="silver", until=at("2028-01-01T00:00")), by=by())
    assert (story.tier, story.customer.head.tier_since) == ("silver", MARCH - DAY)
    assert story.tick(at("2027-12-31T23:59")).tier == "silver"
    assert story.tick(at("2028-01-01T00:00")).tier == "member"


def test_what_is_brought_along_with_no_end_begins_when_it_says_also_where_it_is_held_already() -> None:
    story = given(bought(MARCH - DAY, 1_000), imported(tier="silver", since=at("2025-06-01T00:00")), by=by())
    assert story.profile["tier_since"] == "2025-05-31T17:00:00Z"


def test_the_lowest_tier_too_begins_when_it_says() -> None:
    story = given(imported(tier="member", since=at("2025-06-01T00:00"), until=at("2028-01-01T00:00")), by=by())
    assert story.profile["tier_since"] == "2025-05-31T17:00:00Z"


def test_who_was_on_a_lower_tier_here_rises_to_the_one_brought_along() -> None:
    story = given(bought(MARCH - DAY, 1_000), imported(tier="gold", until=at("2028-01-01T00:00")), by=by())
    assert (story.tier, story.customer.head.tier_since) == ("gold", MARCH)


@pytest.mark.parametrize("first", ["2025-03-16", "2025-03-17"])
def test_the_first_day_of_the_window_gets_what_is_brought_along_for_it(first: str) -> None:
    here = bought(at(f"{first}T10:00"), 400)
    story = given(here, touched(MARCH - HOUR), imported(days=((day(first), 600, 1, 0),)), by=by())
    assert (story.tier, story.spend, story.orders) == ("silver", 1_000, 2)


def test_points_brought_along_say_whence_they_are() -> None:
    story = given(imported(lots=LOTS), by=by())
    event = story.outputs[-1].event
    assert event["data"] == {"points": 100, "balance": 100, "reason": "import"}
    assert event["causationid"] == f"in-{MARCH}"


def test_a_refund_after_moving_in_takes_what_it_had_brought() -> None:
    story = given(imported(days=((day("2026-03-01"), 600, 1, 0),)), bought(MARCH + HOUR, 400), by=by())
    assert story.tier == "silver"
    assert story.when(refunded(MARCH + 2 * HOUR)).tier == "member"


def test_a_refund_leaves_the_days_of_grace_of_a_tier_brought_along_as_they_were() -> None:
    keeps = [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 500}}]
    tiers = {"ladder": keeps, "window": {"rolling_days": 20}, "downgrade": {"grace_days": 10}}
    story = given(imported(tier="silver", days=((day("2026-02-28"), 600, 1, 0),)), by=by(tiers=tiers))
    story = story.each(bought(MARCH + 12 * DAY, 1), refunded(MARCH + 13 * DAY))
    assert story.tick(at("2026-03-30T00:00") - 1).tier == "silver"
    assert story.tick(at("2026-03-30T00:00")).tier == "member", "600 left the window on the 20th"


# Once


@pytest.mark.parametrize("later", [HOUR, 400 * DAY])
def test_who_has_moved_in_does_so_once_whatever_the_time_of_the_second_attempt(later: int) -> None:
    first = imported(lots=LOTS, days=((day("2026-03-01"), 600, 1, 0),))
    before = given(first, by=by()).tick(MARCH + later)
    story = before.when(replace(first, at=MARCH + later))
    assert (story.refusals, story.customer) == ((), before.customer)
    assert story.profile["points"]["earned"] == 100


def test_of_two_attempts_the_earlier_one_counts_in_whatever_order_they_come() -> None:
    first, second = imported(lots=LOTS), replace(imported(lots=LOTS), at=MARCH + HOUR)
    stories = [given(first, second, by=by()), given(second, first, by=by()), given(by=by()).when(second, first)]
    assert [story.customer.recent for story in stories] == [(first,)] * 3
    assert {story.profile["points"]["balance"] for story in stories} == {100}


@pytest.mark.parametrize("later", [HOUR, 400 * DAY])
def test_another_row_under_the_name_of_the_first_is_a_conflict(later: int) -> None:
    story = given(imported(lots=LOTS, content=1), by=by()).tick(MARCH + later)
    story = story.when(replace(imported(lots=LOTS, content=2), at=MARCH + later))
    assert story.refusals == (("conflicting-id", "id"),)
    assert story.profile["points"]["earned"] == 100


def test_the_name_of_something_else_is_none_to_move_in_under() -> None:
    story = given(bought(MARCH, 10, id="x", source="old"), by=by())
    assert story.when(replace(imported(), id="x")).refusals == (("conflicting-id", "id"),)


# From the event


def event(**data: Any) -> CustomerImported:
    return CustomerImported.model_validate_json(_json({"currency": "VND"} | data))


def _json(data: dict[str, Any]) -> bytes:
    envelope = {"specversion": "1.0", "id": "in-1", "source": "old", "type": "customer.imported", "subject": "lan"}
    return orjson.dumps(envelope | {"time": "2026-03-15T10:00:00+07:00", "data": data})


def test_an_event_becomes_a_moment() -> None:
    moment = moment_of(
        event(
            joined="2020-06-10",
            tier="gold",
            tier_since="2025-06-01",
            tier_until="2026-06-30",
            lots=[
                {"points": 5, "earned": "2025-01-10", "expires": "2026-12-31"},
                {"points": 6, "earned": "2025-01-11"},
            ],
            days=[{"day": "2026-03-15", "spend": 100, "orders": 1, "visits": 1}],
        ),
        by(),
    )
    assert moment == Imported(
        MARCH,
        "old",
        "in-1",
        joined=day("2020-06-10"),
        tier="gold",
        since=at("2025-06-01T00:00"),
        until=at("2026-07-01T00:00"),
        lots=((5, day("2025-01-10"), day("2026-12-31")), (6, day("2025-01-11"), 0)),
        days=((day("2026-03-15"), 100, 1, 1),),
        content=moment.content,
    )


@pytest.mark.parametrize(
    ("data", "reason", "loc"),
    [
        ({"tier": "platinum"}, Reason.UNKNOWN_TIER, "data.tier"),
        ({"currency": "USD"}, Reason.CURRENCY, "data.currency"),
        ({"days": [{"day": "2026-03-16", "spend": 1}]}, Reason.INVALID, "data.days"),
        ({"joined": "2026-03-16"}, Reason.INVALID, "data.joined"),
        ({"tier": "gold", "tier_since": "2026-03-16"}, Reason.INVALID, "data.tier_since"),
        ({"lots": [{"points": 1, "earned": "2026-03-16"}]}, Reason.INVALID, "data.lots"),
    ],
)
def test_what_does_not_fit_the_programme_is_refused(data: dict[str, Any], reason: Reason, loc: str) -> None:
    with pytest.raises(NotTakenError) as refused:
        moment_of(event(**data), by())
    assert (refused.value.reason, refused.value.loc) == (reason, loc)


def test_what_is_of_the_day_of_moving_in_is_taken() -> None:
    today = "2026-03-15"
    moment = moment_of(event(joined=today, tier="gold", tier_since=today, lots=[{"points": 1, "earned": today}]), by())
    assert isinstance(moment, Imported)


def test_spend_of_another_currency_is_converted_day_by_day() -> None:
    policy = by(exchange_rates={"USD": {"units": 100, "worth": 25_400}})
    moment = moment_of(event(currency="USD", days=[{"day": "2026-03-01", "spend": 199}]), policy)
    assert isinstance(moment, Imported)
    assert moment.days == ((day("2026-03-01"), 50_546, 0, 0),)


def test_the_tier_given_is_a_floor() -> None:
    story = given(imported(tier="gold", until=at("2027-01-01T00:00")), by=by())
    assert story.customer.head.standing.given == Given("gold", at("2027-01-01T00:00"), pinned=False)


def test_a_refund_does_not_take_what_was_brought_along() -> None:
    keeps = [{"name": "member"}, {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 500}}]
    for window in ({"rolling_days": 365}, {"calendar": "year"}):
        policy = by(tiers={"ladder": keeps, "window": window})
        story = given(imported(days=((day("2026-03-01"), 1_100, 1, 0),)), bought(MARCH + HOUR, 1), by=policy)
        assert story.tier == "silver"
        assert story.when(refunded(MARCH + 2 * HOUR)).tier == "silver"
