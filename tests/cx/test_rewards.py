"""Rewards: what reaching a tier entitles to, once an occasion, and when its ground is lost."""

import pytest

from cx.calendar import DAY, HOUR
from cx.lives import reward_id
from cx.moments import Enrolled
from cx.rules import Rules
from tests.spec import (
    LADDER,
    Spec,
    at,
    bought,
    cancelled,
    day,
    given,
    refunded,
    reward,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")
BOTH = [reward("silver-gift", "silver"), reward("gold-gift", "gold")]


def gifts(**parts: object) -> Rules:
    return rules(**({"rewards": BOTH} | parts))


def owed(story: Spec) -> set[str]:
    """Return the keys of the rewards that still have their ground."""
    return {key for key, reward in story.customer.head.entitlements.items() if not reward.lost}


def rewards(told: list[str]) -> list[str]:
    """Return what was told of rewards, but for their running out."""
    return [name for name in told if name.startswith("reward") and not name.startswith("reward.expired")]


def test_reaching_a_tier_entitles_to_its_rewards() -> None:
    story = given(bought(START), by=gifts())

    assert story.told == ["tier.upgraded member silver", "reward.issued silver-gift 2026 1"]
    data = story.outputs[-1].event["data"]
    assert data["tier"] == "silver"
    assert (data["brand"], data["face_value"], data["currency"]) == ("Highlands", 50_000, "VND")
    assert data["valid_until"] == "2026-04-30T03:00:00Z"
    assert data["reward_id"] == reward_id("lan", "silver-gift/2026/1")
    assert story.outputs[-1].event["causationid"] == "buy-o1"


def test_a_tier_passed_on_the_way_entitles_as_well() -> None:
    assert rewards(given(bought(START, 5_000), by=gifts()).told) == [
        "reward.issued silver-gift 2026 1",
        "reward.issued gold-gift 2026 1",
    ]


def test_a_quantity_makes_as_many_rewards_with_ids_of_their_own() -> None:
    story = given(bought(START), by=gifts(rewards=[reward("gift", "silver", quantity=3)]))

    assert rewards(story.told) == [f"reward.issued gift 2026 {item}" for item in (1, 2, 3)]
    assert len({output.event["data"]["reward_id"] for output in story.outputs[1:]}) == 3
    assert len({output.event["id"] for output in story.outputs}) == 4


@pytest.mark.parametrize(
    ("every", "gap", "count"),
    [("year", 1, 1), ("year", 300, 1), ("year", 366, 2), ("ever", 366, 1), ("ever", 10 * 366, 1)],
)
def test_a_reward_is_given_once_an_occasion(every: str, gap: int, count: int) -> None:
    short = {"ladder": LADDER, "window": {"rolling_days": 1}}
    story = given(bought(START), by=gifts(tiers=short, rewards=[reward("gift", "silver", every=every)]))
    again = story.tick(START + DAY).when(bought(START + gap * DAY, 1_000, "o2"))

    assert again.tier == "silver"
    assert len(rewards(again.told)) == count


@pytest.mark.parametrize(("local", "year"), [("2025-12-31T23:59:59", 2025), ("2026-01-01T00:00", 2026)])
def test_the_year_of_an_occasion_is_the_programmes(local: str, year: int) -> None:
    assert rewards(given(bought(at(local)), by=gifts()).told) == [f"reward.issued silver-gift {year} 1"]


def test_falling_by_time_keeps_what_was_given() -> None:
    story = given(bought(START), by=gifts()).tick(FALL)

    assert story.tier == "member"
    assert owed(story) == {"silver-gift/2026/1"}
    assert rewards(story.told) == ["reward.issued silver-gift 2026 1"]


@pytest.mark.parametrize("amount", [1, 1_000])
def test_a_tier_lost_through_a_refund_revokes_its_rewards(amount: int) -> None:
    story = given(bought(START), by=gifts())
    after = story.when(refunded(START + HOUR, "o1", ("l1", amount)))

    assert after.since(story) == ["tier.downgraded silver member", "reward.revoked silver-gift 2026 1"]
    assert after.outputs[-1].event["data"]["reason"] == "refund"
    assert after.profile["rewards"][0]["status"] == "revoked"


def test_a_refund_takes_only_the_rewards_of_the_tiers_that_are_lost() -> None:
    story = given(bought(START), bought(START + 1, 4_000, "o2"), by=gifts())
    after = story.when(refunded(START + 2, "o2", ("l1", 1)))

    assert after.since(story) == ["tier.downgraded gold silver", "reward.revoked gold-gift 2026 1"]


def test_a_tier_only_passed_by_other_terms_than_its_own_gives_nothing_once_these_are_refunded() -> None:
    ladder = [LADDER[0], LADDER[1], {"name": "gold", "enter": {"any": [{"spend": 5_000}, {"visits": 2}]}}]
    orders = (bought(START, 10, channel="store"), bought(START + DAY, 10, "o2", channel="store"))
    story = given(*orders, by=gifts(tiers={"ladder": ladder}))
    assert story.tier == "gold"

    undone = story.when(refunded(START + 2 * DAY))
    assert rewards(undone.since(story)) == [
        "reward.revoked silver-gift 2026 1",
        "reward.revoked gold-gift 2026 1",
    ]


def visits(least: int, *when: int) -> Spec:
    """Return the story of visits to a store that begin with o1, where so many days with one in ten reach silver."""
    ladder = [LADDER[0], {"name": "silver", "enter": {"visits": least}}]
    by = rules(rewards=BOTH[:1], tiers={"ladder": ladder, "window": {"rolling_days": 10}})
    return given(*(bought(START + one, 10, f"o{n}", channel="store") for n, one in enumerate(when, 1)), by=by)


def test_a_refund_of_one_of_two_visits_of_a_day_takes_nothing_from_what_rests_on_the_day() -> None:
    one = visits(2, 0, 1, DAY).when(refunded(START + 20 * DAY))
    assert (one.tier, owed(one)) == ("member", {"silver-gift/2026/1"})

    assert owed(one.when(refunded(START + 21 * DAY, "o2"))) == set()


def test_a_visit_after_a_reward_holds_it_only_from_when_it_counts() -> None:
    story = visits(1, 0, 1)
    one = story.when(refunded(START + DAY))
    assert owed(one) == {"silver-gift/2026/1"}

    assert owed(one.when(refunded(START + 2 * DAY, "o2"))) == set()


def test_a_cancellation_revokes_like_a_refund() -> None:
    assert owed(given(bought(START), cancelled(START + 1), by=gifts())) == set()


def test_a_refund_that_leaves_the_tier_leaves_its_rewards() -> None:
    assert rewards(given(bought(START, 1_500), refunded(START + 1, "o1", ("l1", 500)), by=gifts()).told) == [
        "reward.issued silver-gift 2026 1"
    ]


def test_a_reward_reached_again_after_a_refund_is_issued_again_as_the_same_reward() -> None:
    story = given(bought(START), refunded(START + DAY), bought(START + 50 * DAY, 1_000, "o2"), by=gifts())

    issued = [output.event for output in story.outputs if output.event["type"] == "reward.issued"]
    assert len(issued) == 2
    assert issued[0]["data"]["reward_id"] == issued[1]["data"]["reward_id"]
    assert issued[0]["id"] != issued[1]["id"]
    assert issued[1]["data"]["valid_until"] == "2026-06-19T03:00:00Z", "60 days from when it was reached again"
    assert issued[1]["causationid"] == "buy-o2"


def test_a_reward_reached_again_can_be_lost_again() -> None:
    story = given(
        bought(START), refunded(START + 1), bought(START + 2, 1_000, "o2"), refunded(START + 3, "o2"), by=gifts()
    )

    assert owed(story) == set()


def test_all_orders_on_which_a_reward_could_rest_refunded_one_by_one_revoke_it() -> None:
    story = given(bought(START), bought(START + DAY, 1_000, "o2"), by=gifts())
    first = story.when(refunded(START + 2 * DAY))
    assert owed(first) == {"silver-gift/2026/1"}, "the second order would have reached silver as well"

    assert owed(first.when(refunded(START + 3 * DAY, "o2"))) == set()


def test_a_refund_of_what_came_after_a_reward_leaves_it() -> None:
    short = {"ladder": LADDER, "window": {"rolling_days": 30}}
    story = given(bought(START), bought(START + 29 * DAY, 1_000, "o2"), by=gifts(tiers=short))
    later = story.tick(START + 40 * DAY)
    assert later.tier == "silver", "held by the second order"

    after = later.when(refunded(START + 41 * DAY, "o2"))
    assert (after.tier, owed(after)) == ("member", {"silver-gift/2026/1"})


def test_a_refund_of_what_a_reward_rests_on_revokes_it_even_after_the_tier_fell_by_time() -> None:
    short = {"ladder": LADDER, "window": {"rolling_days": 30}}
    story = given(bought(START), by=gifts(tiers=short)).tick(START + 40 * DAY)

    assert owed(story) == {"silver-gift/2026/1"}
    assert owed(story.when(refunded(START + 41 * DAY))) == set()


@pytest.mark.parametrize(("days", "kept"), [(29, False), (30, True)])
def test_a_reward_does_not_rest_on_what_had_left_the_window(days: int, *, kept: bool) -> None:
    short = {"ladder": LADDER, "window": {"rolling_days": 30}}
    story = given(bought(START, 600, "o0"), bought(START + days * DAY, 1_000 if kept else 400), by=gifts(tiers=short))
    assert owed(story) == {"silver-gift/2026/1"}

    later = story.tick(START + 80 * DAY).when(refunded(START + 80 * DAY, "o0"))
    assert (later.tier, owed(later)) == ("member", {"silver-gift/2026/1"} if kept else set())


@pytest.mark.parametrize(("first", "amount", "kept"), [("2026-03-15", 400, False), ("2026-03-14", 1_000, True)])
def test_nor_on_what_belongs_to_the_year_of_membership_before(first: str, amount: int, *, kept: bool) -> None:
    yearly = gifts(tiers={"ladder": LADDER, "window": {"anniversary": "year"}})
    joined = Enrolled(START, "app", "join", joined=day("2020-03-15"))
    orders = bought(at(f"{first}T10:00"), 600, "o0"), bought(at("2026-03-16T10:00"), amount)
    story = given(joined, *orders, by=yearly)
    assert owed(story) == {"silver-gift/2026/1"}

    later = story.when(refunded(at("2026-03-17T10:00"), "o0"))
    assert owed(later) == ({"silver-gift/2026/1"} if kept else set())


def test_a_purchase_refunded_in_the_same_batch_gives_nothing() -> None:
    story = given(by=gifts()).when(bought(START), refunded(START + 1))

    assert story.told == []
    assert story.profile["rewards"] == []


def test_a_reward_whose_upgrade_never_was_is_revoked_as_a_correction() -> None:
    story = given(bought(START, 600), bought(START + 2, 400, "o2"), by=gifts())
    after = story.when(refunded(START + 1, "o1", ("l1", 1)))

    assert after.since(story) == ["tier.corrected silver member", "reward.revoked silver-gift 2026 1"]
    assert after.outputs[-1].event["data"]["reason"] == "correction"


def test_a_late_event_that_moves_the_upgrade_within_the_year_gives_no_second_reward() -> None:
    story = given(bought(START, 600), bought(START + 5 * DAY, 600, "o2"), by=gifts())
    after = story.when(bought(START + DAY, 600, "o3"))

    assert after.customer.head.tier_since == START + DAY
    assert after.since(story) == []


def test_a_late_event_that_moves_the_upgrade_into_another_year_gives_no_second_reward() -> None:
    winter = at("2026-12-30T10:00")
    story = given(bought(winter, 600), bought(winter + 4 * DAY, 600, "o2"), by=gifts())
    assert rewards(story.told) == ["reward.issued silver-gift 2027 1"]

    moved = story.when(bought(winter + DAY, 600, "o3"))
    assert owed(moved) == {"silver-gift/2026/1"}
    assert rewards(moved.since(story)) == []
    (shown,) = moved.profile["rewards"]
    assert (shown["occasion"], shown["status"]) == ("2026", "issued")
    assert shown["reward_id"] == reward_id("lan", "silver-gift/2027/1"), "the one that the gift was issued under"

    back = moved.when(cancelled(winter + 5 * DAY, "o3"))
    assert rewards(back.since(moved)) == []
    lost = moved.when(refunded(winter + 6 * DAY, "o1"), refunded(winter + 6 * DAY, "o3"))
    assert rewards(lost.since(moved)) == ["reward.revoked silver-gift 2027 1"]
    assert lost.outputs[-1].event["data"]["reason"] == "refund"


def test_a_reward_of_the_next_year_is_a_second_one_though_the_first_was_moved() -> None:
    winter = at("2026-12-30T10:00")
    short = {"ladder": LADDER, "window": {"rolling_days": 30}}
    story = given(bought(winter, 600), bought(winter + 4 * DAY, 600, "o2"), by=gifts(tiers=short))
    moved = story.when(bought(winter + DAY, 600, "o3")).tick(winter + 100 * DAY)
    again = moved.when(bought(winter + 101 * DAY, 1_000, "o4"))

    assert owed(again) == {"silver-gift/2026/1", "silver-gift/2027/1"}
    assert len(rewards(again.since(story))) == 1


def test_a_new_first_gift_is_not_given_because_an_event_was_folded_again() -> None:
    story = given(bought(START), touched(START + 2 * DAY), by=gifts())
    after = story.when(touched(START + DAY))

    assert after.since(story) == []
    (life,) = after.customer.told.rewards.values()
    assert (life.status, life.times) == ("issued", 1)
