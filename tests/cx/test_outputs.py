"""Outputs: what is told, once, under ids that any replay repeats; each as the contract wants it."""

import json
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from cx.calendar import DAY
from cx.decide import Arrival, decide
from cx.lives import reward_id
from cx.moments import ProfileUpdated
from cx.state import Customer
from schemas.outputs import OutputEvent, read
from tests.spec import Spec, at, bought, feedback, given, refunded, reward, rules, touched

START = at("2026-03-01T10:00")
FALL = at("2027-03-01T00:00")
ALL = rules(levels=None, rewards=[reward("gift", "silver"), reward("big", "gold")])


def whole() -> Spec:
    """Return a story in which every kind of output is told."""
    return given(
        touched(START),
        bought(START + 1),
        bought(START + 3, 4_000, "o2"),
        refunded(START + 4, "o2"),
        feedback(START + 5, "ces", 1),
        refunded(START + 2, "o1", ("l1", 500)),
        by=ALL,
    ).tick(FALL)


def events(story: Spec) -> list[OutputEvent]:
    return [read(output.topic, json.dumps(output.event).encode()) for output in story.outputs]


def ids(story: Spec) -> list[str]:
    return [output.event["id"] for output in story.outputs]


def test_each_output_is_what_the_contract_says_it_is() -> None:
    story = whole()

    assert {event.type for event in events(story)} == {
        "tier.upgraded",
        "tier.downgraded",
        "tier.corrected",
        "cx-level.changed",
        "reward.issued",
        "reward.revoked",
    }
    assert {event.subject for event in events(story)} == {"lan"}
    for output, event in zip(story.outputs, events(story), strict=True):
        # Nothing is said that the contract has no field for.
        assert _keys(output.event) <= _keys(event.model_dump(by_alias=True, mode="json"))


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for one in value.values() for name in _keys(one)}
    return {name for one in value for name in _keys(one)} if isinstance(value, list | tuple) else set()


def test_each_type_goes_to_its_topic() -> None:
    assert {(output.event["type"].split(".")[0], output.topic) for output in whole().outputs} == {
        ("tier", "cx.tier-changes"),
        ("cx-level", "cx.level-changes"),
        ("reward", "cx.rewards"),
    }


def test_ids_are_the_same_in_every_replay_and_never_twice() -> None:
    assert ids(whole()) == ids(whole())
    assert len(set(ids(whole()))) == len(ids(whole()))
    assert all(UUID(id_).version == 5 for id_ in ids(whole()))


def test_ids_differ_between_customers() -> None:
    mai = decide(Customer("mai"), [Arrival(bought(START), START)], 0, ALL)

    assert not {output.event["id"] for output in mai.outputs} & set(ids(given(bought(START), by=ALL)))
    assert reward_id("lan", "gift/2026/1") != reward_id("mai", "gift/2026/1")


def test_ids_do_not_depend_on_what_else_came_in_between() -> None:
    quiet = given(bought(START), bought(START + 2, 4_000, "o2"), by=ALL)
    busy = given(bought(START), feedback(START + 1, "csat", 3), bought(START + 2, 4_000, "o2"), by=ALL)

    assert ids(quiet) == ids(busy)


def test_an_id_can_never_change_again() -> None:
    # A newer version that named the same event otherwise would make every subscriber see it twice.
    assert reward_id("lan", "gift/2026/1") == "93a9a933-d565-5a9d-acb2-35343b9ae50a"
    assert ids(given(bought(START), by=ALL)) == [
        "6714bbf2-fd51-5202-b3a5-8af5c52991e8",
        "fe22b352-902d-58d0-9d05-94f1a6a9ed3c",
    ]


def test_folding_again_issues_no_second_reward() -> None:
    story = given(bought(START), bought(START + 5 * DAY, 1, "o2"), by=ALL)
    again = story.when(touched(START + DAY)).when(bought(START), touched(START + DAY))

    assert again.since(story) == ["cx-level.changed 1 3"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_events_came_it_is_the_same_reward(order: tuple[int, ...]) -> None:
    moments = [bought(START, 600), bought(START + DAY, 600, "o2"), bought(START + 2 * DAY, 600, "o3")]
    story = given(*(moments[place] for place in order), by=ALL)
    issued = [output.event["data"]["reward_id"] for output in story.outputs if output.event["type"] == "reward.issued"]

    assert issued == [reward_id("lan", "gift/2026/1")]


def test_what_led_to_a_change_is_named() -> None:
    causes = [
        (output.event["type"], output.event.get("causationid")) for output in given(bought(START), by=ALL).outputs
    ]

    assert causes == [("tier.upgraded", "buy-o1"), ("reward.issued", "buy-o1")]


def test_an_event_that_came_late_is_the_cause_of_the_rise_it_brings() -> None:
    """In the order of time the other order tipped the scales; what triggered the output is what arrived."""
    story = given(bought(START, 900, "o1"), by=ALL).when(bought(START - DAY, 900, "o2"))

    late = bought(START - DAY, 900, "o2").id
    assert {(event.type, event.causationid) for event in events(story)} == {
        ("tier.upgraded", late),
        ("reward.issued", late),
    }


def test_what_time_did_has_no_cause() -> None:
    story = given(bought(START)).tick(FALL)

    assert "causationid" not in story.outputs[-1].event
    assert story.outputs[-1].event["time"] == "2027-02-28T17:00:00Z"
    assert story.outputs[-1].event["data"]["reason"] == "window"


def test_a_correction_names_the_event_that_came_late() -> None:
    story = given(bought(START, 600), bought(START + 2, 400, "o2"))
    corrected = story.when(refunded(START + 1, "o1", ("l1", 1), id="late"))

    assert corrected.outputs[-1].event["type"] == "tier.corrected"
    assert corrected.outputs[-1].event["causationid"] == "late"


def test_an_upgrade_that_only_moves_is_not_told_again() -> None:
    story = given(bought(START, 600), bought(START + 5, 600, "o2"))
    moved = story.when(bought(START + 1, 600, "o3"))

    assert moved.since(story) == []
    assert moved.when(refunded(START + 6, "o3")).since(moved) == []
    fallen = moved.each(refunded(START + 6, "o3"), refunded(START + 7, "o2"))
    assert fallen.since(moved) == ["tier.downgraded silver member"], "it is known since when silver counts"


def test_of_several_changes_in_one_batch_the_sum_is_told_with_its_own_reason() -> None:
    story = given(bought(START, 5_000))
    later = story.when(bought(FALL + DAY, 1_000, "o2"))

    assert later.since(story) == ["tier.downgraded gold silver"]
    assert later.outputs[-1].event["data"]["reason"] == "window"
    assert [c.after for c in later.customer.head.history] == ["gold", "member", "silver"]


def test_a_message_carries_language_and_consent_of_its_moment() -> None:
    silent = ProfileUpdated(START, "app", "u1", birthday=None, locale="en", preferences=None, notify=False)
    story = given(silent, bought(START + 1), by=ALL)
    for output in story.outputs:
        assert (output.event["data"]["locale"], output.event["data"]["notify"]) == ("en", False)
    assert "reward.issued gift 2026 1" in story.told, "the reward is given either way"

    data = given(bought(START), by=ALL).outputs[0].event["data"]
    assert (data["locale"], data["notify"]) == ("vi", True)


def test_nothing_is_told_of_a_customer_who_only_sent_what_is_refused() -> None:
    assert given().when(bought(START), recorded=START + 31 * DAY).told == []
