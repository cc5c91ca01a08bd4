"""Choice sets: one gift of several, by the customer's word, by preference, or when the time is up."""

from typing import Any

import pytest

from cx.calendar import DAY, HOUR
from cx.rules import Rules
from tests.spec import (
    LADDER,
    Spec,
    at,
    became,
    bought,
    chosen,
    feedback,
    given,
    opened,
    profiled,
    refunded,
    resolved,
    rules,
)

START = at("2026-03-01T10:00")
COFFEE = {"id": "coffee", "brand": "Highlands", "card_kind": "drink", "face_value": 50_000, "valid_days": 60}
CAKE = {"id": "cake", "brand": "Paris", "card_kind": "food", "face_value": 60_000, "valid_days": 30}
BOOK = {"id": "book", "brand": "Fahasa", "face_value": 70_000}
TEA = {"id": "tea", "brand": "Highlands", "card_kind": "drink", "face_value": 55_000}
KEY = "gift/2026/1"


def offers(
    *choices: dict[str, Any], when: dict[str, Any] | None = None, unchosen: str = "first", **parts: Any
) -> Rules:
    rule = {
        "id": "gift",
        "when": when or {"tier_reached": "silver"},
        "choices": choices or (COFFEE, CAKE, BOOK),
        "choose_days": 7,
        "remind_days": 0,
        "unchosen": unchosen,
        "every": "occasion" if when else "year",
    }
    return rules(rewards=[rule], **parts)


def told(story: Spec) -> list[str]:
    """Return what was told of rewards, with the gift where one was issued."""
    return [
        " ".join([line, *([output.event["data"]["gift_id"]] if "face_value" in output.event["data"] else [])])
        for line, output in zip(story.told, story.outputs, strict=True)
        if line.startswith("reward.")
    ]


def offered(story: Spec) -> list[str]:
    """Return the gifts of the last offer, in its order."""
    offers = [output.event["data"] for output in story.outputs if output.event["type"] == "reward.offered"]
    return [choice["gift_id"] for choice in offers[-1]["choices"]]


def test_a_choice_is_offered_with_its_gifts_and_until_when() -> None:
    story = given(bought(START), by=offers())

    assert told(story) == ["reward.offered gift 2026 1"]
    data = story.outputs[-1].event["data"]
    assert offered(story) == ["coffee", "cake", "book"]
    assert data["choices"][1] == {
        "gift_id": "cake",
        "brand": "Paris",
        "card_kind": "food",
        "face_value": 60_000,
        "currency": "VND",
    }
    assert data["choose_until"] == "2026-03-08T03:00:00Z"
    assert story.outputs[-1].event["causationid"] == "buy-o1"
    (shown,) = story.profile["rewards"]
    assert (shown["status"], shown["choices"]) == ("offered", ("coffee", "cake", "book"))
    assert shown["choose_until"] == "2026-03-08T03:00:00Z"


def test_what_is_chosen_is_issued_and_valid_from_then_on() -> None:
    story = given(bought(START), by=offers())
    after = story.when(chosen(START + DAY, KEY, "cake", id="my-choice"))

    assert told(after)[1:] == ["reward.issued gift 2026 1 cake"]
    issued = after.outputs[-1].event
    assert (issued["time"], issued["causationid"]) == ("2026-03-02T03:00:00Z", "my-choice")
    assert issued["data"]["valid_until"] == "2026-04-01T03:00:00Z"
    assert issued["data"]["reward_id"] == story.outputs[-1].event["data"]["reward_id"]
    assert after.statuses == {"gift/2026": "issued"}


@pytest.mark.parametrize(("when", "gift"), [(7 * DAY - 1, "cake"), (7 * DAY, "coffee"), (8 * DAY, "coffee")])
def test_when_the_time_to_choose_is_up_the_first_is_given(when: int, gift: str) -> None:
    story = given(bought(START), by=offers()).when(chosen(START + when, KEY, "cake")).tick(START + 9 * DAY)

    assert told(story)[1:] == [f"reward.issued gift 2026 1 {gift}"]


@pytest.mark.parametrize(("when", "ends"), [(7 * DAY - 1, "reward.issued"), (7 * DAY, "reward.expired")])
def test_an_offer_of_which_nothing_is_chosen_in_time_can_expire(when: int, ends: str) -> None:
    story = given(bought(START), by=offers(unchosen="none"))
    assert story.customer.next_deadline(story.rules.lateness) == START + 7 * DAY

    after = story.when(chosen(START + when, KEY, "cake")).tick(START + 7 * DAY)
    assert told(after)[1:] == [f"{ends} gift 2026 1" + " cake" * (ends == "reward.issued")]


def test_an_offer_that_expired_is_over_whatever_is_said_of_it() -> None:
    story = given(bought(START), by=offers(unchosen="none")).tick(START + 7 * DAY)
    (event,) = [one.event for one in story.outputs if one.event["type"] == "reward.expired"]
    assert (event["time"], "gift_id" in event["data"], "causationid" in event) == ("2026-03-08T03:00:00Z", False, False)
    later = (chosen(START + DAY, KEY, "cake", id="late"), became(START + 8 * DAY, KEY, "redeemed"))
    anew = (refunded(START + 9 * DAY), bought(START + 10 * DAY, 1_000, "o2"))
    after = story.when(*later).when(*anew).tick(START + 60 * DAY)
    assert (after.statuses, told(after)[1:]) == ({"gift/2026": "expired"}, ["reward.expired gift 2026 1"])


def test_the_clock_gives_it_at_its_instant() -> None:
    story = given(bought(START), by=offers())
    assert story.customer.next_deadline(story.rules.lateness) == START + 7 * DAY

    later = story.tick(START + 7 * DAY)
    assert told(later)[1:] == ["reward.issued gift 2026 1 coffee"]
    assert "causationid" not in later.outputs[-1].event
    assert later.outputs[-1].event["time"] == "2026-03-08T03:00:00Z"


def test_what_was_not_offered_cannot_be_chosen() -> None:
    story = given(bought(START), by=offers()).when(chosen(START + 1, KEY, "yacht"))
    assert told(story) == ["reward.offered gift 2026 1"]

    assert told(story.when(chosen(START + 2, KEY, "book")))[1:] == ["reward.issued gift 2026 1 book"]


def test_only_the_first_choice_counts() -> None:
    story = given(bought(START), chosen(START + 1, KEY, "book"), chosen(START + 2, KEY, "cake"), by=offers())

    assert told(story)[1:] == ["reward.issued gift 2026 1 book"]


def test_what_is_chosen_after_it_was_issued_changes_nothing_though_it_came_late() -> None:
    story = given(bought(START), by=offers()).tick(START + 8 * DAY)
    after = story.when(chosen(START + 1, KEY, "cake"))

    assert told(after)[1:] == ["reward.issued gift 2026 1 coffee"]
    assert after.refusals == ()


def test_a_choice_that_comes_before_its_offer_waits_for_it() -> None:
    story = given(chosen(START + DAY, KEY, "cake"), by=offers())
    assert (story.profile["waiting"], told(story)) == (1, [])

    after = story.when(bought(START))
    assert told(after) == ["reward.offered gift 2026 1", "reward.issued gift 2026 1 cake"]
    assert after.profile["waiting"] == 0


def test_a_choice_that_is_older_than_its_offer_takes_effect_with_it() -> None:
    story = given(bought(START), chosen(START - 1, KEY, "cake"), by=offers())

    assert told(story)[1:] == ["reward.issued gift 2026 1 cake"]
    assert story.outputs[-1].event["time"] == "2026-03-01T03:00:00Z"


@pytest.mark.parametrize(("clock", "letters"), [(30 * DAY - 1, 0), (30 * DAY, 1)])
def test_a_choice_of_a_reward_that_never_comes_goes_to_the_dead_letters(clock: int, letters: int) -> None:
    story = given(bought(START, 10), chosen(START, "gift/1999/1", "cake"), by=offers()).tick(START + clock)

    assert story.refusals == (("unknown-reward", "data.reward_id"),) * letters
    assert [kept.value for kept in story.kept] == [b"choose-cake-" + str(START).encode()] * letters
    assert len(story.customer.recent) == 2 - letters
    assert story.profile["waiting"] == 1 - letters
    assert len(story.customer.kept) == 1 - letters


def test_what_was_said_of_a_reward_that_was_told_is_no_dead_letter() -> None:
    story = given(bought(START), chosen(START + 1, KEY, "cake"), refunded(START + 2), by=offers())

    assert told(story)[-1] == "reward.revoked gift 2026 1"
    assert story.tick(START + 100 * DAY).refusals == ()


# By preference


@pytest.mark.parametrize("preference", ["cake", "Paris", "FOOD"])
def test_a_preference_that_fits_one_choice_is_given_at_once(preference: str) -> None:
    story = given(profiled(START - 1, preferences=("golf", preference)), bought(START), by=offers())

    assert told(story) == ["reward.issued gift 2026 1 cake"]


def test_preferences_that_fit_several_come_first_in_the_offer() -> None:
    by = offers(BOOK, CAKE, COFFEE, TEA)
    story = given(profiled(START - 1, preferences=("drink",)), bought(START), by=by)

    assert offered(story) == ["coffee", "tea", "book", "cake"]
    assert told(story.tick(START + 7 * DAY))[1:] == ["reward.issued gift 2026 1 coffee"]


def test_a_preference_of_later_makes_no_difference() -> None:
    story = given(bought(START), profiled(START + 1, preferences=("cake",)), by=offers())

    assert told(story) == ["reward.offered gift 2026 1"]


def test_what_was_offered_is_told_whatever_comes_late() -> None:
    story = given(bought(START), by=offers())
    after = story.when(profiled(START - 1, preferences=("cake",))).tick(START + 7 * DAY)

    assert told(after) == ["reward.offered gift 2026 1", "reward.issued gift 2026 1 coffee"]


def test_a_brand_that_was_used_before_comes_first_among_equals() -> None:
    by = offers(BOOK, CAKE, COFFEE, when={"recovery": True})
    first = given(opened(START), resolved(START + 25 * HOUR), by=by)
    assert offered(first) == ["book", "cake", "coffee"]

    key = "gift/k1\ndesk/1"
    used = first.each(
        chosen(START + 26 * HOUR, key, "coffee"),
        became(START + 2 * DAY, key, "redeemed"),
        opened(START + 3 * DAY, "k2"),
    )
    assert offered(used.when(resolved(START + 5 * DAY, "k2"))) == ["coffee", "book", "cake"]


# Whom a choice is for


def test_a_choice_may_ask_for_a_tier() -> None:
    by = offers(COFFEE, CAKE, BOOK | {"tiers": ["gold"]})

    assert offered(given(bought(START), by=by)) == ["coffee", "cake"]
    assert offered(given(bought(START, 5_000), by=by)) == ["coffee", "cake", "book"]


def test_a_tier_that_comes_with_a_level_counts_for_its_choices() -> None:
    levels = [{"level": 2, "all": [{"measure": "emotion", "reach": 49}]}]
    ladder = [{"name": "member"}, {"name": "silver", "enter": {"level": 2}}]
    rule = {"id": "gift", "when": {"level_reached": 2}, "every": "ever", "remind_days": 0}
    choices = [COFFEE | {"tiers": ["member"]}, CAKE | {"tiers": ["silver"]}]
    by = rules(rewards=[rule | {"choices": choices}], levels=levels, tiers={"ladder": ladder})
    story = given(feedback(START, "csat", 1), by=by)
    later = story.tick(story.customer.head.level_due)

    assert told(later) == ["reward.issued gift ever 1 cake"]


def test_a_choice_may_ask_for_a_segment() -> None:
    loyal = [{"id": "loyal", "orders": 2}, {"id": "rest"}]
    by = offers(COFFEE, CAKE | {"segments": ["rest"]}, BOOK | {"segments": ["loyal"]}, TEA, segments=loyal)

    assert offered(given(bought(START), by=by)) == ["coffee", "cake", "tea"]
    assert offered(given(bought(START, 1), bought(START + 1, 1_000, "o2"), by=by)) == ["coffee", "book", "tea"]


def test_the_only_choice_that_fits_is_given_at_once() -> None:
    by = offers(COFFEE, CAKE | {"tiers": ["gold"]})

    assert told(given(bought(START), by=by)) == ["reward.issued gift 2026 1 coffee"]


def test_where_no_choice_fits_nothing_is_owed() -> None:
    by = offers(CAKE | {"tiers": ["gold"]}, BOOK | {"tiers": ["gold"]})
    story = given(bought(START), by=by)

    assert (told(story), story.customer.head.entitlements) == ([], {})


def test_a_tier_lost_by_a_refund_takes_the_offer_back_and_reached_again_brings_another() -> None:
    story = given(bought(START), refunded(START + 1), by=offers())
    assert told(story)[1:] == ["reward.revoked gift 2026 1"]
    assert story.customer.told.due > START + 400 * DAY

    again = story.when(bought(START + 2, 1_000, "o2"))
    assert told(again)[2:] == ["reward.offered gift 2026 1"]
    assert len({output.event["id"] for output in again.outputs}) == len(again.outputs)
    assert told(again.tick(START + 7 * DAY + 2))[3:] == ["reward.issued gift 2026 1 coffee"]


def test_a_late_event_that_moves_the_occasion_leaves_the_offer_as_it_was_told() -> None:
    winter = at("2026-12-30T10:00")
    story = given(bought(winter, 600), bought(winter + 4 * DAY, 600, "o2"), by=offers(tiers={"ladder": LADDER}))
    moved = story.when(bought(winter + DAY, 600, "o3"))

    assert set(moved.customer.head.entitlements) == {"gift/2026/1"}
    assert moved.since(story) == []
    after = moved.when(chosen(winter + 5 * DAY, "gift/2027/1", "cake"))
    assert told(after)[-1:] == ["reward.issued gift 2027 1 cake"]
    assert after.statuses == {"gift/2026": "issued"}
