"""Velocity holds: what places one, what waits for it, and what a person's word makes of that."""

from typing import Any

import pytest

from cx.calendar import DAY, HOUR, MINUTE, iso_day
from cx.rules import Rules
from tests.spec import (
    GIFT,
    Spec,
    adjusted,
    asked,
    at,
    bought,
    cancelled,
    chosen,
    freed,
    given,
    refunded,
    reward,
    rules,
    touched,
)

START = at("2026-03-01T10:00")
MANY = {"id": "many", "counts": "orders", "more_than": 2, "within_hours": 24}
CHOICES = [GIFT, GIFT | {"id": "cake"}]


def held(*velocity: dict[str, Any], rewards: list[dict[str, Any]] | None = None, **parts: Any) -> Rules:
    return rules(
        rewards=[reward("gift", "silver")] if rewards is None else rewards, velocity=velocity or [MANY], **parts
    )


def orders(*hours: float, amount: int = 1) -> list[Any]:
    return [bought(START + int(hour * HOUR), amount, f"o{hour}") for hour in hours]


def burst(by: Rules | None = None, amount: int = 1) -> Spec:
    """Return the story of three orders within two hours, which place the hold `many-2026-03-01`."""
    return given(*orders(0, 1, 2, amount=amount), by=by or held())


def holds(story: Spec) -> list[str]:
    return [line for line in story.told if line.startswith("hold.")]


@pytest.mark.parametrize(
    ("hours", "count"), [((0, 1), 0), ((0, 1, 2), 1), ((0, 1, 23.9), 1), ((0, 1, 24), 0), ((0, 24, 25, 26), 1)]
)
def test_more_than_so_many_in_less_than_so_many_hours_place_a_hold(hours: tuple[float, ...], count: int) -> None:
    assert len(holds(given(*orders(*hours), by=held()))) == count


def test_a_hold_says_what_it_rests_on() -> None:
    story = burst()
    event = story.outputs[-1].event

    assert (event["type"], event["time"], event["causationid"]) == ("hold.placed", "2026-03-01T05:00:00Z", "buy-o2")
    assert event["data"] == {
        "hold_id": "many-2026-03-01",
        "kind": "orders",
        "facts": {"count": 3, "more_than": 2, "within_hours": 24},
    }
    assert story.profile["holds"] == [{"hold_id": "many-2026-03-01", "since": "2026-03-01T05:00:00Z"}]


def test_refunds_and_cancellations_count_when_they_take_effect() -> None:
    by = held(MANY | {"counts": "refunds", "more_than": 1})
    story = given(*orders(0, 1, 2), refunded(START + 3 * HOUR, "o9"), cancelled(START + 3 * HOUR, "o0"), by=by)
    assert holds(story) == []
    again = story.when(cancelled(START + 4 * HOUR, "o0"))
    assert holds(again) == [], "there was nothing left to cancel"

    assert holds(again.when(refunded(START + 5 * HOUR, "o1", ("l1", 1)))) == ["hold.placed many-2026-03-01"]


def test_granted_redemptions_count() -> None:
    by = held(MANY | {"counts": "redemptions", "more_than": 1})
    story = given(adjusted(START, 100), asked(START + 1, 10), asked(START + 2, 500), by=by)
    assert holds(story) == []

    assert holds(story.when(asked(START + 3, 10))) == ["hold.placed many-2026-03-01"]


def test_while_a_hold_stands_nothing_is_issued_and_what_is_owed_waits() -> None:
    story = burst().when(bought(START + 3 * HOUR, 1_000, "big"))

    assert story.tier == "silver"
    assert story.told == ["hold.placed many-2026-03-01", "tier.upgraded member silver"]
    assert story.statuses == {"gift/2026": "held"}
    assert story.tick(START + 300 * DAY).statuses == {"gift/2026": "held"}


def test_the_order_that_is_one_too_many_is_held_itself() -> None:
    story = given(*orders(0, 1), bought(START + 2 * HOUR, 1_000, "big"), by=held())

    assert story.told == ["tier.upgraded member silver", "hold.placed many-2026-03-01"]
    assert story.statuses == {"gift/2026": "held"}


def test_what_was_issued_before_stays() -> None:
    story = given(bought(START - DAY, 1_000, "big"), *orders(0, 1, 2), by=held())

    assert story.told[-1] == "hold.placed many-2026-03-01"
    assert story.statuses == {"gift/2026": "issued"}


def test_a_release_gives_what_waited() -> None:
    story = burst().when(bought(START + 3 * HOUR, 1_000, "big"))
    after = story.when(freed(START + DAY, "many-2026-03-01", id="word"))

    assert after.since(story) == ["hold.released many-2026-03-01", "reward.issued gift 2026 1"]
    ended, issued = (output.event for output in after.outputs[-2:])
    assert ended["data"] == {"hold_id": "many-2026-03-01", "reason": "released"}
    assert (ended["causationid"], issued["causationid"]) == ("word", "word")
    assert issued["time"] == "2026-03-02T03:00:00Z"
    assert issued["data"]["valid_until"] == "2026-05-01T03:00:00Z"
    assert after.profile["holds"] == []


def test_a_confirmation_takes_back_what_waited_for_good() -> None:
    story = burst().when(bought(START + 3 * HOUR, 1_000, "big"))
    after = story.when(freed(START + DAY, "many-2026-03-01", released=False))

    assert after.since(story) == ["hold.released many-2026-03-01", "reward.revoked gift 2026 1"]
    assert [output.event["data"]["reason"] for output in after.outputs[-2:]] == ["confirmed", "hold-confirmed"]
    assert after.statuses == {"gift/2026": "revoked"}
    again = after.each(refunded(START + 2 * DAY, "big"), bought(START + 3 * DAY, 1_000, "o9"))
    assert again.since(after)[-1] == "tier.upgraded member silver"


def test_what_is_owed_after_a_confirmation_is_given() -> None:
    story = (
        burst().when(freed(START + DAY, "many-2026-03-01", released=False)).when(bought(START + 2 * DAY, 1_000, "big"))
    )

    assert story.told[-1] == "reward.issued gift 2026 1"


def test_a_reward_that_lost_its_ground_while_it_was_held_was_never_given() -> None:
    story = burst().each(bought(START + 3 * HOUR, 1_000, "big"), refunded(START + 4 * HOUR, "big"))
    after = story.when(freed(START + DAY, "many-2026-03-01"))

    assert after.since(story) == ["hold.released many-2026-03-01"]
    assert after.profile["rewards"] == []


# Offers


def offer() -> Spec:
    rule = {"id": "gift", "when": {"tier_reached": "silver"}, "choices": CHOICES, "remind_days": 0}
    return given(bought(START - DAY, 1_000, "big"), *orders(0, 1, 2), by=held(rewards=[rule]))


def test_what_is_chosen_while_a_hold_stands_is_issued_when_it_is_released() -> None:
    story = offer().when(chosen(START + 3 * HOUR, "gift/2026/1", "cake"))
    assert story.statuses == {"gift/2026": "offered"}

    after = story.when(freed(START + DAY, "many-2026-03-01"))
    assert after.since(story) == ["hold.released many-2026-03-01", "reward.issued gift 2026 1"]
    assert after.outputs[-1].event["data"]["gift_id"] == "cake"


def test_what_time_would_choose_while_a_hold_stands_waits_as_well() -> None:
    story = offer().tick(START + 10 * DAY)
    assert story.statuses == {"gift/2026": "offered"}
    assert story.customer.told.due > START + 400 * DAY

    after = story.when(freed(START + 11 * DAY, "many-2026-03-01"))
    assert after.outputs[-1].event["data"]["gift_id"] == "coffee"
    assert after.outputs[-1].event["time"] == "2026-03-12T03:00:00Z"


def test_an_offer_that_waited_for_nothing_outlives_a_confirmation() -> None:
    story = offer().when(freed(START + DAY, "many-2026-03-01", released=False))
    assert story.statuses == {"gift/2026": "offered"}

    assert story.tick(START + 6 * DAY).told[-1] == "reward.issued gift 2026 1"


def test_a_gift_still_runs_out_while_a_hold_stands() -> None:
    story = given(bought(START - DAY, 1_000, "big"), *orders(0, 1, 2), by=held()).tick(START + 70 * DAY)

    assert story.told[-1] == "reward.expired gift 2026 1"


# One burst, one hold


def test_while_a_hold_stands_there_is_no_second() -> None:
    assert holds(burst().each(*orders(3, 4, 5, 6, 7))) == ["hold.placed many-2026-03-01"]


def test_after_a_release_counting_begins_anew() -> None:
    story = burst().when(freed(START + 3 * HOUR, "many-2026-03-01")).each(*orders(4, 5))
    assert holds(story) == ["hold.placed many-2026-03-01", "hold.released many-2026-03-01"]

    assert holds(story.each(*orders(6)))[2:] == ["hold.placed many-2026-03-01-2"]


def test_a_late_order_of_the_same_burst_places_no_other() -> None:
    story = burst().when(freed(START + 3 * HOUR, "many-2026-03-01"))

    assert holds(story.each(*orders(0.5, 1.5, 2.5))) == holds(story)


def test_two_rules_hold_on_their_own() -> None:
    by = held(MANY, {"id": "few", "counts": "orders", "more_than": 1, "within_hours": 1})
    story = given(*orders(0, 0.5, 0.9), bought(START + 2 * HOUR, 1_000, "big"), by=by)
    assert holds(story) == ["hold.placed few-2026-03-01", "hold.placed many-2026-03-01"]

    one = story.when(freed(START + 3 * HOUR, "few-2026-03-01"))
    assert one.statuses == {"gift/2026": "held"}
    assert one.when(freed(START + 4 * HOUR, "many-2026-03-01")).statuses == {"gift/2026": "issued"}


def test_only_the_first_word_counts() -> None:
    story = burst().when(bought(START + 3 * HOUR, 1_000, "big")).when(freed(START + DAY, "many-2026-03-01"))
    after = story.when(freed(START + DAY + 1, "many-2026-03-01", released=False))

    assert after.since(story) == []
    assert after.statuses == {"gift/2026": "issued"}


# Facts


def test_a_correction_does_not_lift_a_hold() -> None:
    by = held(MANY | {"counts": "refunds", "more_than": 1})
    story = given(*orders(0, 1), refunded(START + 2 * HOUR, "o0"), refunded(START + 3 * HOUR, "o1"), by=by)
    assert holds(story) == ["hold.placed many-2026-03-01"]
    # The first refund is too large now, so there was only one.
    after = story.when(refunded(START + HOUR + 1, "o0", ("l1", 1)))

    assert after.profile["holds"] == story.profile["holds"]
    assert after.when(bought(START + 4 * HOUR, 1_000, "big")).statuses == {"gift/2026": "held"}
    freed_ = after.when(freed(START + 5 * HOUR, "many-2026-03-01"))
    assert freed_.since(after) == ["hold.released many-2026-03-01"]


def test_a_hold_that_follows_from_nothing_any_more_leaves_its_number_used() -> None:
    by = held(MANY | {"within_hours": 1})
    story = given(*orders(0, 0.5, 0.9), by=by).when(freed(START + 2 * HOUR, "many-2026-03-01"))
    story = story.when(*orders(3, 3.5, 3.9))

    assert holds(story) == [
        "hold.placed many-2026-03-01",
        "hold.released many-2026-03-01",
        "hold.placed many-2026-03-01-2",
    ]


def test_in_one_batch_the_same_is_held_and_given() -> None:
    moments = [*orders(0, 1, 2), bought(START + 3 * HOUR, 1_000, "big"), freed(START + DAY, "many-2026-03-01")]
    at_once, one_by_one = given(by=held()).when(*moments), given(*moments, by=held())

    assert sorted(at_once.told) == sorted(one_by_one.told)
    assert [one["status"] for one in at_once.profile["rewards"]] == ["issued"]
    assert at_once.outputs[-1].event == one_by_one.outputs[-1].event | {"data": at_once.outputs[-1].event["data"]}


@pytest.mark.parametrize(("early", "stands"), [(5 * MINUTE, False), (11 * MINUTE, True)])
def test_a_word_a_little_before_its_hold_is_of_a_clock_that_is_slow(early: int, *, stands: bool) -> None:
    story = given(freed(START + 2 * HOUR - early, "many-2026-03-01"), *orders(0, 1, 2), by=held())

    assert holds(story)[0] == "hold.placed many-2026-03-01"
    assert len(story.profile["holds"]) == stands
    assert story.profile["waiting"] == stands, "it was about something else, which is not known"
    assert len(story.tick(START + 31 * DAY).refusals) == stands


@pytest.mark.parametrize(("early", "ends"), [((5, 4, 3), ["released"]), ((11, 4, 3), ["confirmed"]), ((12, 11), [])])
def test_of_several_words_before_their_hold_the_first_that_is_not_too_old_counts(
    early: tuple[int, ...], ends: list[str]
) -> None:
    words = [
        freed(START + 2 * HOUR - minutes * MINUTE, "many-2026-03-01", released=number != 1)
        for number, minutes in enumerate(early)
    ]
    story = given(*words, *orders(0, 1, 2), by=held())

    assert [one.event["data"]["reason"] for one in story.outputs if one.event["type"] == "hold.released"] == ends
    assert len(story.tick(START + 31 * DAY).refusals) == sum(minutes > 10 for minutes in early)


@pytest.mark.parametrize(("clock", "letters"), [(30 * DAY - 1, 0), (30 * DAY, 1)])
def test_a_word_on_no_hold_goes_to_the_dead_letters(clock: int, letters: int) -> None:
    story = given(bought(START), freed(START, "many-1999-01-01"), by=held()).tick(START + clock)

    assert story.refusals == (("unknown-hold", "data.hold_id"),) * letters
    assert len(story.customer.head.holds) == 1 - letters


def test_points_that_were_paid_for_what_is_held_stay_spent() -> None:
    rule = {"id": "mug", "when": {"redemption": {"points": 10}}, "every": "occasion", "gift": GIFT, "remind_days": 0}
    by = held(MANY | {"counts": "redemptions", "more_than": 1}, rewards=[rule])
    story = given(
        adjusted(START, 100),
        asked(START + 1, 10, reward="mug", id="a"),
        asked(START + 2, 10, reward="mug", id="b"),
        by=by,
    )
    assert story.statuses == {"mug/a": "issued", "mug/b": "held"}

    after = story.when(freed(START + 3, "many-2026-03-01", released=False))
    assert after.statuses == {"mug/a": "issued", "mug/b": "revoked"}
    assert after.profile["points"]["spent"] == 20


def test_old_holds_are_forgotten() -> None:
    story = given(by=held(clock={"lateness_days": 10}))
    for n in range(20):
        start = START + n * 50 * DAY
        hold = f"many-{iso_day(story.rules.calendar.day(start))}"
        story = story.each(*[bought(start + k, 1, f"o{n}-{k}") for k in range(3)], freed(start + DAY, hold))
        story = story.tick(start + 14 * DAY)

    assert len(story.customer.head.holds) == 9, "those of the last 400 days"
    assert len(story.customer.told.holds) <= 6, "those of events that may still be folded again"
    assert len({output.event["id"] for output in story.outputs}) == 40


def test_what_was_told_of_a_hold_is_forgotten_with_the_events_and_not_with_the_next_reward() -> None:
    story = burst().when(freed(START + DAY, "many-2026-03-01"))
    assert "many-2026-03-01" in story.customer.told.holds

    later = story.each(*[touched(START + n * DAY, id=f"t{n}") for n in range(2, 50)])
    later = later.tick(START + 50 * DAY).when(touched(START + 51 * DAY))
    assert later.customer.floor > START + DAY
    assert later.customer.told.holds == {}


def test_a_hold_is_forgotten_400_days_after_its_end() -> None:
    story = burst().when(freed(START + DAY, "many-2026-03-01"))
    for early, count in ((0, 2), (-1, 1)):
        later = START + 401 * DAY - 2 * HOUR - early
        again = story.each(*[bought(later + hour * HOUR, 1, f"late{hour}") for hour in range(3)])
        assert len(again.customer.head.holds) == count
