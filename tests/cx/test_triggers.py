"""What entitles to rewards beside a tier: level, birthday, a case put right, a promoter's referral, points."""

from typing import Any

import pytest

from cx.calendar import DAY, HOUR
from cx.rules import Rules
from tests.spec import (
    GIFT,
    Spec,
    adjusted,
    answered,
    asked,
    at,
    became,
    bought,
    cancelled,
    feedback,
    given,
    opened,
    profiled,
    referred,
    refunded,
    reopened,
    resolved,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
LEVELS = [
    {"level": 2, "all": [{"measure": "orders", "reach": 2}]},
    {"level": 3, "all": [{"measure": "orders", "reach": 3}]},
    {"level": 4, "all": [{"measure": "advocacy", "reach": 1}]},
]


def gives(when: dict[str, Any], *, levels: list[dict[str, Any]] | None = None, **more: Any) -> Rules:
    """Return rules with the one reward `gift`."""
    parts = {name: more.pop(name) for name in ("clock", "tiers", "time_zone") if name in more}
    rule = {"id": "gift", "when": when, "gift": GIFT, "remind_days": 0} | more
    return rules(rewards=[rule], levels=levels or [], **parts)


def told(story: Spec) -> list[str]:
    """Return what was told of rewards, but for their running out."""
    return [line for line in story.told if line.startswith("reward.") and not line.startswith("reward.expired")]


def owed(story: Spec) -> dict[str, int]:
    """Return the rewards that still have their ground, with since when."""
    return {key: one.at for key, one in story.customer.head.entitlements.items() if not one.lost}


# CX level


def test_reaching_a_level_entitles_once_a_year() -> None:
    story = given(bought(START), bought(START + 1, 1, "o2"), by=gives({"level_reached": 2}, levels=LEVELS))

    assert told(story) == ["reward.issued gift 2026 1"]
    data = story.outputs[-1].event["data"]
    assert data["trigger"] == "level-reached"
    assert "tier" not in data
    assert story.outputs[-1].event["causationid"] == "buy-o2"


def test_a_level_passed_on_the_way_entitles_as_well() -> None:
    by = gives({"level_reached": 3}, levels=LEVELS)
    story = given(*[bought(START + n, 1, f"o{n}") for n in range(2)], by=by)
    assert told(story) == []

    assert told(story.when(referred(START + 9), bought(START + 10, 1, "o9"))) == ["reward.issued gift 2026 1"]


def test_a_level_below_does_not_entitle_to_that_above() -> None:
    assert told(given(bought(START), bought(START + 1, 1, "o2"), by=gives({"level_reached": 3}, levels=LEVELS))) == []


def test_a_level_that_time_brings_entitles_at_its_instant() -> None:
    levels = [{"level": 2, "all": [{"measure": "emotion", "reach": 49}]}]
    story = given(feedback(START, "csat", 1), by=gives({"level_reached": 2}, levels=levels, every="ever"))
    assert told(story) == []

    due = story.customer.head.level_due
    later = story.tick(due)
    assert owed(later) == {"gift/ever/1": later.customer.head.level_since}
    assert "causationid" not in later.outputs[-1].event


def test_a_refund_takes_the_gift_of_a_level_that_rested_on_the_order() -> None:
    story = given(bought(START), bought(START + 1, 1, "o2"), by=gives({"level_reached": 2}, levels=LEVELS))
    after = story.when(refunded(START + 2, "o2"))

    assert (after.customer.head.level, owed(after)) == (1, {})
    assert told(after) == ["reward.issued gift 2026 1", "reward.revoked gift 2026 1"]


def test_a_refund_leaves_the_gift_of_a_level_that_would_have_been_reached_all_the_same() -> None:
    by = gives({"level_reached": 2}, levels=LEVELS)
    orders = [bought(START + n, 1, f"o{n}") for n in range(3)]
    story = given(*orders, cancelled(START + 9, "o1"), by=by)
    assert set(owed(story)) == {"gift/2026/1"}, "the third order has reached level 2 since"

    assert owed(story.when(cancelled(START + 10, "o2"))) == {}


def test_a_refund_of_what_came_after_a_level_leaves_its_gift() -> None:
    window = {"ladder": [{"name": "member"}], "window": {"rolling_days": 30}}
    by = gives({"level_reached": 2}, levels=LEVELS, tiers=window)
    early = given(bought(START), bought(START + 1, 1, "o2"), bought(START + 25 * DAY, 1, "o3"), by=by)
    later = early.tick(START + 40 * DAY).when(bought(START + 41 * DAY, 1, "o4"))
    assert later.customer.head.level == 2

    after = later.when(refunded(START + 42 * DAY, "o4"))
    assert (after.customer.head.level, set(owed(after))) == (1, {"gift/2026/1"})


def test_a_level_that_does_not_rest_on_orders_keeps_its_gift() -> None:
    levels = [{"level": 2, "all": [{"measure": "product", "reach": 50}]}]
    story = given(bought(START), touched(START + 1), by=gives({"level_reached": 2}, levels=levels))
    assert set(owed(story)) == {"gift/2026/1"}

    assert set(owed(story.when(refunded(START + 2)))) == {"gift/2026/1"}


# Birthday


@pytest.mark.parametrize(("clock", "count"), [("2026-05-19T23:59:59", 0), ("2026-05-20T00:00", 1)])
def test_a_birthday_begins_with_its_local_day(clock: str, count: int) -> None:
    story = given(profiled(START, birthday="05-20"), by=gives({"birthday": True})).tick(at(clock))

    assert told(story) == ["reward.issued gift 2026 1"] * count
    if count:
        assert story.outputs[-1].event["time"] == "2026-05-19T17:00:00Z"
        assert "causationid" not in story.outputs[-1].event


@pytest.mark.parametrize(("year", "day"), [(2026, "03-01"), (2027, "03-01"), (2028, "02-29")])
def test_who_was_born_on_29_february_has_1_march_in_other_years(year: int, day: str) -> None:
    story = given(profiled(at(f"{year}-01-10T10:00"), birthday="02-29"), by=gives({"birthday": True}))
    due = at(f"{year}-{day}T00:00")

    assert story.customer.head.birthday_due == due
    assert told(story.tick(due - 1)) == []
    assert told(story.tick(due)) == [f"reward.issued gift {year} 1"]


@pytest.mark.parametrize(("when", "count"), [("2026-05-19T23:59:59", 1), ("2026-05-20T00:00", 0)])
def test_who_tells_the_birthday_on_that_day_has_to_wait_for_the_next(when: str, count: int) -> None:
    story = given(profiled(at(when), birthday="05-20"), by=gives({"birthday": True}))

    assert len(told(story.tick(at("2026-12-31T00:00")))) == count
    assert len(told(story.tick(at("2027-05-20T00:00")))) == count + 1


def test_another_birthday_in_the_same_year_gives_no_second_gift() -> None:
    story = given(profiled(START, birthday="05-20"), by=gives({"birthday": True})).tick(at("2026-05-21T00:00"))
    again = story.when(profiled(at("2026-05-22T10:00"), birthday="06-01")).tick(at("2026-06-02T00:00"))

    assert told(again) == ["reward.issued gift 2026 1"]


def test_a_correction_of_the_birthday_takes_an_unused_gift_back() -> None:
    story = given(profiled(START, birthday="03-05"), by=gives({"birthday": True})).tick(START + 5 * DAY)
    after = story.when(profiled(START + DAY, birthday="07-01"))

    assert told(after) == ["reward.issued gift 2026 1", "reward.revoked gift 2026 1"]
    assert told(after.tick(at("2026-07-01T00:00")))[2:] == ["reward.issued gift 2026 1"]


def test_a_birthday_gift_for_ever_is_the_only_one() -> None:
    story = given(profiled(START, birthday="05-20"), by=gives({"birthday": True}, every="ever"))

    assert told(story.tick(at("2029-01-01T00:00"))) == ["reward.issued gift ever 1"]


def test_without_such_a_reward_a_birthday_is_no_deadline() -> None:
    story = given(profiled(START, birthday="05-20"))

    assert story.customer.next_deadline(story.rules.lateness) > at("2100-01-01T00:00")


# A case put right

RECOVERY = {"recovery": True}


@pytest.mark.parametrize(
    ("life", "count"),
    [
        ((opened(START), resolved(START + HOUR)), 0),
        ((opened(START), feedback(START + 1, "csat", 2, case="k1"), resolved(START + HOUR)), 1),
        ((opened(START), feedback(START + 1, "csat", 3, case="k1"), resolved(START + HOUR)), 0),
        ((opened(START), answered(START + 24 * HOUR), resolved(START + 25 * HOUR)), 0),
        ((opened(START), answered(START + 24 * HOUR + 1), resolved(START + 25 * HOUR)), 1),
        ((opened(START), resolved(START + 1), reopened(START + 2), resolved(START + 3)), 1),
        ((opened(START), feedback(START + 1, "complaint", None)), 0),
    ],
)
def test_a_bad_experience_put_right_entitles(life: tuple[Any, ...], count: int) -> None:
    assert told(given(*life, by=gives(RECOVERY, every="occasion"))) == ["reward.issued gift k1 1"] * count


def test_a_case_entitles_once_however_often_it_is_solved() -> None:
    story = given(opened(START), resolved(START + 1), by=gives(RECOVERY, every="occasion"))
    again = story.each(reopened(START + 2), resolved(START + 3), resolved(START + 4), reopened(START + 5))

    assert told(again.when(resolved(START + 6))) == ["reward.issued gift k1 1"]


def test_cases_of_one_number_at_two_desks_are_two() -> None:
    story = given(by=gives(RECOVERY, every="occasion"))
    for desk in ("a/desk", "b/desk"):
        story = story.each(
            opened(START, source=desk), resolved(START + 25 * HOUR, source=desk), recorded=START + 2 * DAY
        )

    assert told(story) == ["reward.issued gift k1 1"] * 2
    assert len({output.event["data"]["reward_id"] for output in story.outputs}) == 2
    assert set(owed(story)) == {"gift/k1\na/desk/1", "gift/k1\nb/desk/1"}


def test_by_default_one_apology_a_year_is_enough() -> None:
    bad = [
        moment
        for n, case in enumerate(("k1", "k2"))
        for moment in (opened(START + n * DAY, case), resolved(START + n * DAY + 30 * HOUR, case))
    ]

    assert told(given(*bad, by=gives(RECOVERY))) == ["reward.issued gift 2026 1"]


def test_a_solution_that_waited_for_its_case_entitles_when_that_comes() -> None:
    story = given(resolved(START + 30 * HOUR), by=gives(RECOVERY, every="occasion"))
    assert told(story) == []

    assert told(story.when(opened(START))) == ["reward.issued gift k1 1"]


def test_a_late_answer_in_time_takes_the_apology_back() -> None:
    story = given(opened(START), resolved(START + 30 * HOUR), by=gives(RECOVERY, every="occasion"))
    after = story.when(answered(START + HOUR))

    assert told(after) == ["reward.issued gift k1 1", "reward.revoked gift k1 1"]


# A promoter who refers

PROMOTER = {"promoter_refers": True}


@pytest.mark.parametrize(("score", "count"), [(8, 0), (9, 1), (10, 1)])
def test_a_referral_of_a_promoter_entitles(score: int, count: int) -> None:
    story = given(feedback(START, score=score), referred(START + 1, id="r1"), by=gives(PROMOTER, every="occasion"))

    assert told(story) == ["reward.issued gift r1 1"] * count


def test_the_last_word_counts() -> None:
    story = given(
        feedback(START), feedback(START + 1, score=3), referred(START + 2), by=gives(PROMOTER, every="occasion")
    )

    assert told(story) == []


@pytest.mark.parametrize(("wait", "count"), [(90 * DAY - 1, 1), (90 * DAY, 0)])
def test_a_referral_waits_90_days_for_a_promoters_word(wait: int, count: int) -> None:
    by = gives(PROMOTER, every="occasion")
    story = given(referred(START, id="r1"), feedback(START + 1, score=5), feedback(START + wait), by=by)

    assert told(story) == ["reward.issued gift r1 1"] * count


@pytest.mark.parametrize(("count", "first"), [(20, "r0"), (21, "r1")])
def test_the_newest_20_referrals_wait(count: int, first: str) -> None:
    waiting = [referred(START + n, id=f"r{n}") for n in range(count)]
    story = given(*waiting, feedback(START + DAY), by=gives(PROMOTER, every="occasion"))

    assert told(story)[0] == f"reward.issued gift {first} 1"
    assert len(told(story)) == 20


def test_each_referral_is_an_occasion_and_each_only_once() -> None:
    by = gives(PROMOTER, every="occasion")
    story = given(
        referred(START, id="r1"), referred(START + 1, id="r2"), feedback(START + 2), feedback(START + 3), by=by
    )

    assert told(story) == ["reward.issued gift r1 1", "reward.issued gift r2 1"]


def test_another_score_than_nps_promotes_nothing() -> None:
    assert told(given(referred(START), feedback(START + 1, "review", 5), by=gives(PROMOTER, every="occasion"))) == []


# Points

PRICE = {"redemption": {"points": 100}}


def asks(points: int, reward: str = "gift", **more: Any) -> Spec:
    story = given(adjusted(START, 150), by=gives(PRICE, every="occasion", **more))
    return story.when(asked(START + 1, points, reward=reward, id="ask"))


def test_points_that_are_its_price_buy_a_reward() -> None:
    story = asks(100)

    assert story.told[1:] == ["reward.issued gift ask 1", "points.spent 100"]
    assert set(owed(story)) == {"gift/ask\napp/1"}


@pytest.mark.parametrize(
    ("points", "reward", "reason"),
    [
        (99, "gift", "not-the-price"),
        (101, "gift", "not-the-price"),
        (100, "other", "unknown-reward"),
        (200, "other", "unknown-reward"),
    ],
)
def test_what_is_not_its_price_or_no_reward_is_refused(points: int, reward: str, reason: str) -> None:
    story = asks(points, reward)

    assert story.told[1:] == [f"points.refused {points} {reason}"]
    assert owed(story) == {}
    assert story.profile["points"]["balance"] == 150


def test_more_than_there_is_is_refused() -> None:
    assert asks(100).when(asked(START + 2, 100, reward="gift")).told[3:] == ["points.refused 100 not-enough"]


def test_a_request_beyond_the_limit_costs_nothing() -> None:
    story = asks(100, limit={"times": 1, "days": 30}).when(adjusted(START + 2, 500))

    later = story.when(asked(START + 30 * DAY - 11 * HOUR, 100, reward="gift"))
    assert later.since(story) == ["points.refused 100 limit-reached"]
    assert later.when(asked(START + 30 * DAY, 100, reward="gift")).told[-1] == "points.spent 100"


def test_points_spent_on_nothing_named_buy_nothing() -> None:
    story = asks(100, "")

    assert (story.told[1:], owed(story)) == (["points.spent 100"], {})


def test_a_name_is_only_a_name_where_points_buy_no_rewards() -> None:
    story = given(adjusted(START, 150), asked(START + 1, 100, reward="voucher"))

    assert story.told[1:] == ["points.spent 100"]


def test_an_answer_stands_though_a_late_event_takes_the_points() -> None:
    story = asks(100)
    after = story.when(adjusted(START, -120, id="late"))

    assert set(owed(after)) == {"gift/ask\napp/1"}
    assert told(after) == ["reward.issued gift ask 1"]


def test_what_was_paid_for_stays_though_a_late_request_uses_the_limit_up() -> None:
    story = asks(100, limit={"times": 1, "days": 30}).when(adjusted(START, 100, id="late"))
    after = story.when(asked(START, 100, reward="gift", source="bpp", id="before"))

    assert set(owed(after)) == {"gift/ask\napp/1", "gift/before\nbpp/1"}
    assert after.since(story) == ["reward.issued gift before 1", "points.spent 100"]


def test_what_was_paid_for_stays_though_it_is_for_others_now() -> None:
    choices = [GIFT | {"tiers": ["silver"]}, GIFT | {"id": "tea", "tiers": ["silver"]}]
    rule = {"id": "gift", "when": PRICE, "every": "occasion", "choices": choices}
    by = rules(rewards=[rule])
    story = given(bought(START), adjusted(START, 150), asked(START + 2, 100, reward="gift", id="ask"), by=by)
    after = story.when(refunded(START + 1))

    assert after.since(story) == ["tier.downgraded silver member"]
    assert after.profile["rewards"][0]["choices"] == ("coffee", "tea")


def test_what_is_for_others_cannot_be_paid_for() -> None:
    choices = [GIFT | {"tiers": ["silver"]}]
    by = rules(rewards=[{"id": "gift", "when": PRICE, "every": "occasion", "choices": choices}])

    assert given(adjusted(START, 150), asked(START + 2, 100, reward="gift"), by=by).told[1:] == [
        "points.refused 100 no-choice"
    ]


# How often


def bad_case(number: int, when: int) -> list[Any]:
    return [opened(when, f"k{number}"), resolved(when + 25 * HOUR, f"k{number}")]


@pytest.mark.parametrize(("days", "count"), [(9, 1), (10, 2)])
def test_a_limit_counts_local_days_that_of_the_new_occasion_included(days: int, count: int) -> None:
    by = gives(RECOVERY, every="occasion", limit={"times": 1, "days": 10}, quantity=2)
    story = given(*bad_case(1, START), *bad_case(2, START + days * DAY), by=by)

    assert len({one.occasion for one in story.customer.head.entitlements.values()}) == count
    assert len(told(story)) == 2 * count


def test_a_limit_of_two_lets_two_occasions_pass() -> None:
    by = gives(RECOVERY, every="occasion", limit={"times": 2, "days": 100})
    story = given(*[moment for n in range(3) for moment in bad_case(n, START + n * DAY)], by=by)

    assert told(story) == ["reward.issued gift k0 1", "reward.issued gift k1 1"]


@pytest.mark.parametrize(("days", "count"), [(9, 1), (10, 2)])
def test_a_cooldown_begins_with_the_last_occasion(days: int, count: int) -> None:
    by = gives(RECOVERY, every="occasion", cooldown_days=10)

    assert len(told(given(*bad_case(1, START), *bad_case(2, START + days * DAY), by=by))) == count


def test_a_late_occasion_that_uses_the_limit_up_gives_no_second_gift_and_takes_none() -> None:
    by = gives(RECOVERY, every="occasion", limit={"times": 1, "days": 100})
    story = given(*bad_case(1, START + 5 * DAY), by=by)
    after = story.when(*bad_case(0, START), recorded=START + 7 * DAY)

    assert set(owed(after)) == {"gift/k0\ndesk/1"}
    assert told(after) == ["reward.issued gift k1 1"]
    assert after.statuses == {"gift/k0": "issued"}


def test_occasions_are_forgotten_when_nothing_can_ask_for_them_any_more() -> None:
    clock = {"lateness_days": 10, "refund_days": 10}
    by = gives(RECOVERY, every="occasion", clock=clock)
    story = given(by=by)
    for n in range(12):
        start = START + n * 100 * DAY
        used = became(start + 2 * DAY, f"gift/k{n}\ndesk/1", "redeemed")
        story = story.each(*bad_case(n, start), used).tick(start + 15 * DAY)

    assert set(owed(story)) == {f"gift/k{n}\ndesk/1" for n in range(8, 12)}, "those of the last 400 days"
    assert set(owed(story)) <= set(story.customer.told.rewards)
    assert len(story.customer.told.rewards) <= 5
    assert len(told(story)) == 12
    assert len(story.customer.head.said) <= 5
    assert story.refusals == ()


@pytest.mark.parametrize(("more", "days"), [({}, 400), ({"limit": {"times": 9, "days": 500}}, 520)])
def test_an_occasion_is_forgotten_to_the_microsecond(more: dict[str, Any], days: int) -> None:
    by = gives(RECOVERY, every="occasion", clock={"lateness_days": 10, "refund_days": 10}, **more)
    first = given(*bad_case(1, START), by=by)
    for early, count in ((1, 2), (0, 1)):
        assert len(owed(first.each(*bad_case(2, START + days * DAY - early)))) == count


def test_a_customer_without_consent_gets_the_reward_and_no_message() -> None:
    story = given(profiled(START, notify=False), *bad_case(1, START + 1), by=gives(RECOVERY))

    assert told(story) == ["reward.issued gift 2026 1"]
    assert story.outputs[-1].event["data"]["notify"] is False


def test_the_source_of_an_event_may_hold_anything() -> None:
    by = gives(PROMOTER, every="occasion")
    story = given(feedback(START), referred(START + 1, id="a/b", source="//shop/1"), by=by)

    assert story.outputs[-1].event["data"]["occasion"] == "a/b"
    assert story.statuses == {"gift/a/b": "issued"}
