"""The life of a reward after it was issued: delivered, redeemed, expired, taken back, and what is said of it late."""

from typing import Any

import pytest

from cx.calendar import DAY, rfc3339
from cx.moments import GiftTold
from cx.rules import Rules
from tests.spec import GIFT, LADDER, Spec, at, became, bought, chosen, given, refunded, reward, rules

START = at("2026-03-01T10:00")
ENDS = START + 60 * DAY
KEY = "gift/2026/1"


def gives(**more: Any) -> Rules:
    parts = {name: more.pop(name) for name in ("tiers", "clock") if name in more}
    return rules(rewards=[reward("gift", "silver", **more)], **parts)


def begun(**more: Any) -> Spec:
    """Return the story of who has got a gift that is valid for 60 days."""
    return given(bought(START), by=gives(**more))


def told(story: Spec) -> list[str]:
    return [line.removesuffix(" gift 2026 1") for line in story.told if line.startswith("reward.")]


def test_a_gift_is_delivered_and_used_without_a_word() -> None:
    story = begun().when(became(START + 1, KEY, "delivered"))
    assert story.statuses == {"gift/2026": "delivered"}

    used = story.when(became(START + 2, KEY, "redeemed"))
    assert used.statuses == {"gift/2026": "redeemed"}
    assert told(used.tick(ENDS + DAY)) == ["reward.issued"]


def test_in_whatever_order_it_is_said_a_used_gift_is_used() -> None:
    story = begun().each(became(START + 2, KEY, "redeemed"), became(START + 1, KEY, "delivered"))

    assert story.statuses == {"gift/2026": "redeemed"}


@pytest.mark.parametrize(("clock", "told_"), [(ENDS - 1, 0), (ENDS, 1)])
def test_an_unused_gift_runs_out_at_its_instant(clock: int, told_: int) -> None:
    story = begun().tick(clock)

    assert told(story)[1:] == ["reward.expired"] * told_
    if told_:
        event = story.outputs[-1].event
        assert (event["time"], event["data"]["gift_id"]) == ("2026-04-30T03:00:00Z", "coffee")
        assert event["data"]["valid_until"] == event["time"]
        assert story.statuses == {"gift/2026": "expired"}
        assert told(story.tick(ENDS + 400 * DAY)) == told(story)


def test_a_use_that_is_said_too_late_still_counts() -> None:
    story = begun().tick(ENDS + DAY).when(became(ENDS - DAY, KEY, "redeemed"))

    assert story.statuses == {"gift/2026": "redeemed"}
    assert told(story) == ["reward.issued", "reward.expired"]


@pytest.mark.parametrize(("clock", "count"), [(ENDS - 7 * DAY - 1, 0), (ENDS - 7 * DAY, 1), (ENDS - 1, 1)])
def test_a_gift_about_to_run_out_is_told_once(clock: int, count: int) -> None:
    story = begun(remind_days=7).tick(clock)

    assert told(story)[1:] == ["reward.expiring"] * count
    if count:
        assert story.outputs[-1].event["time"] == "2026-04-23T03:00:00Z"
        assert story.outputs[-1].event["data"]["valid_until"] == "2026-04-30T03:00:00Z"
        assert story.statuses == {"gift/2026": "issued"}


def test_nobody_is_reminded_of_what_they_have_used() -> None:
    story = begun(remind_days=7).when(became(START + DAY, KEY, "redeemed"))

    assert told(story.tick(ENDS)) == ["reward.issued"]


@pytest.mark.parametrize(("days", "count"), [(59, 1), (60, 0)])
def test_a_reminder_would_come_after_the_gift(days: int, count: int) -> None:
    assert told(begun(remind_days=days).tick(ENDS - 1))[1:] == ["reward.expiring"] * count


def test_a_jump_of_the_clock_tells_both() -> None:
    assert told(begun(remind_days=7).tick(ENDS + DAY)) == ["reward.issued", "reward.expiring", "reward.expired"]


def test_the_vendor_may_say_that_it_ran_out() -> None:
    story = begun().when(became(START + DAY, KEY, "expired", id="said"))

    assert told(story) == ["reward.issued", "reward.expired"]
    assert story.outputs[-1].event["causationid"] == "said"
    assert told(story.tick(ENDS + DAY)) == told(story)


def test_a_gift_that_the_vendor_called_off_is_not_given_again() -> None:
    story = begun().when(became(START + DAY, KEY, "cancelled"))
    assert told(story) == ["reward.issued", "reward.revoked"]
    assert story.outputs[-1].event["data"]["reason"] == "cancelled"

    again = story.each(refunded(START + 2 * DAY), bought(START + 3 * DAY, 1_000, "o2"))
    assert told(again) == told(story)
    assert again.statuses == {"gift/2026": "revoked"}


def test_a_refund_after_the_gift_was_used_leaves_it() -> None:
    used = begun().when(became(START + 1, KEY, "redeemed"))
    after = used.when(refunded(START + DAY))

    assert after.tier == "member"
    assert told(after) == ["reward.issued"]
    assert after.statuses == {"gift/2026": "redeemed"}
    again = after.when(bought(START + 2 * DAY, 1_000, "o2"))
    assert (again.tier, told(again)) == ("silver", ["reward.issued"]), "nobody gets it twice"


def test_a_use_that_is_known_only_after_the_refund_counts_all_the_same() -> None:
    story = begun().when(refunded(START + DAY)).when(became(START + 1, KEY, "redeemed"))

    assert told(story) == ["reward.issued", "reward.revoked"]
    assert story.statuses == {"gift/2026": "redeemed"}
    assert told(story.when(bought(START + 2 * DAY, 1_000, "o2"))) == told(story)


def test_a_refund_after_it_ran_out_takes_nothing_back() -> None:
    story = begun(clock={"refund_days": 90}).tick(ENDS).when(refunded(ENDS + DAY))

    assert told(story) == ["reward.issued", "reward.expired"]


@pytest.mark.parametrize(("when", "last"), [(ENDS - 1, "reward.revoked"), (ENDS, "reward.expired")])
def test_in_one_batch_what_came_first_counts(when: int, last: str) -> None:
    refund = refunded(when)
    story = begun().when(refund, bought(ENDS + 1, 1, "o2"), recorded=ENDS + 1)

    assert told(story) == ["reward.issued", last]


def test_a_used_gift_of_a_moved_occasion_stands_for_the_other() -> None:
    winter = at("2026-12-30T10:00")
    story = given(bought(winter, 600), bought(winter + 4 * DAY, 600, "o2"), by=gives())
    used = story.when(became(winter + 5 * DAY, "gift/2027/1", "redeemed"))
    moved = used.when(bought(winter + DAY, 600, "o3"))

    assert set(moved.customer.head.entitlements) == {"gift/2026/1"}
    assert moved.since(used) == []
    assert moved.statuses == {"gift/2026": "redeemed"}


def test_a_used_gift_without_ground_stands_for_no_other_occasion() -> None:
    short = {"ladder": LADDER, "window": {"rolling_days": 30}}
    story = given(bought(START, 600), bought(START + 2, 400, "o2"), by=gives(tiers=short))
    used = story.when(became(START + 3, KEY, "redeemed"))
    gone = used.when(refunded(START + 1, "o1", ("l1", 1)))
    assert gone.customer.head.entitlements == {}

    again = gone.when(bought(at("2027-03-01T10:00"), 1_000, "o4"))
    assert again.since(gone)[-1] == "reward.issued gift 2027 1"


def test_what_was_said_of_a_gift_that_was_taken_back_is_not_said_of_the_next() -> None:
    story = begun().each(refunded(START + DAY), became(START + 2 * DAY, KEY, "cancelled"))
    again = story.when(bought(START + 3 * DAY, 1_000, "o2"))
    assert told(again) == ["reward.issued", "reward.revoked", "reward.issued"]
    assert again.statuses == {"gift/2026": "issued"}

    assert told(again.when(became(START + 4 * DAY, KEY, "cancelled")))[3:] == ["reward.revoked"]


def test_what_was_said_a_little_before_the_first_gift_is_said_of_it() -> None:
    assert begun().when(became(START - 1, KEY, "delivered")).statuses == {"gift/2026": "delivered"}


def test_the_use_of_a_gift_that_was_taken_back_is_that_of_the_next() -> None:
    story = begun().each(refunded(START + DAY), bought(START + 3 * DAY, 1_000, "o2"))

    assert story.when(became(START + 1, KEY, "redeemed")).statuses == {"gift/2026": "redeemed"}


def test_of_what_is_said_again_and_again_the_first_and_the_last_are_kept() -> None:
    again = [became(START + n, KEY, "delivered") for n in range(1, 5)]
    story = begun().each(*again)

    (said,) = story.customer.head.said.values()
    assert said == (again[0], again[-1])


@pytest.mark.parametrize(("count", "status"), [(19, "issued"), (20, "offered")])
def test_of_20_gifts_that_were_chosen_one_has_to_be_there(count: int, status: str) -> None:
    choices = [GIFT, GIFT | {"id": "cake"}]
    by = rules(rewards=[{"id": "gift", "when": {"tier_reached": "silver"}, "choices": choices}])
    wrong = [chosen(START + n, KEY, f"yacht-{n}") for n in range(1, count + 1)]
    story = given(bought(START), *wrong, chosen(START + DAY, KEY, "cake"), by=by)

    assert story.statuses == {"gift/2026": status}


@pytest.mark.parametrize("kind", ["delivered", "redeemed", "expired", "cancelled"])
def test_what_is_said_of_no_reward_goes_to_the_dead_letters(kind: str) -> None:
    story = given(bought(START, 10), became(START, "gift/1999/1", kind), by=gives())
    assert story.customer.next_deadline(story.rules.lateness) == START + 30 * DAY

    after = story.tick(START + 30 * DAY)
    assert after.refusals == (("unknown-reward", "data.reward_id"),)
    assert after.customer.head.said == {}


def test_a_letter_in_vain_is_struck_from_the_base_too() -> None:
    few = gives(clock={"recent_max": 10})
    stray: GiftTold = became(START, "gift/1999/1", "redeemed")
    story = given(stray, *[bought(START + n, 1, f"o{n}") for n in range(1, 20)], by=few)
    assert stray not in story.customer.recent

    after = story.tick(START + 30 * DAY)
    assert after.refusals == (("unknown-reward", "data.reward_id"),)
    late = after.when(bought(START + 25, 1, "late"), recorded=START + 30)
    assert (late.customer.head.said, late.profile["waiting"]) == ({}, 0)


def test_a_gift_of_before_its_life_was_known_never_runs_out() -> None:
    story = begun()
    ((key, life),) = story.customer.told.rewards.items()
    story.customer.told.rewards[key] = type(life)("issued", 1)

    after = story.when(bought(START + 1, 1, "o2"), refunded(START + 2, "o2")).tick(ENDS + DAY)
    assert told(after) == ["reward.issued"]
    assert told(after.when(became(ENDS + DAY, KEY, "expired")))[1:] == ["reward.expired"]


def test_a_gift_that_was_used_is_of_when_it_was_given_though_a_later_tier_rests_on_it() -> None:
    story = begun().when(became(START + 2, KEY, "redeemed"))
    back = story.when(refunded(START + 3), bought(START + DAY, 1_000, "o2"))
    (shown,) = back.profile["rewards"]
    assert (shown["status"], shown["since"]) == ("redeemed", rfc3339(START))
