"""What always holds, over generated logs: replay, order of arrival, undoing, and records that explain themselves."""

import os

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as over
from hypothesis import strategies as st

from cx import levels
from cx.calendar import DAY, HOUR, micros
from cx.intake import moment_of
from cx.moments import Purchased
from cx.rules import Rules
from cx.state import NEVER, Head, canonical
from cx.view import as_of
from schemas.inputs import parse_line
from tests.cx.recompute import level_of, tier_of
from tests.cx.strategies import (
    EVERYTHING,
    HARD,
    LEVELS,
    SPEND_ALONE,
    START,
    TURNS,
    Log,
    hard_cases,
    in_total_order,
    logs,
    rare,
    turns,
)
from tests.spec import Spec, bought, refunded

pytestmark = pytest.mark.usefixtures("early_base")

EXAMPLES = int(os.environ.get("CX_EXAMPLES", "200"))  # for a long run, set it to 10,000
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(MANY, max_examples=max(EXAMPLES // 3, 1))


def derived(story: Spec) -> tuple[Head, bytes]:
    """Return what must follow from events and clock alone: the head, and the profile without what was told."""
    profile = story.profile
    del profile["rewards"]  # their status is what was told; the head holds what they follow from
    return story.customer.head, canonical(profile)


def had(story: Spec) -> set[str]:
    """Return the rewards that the customer has been given and not lost again, whether or not their days are over.

    A gift that was given by what is corrected later is the same gift, and of before: so it also runs out before.
    """
    return {key for key, life in story.customer.told.rewards.items() if life.status in ("issued", "expired")}


def remembered(story: Spec) -> tuple[object, ...]:
    """Return all of a customer but how often it was written."""
    customer = story.customer
    return customer.base, customer.recent, customer.head, customer.told, customer.kept, customer.settled, customer.floor


# 1


@MANY
@over(logs(), st.data())
def test_the_replay_of_any_prefix_changes_neither_state_nor_what_was_told(log: Log, data: st.DataObject) -> None:
    story = log.arrives(EVERYTHING)
    prefix = log.batches[: data.draw(st.integers(0, len(log.batches)), label="batches")]
    again = story
    for batch in prefix:
        again = again.when(*batch.moments)

    assert remembered(again) == remembered(story)
    assert again.outputs == story.outputs


@SOME
@over(logs(), st.integers(0, 60))
def test_a_replay_from_nothing_says_the_same_under_the_same_ids(log: Log, later: int) -> None:
    once, again = (log.arrives(EVERYTHING).tick(log.end + later * DAY) for _ in range(2))

    assert once.customer == again.customer
    assert once.outputs == again.outputs


# 2


@pytest.mark.parametrize("by", [EVERYTHING, LEVELS], ids=["everything", "levels"])
@MANY
@over(log=logs(), later=st.integers(0, 60))
def test_in_whatever_order_events_came_the_same_follows_from_them(log: Log, later: int, by: Rules) -> None:
    late = log.arrives(by).tick(log.end + later * DAY)
    timely = in_total_order(log.moments).arrives(by).tick(log.end + later * DAY)

    assert derived(late) == derived(timely)
    assert had(late) == had(timely)
    assert late.customer.events_held == timely.customer.events_held
    assert sorted(late.refusals) == sorted(timely.refusals)


@SOME
@over(logs())
def test_what_was_told_adds_up_to_what_is(log: Log) -> None:
    story = log.arrives(EVERYTHING)
    tier, level = "member", 1
    for output in story.outputs:
        data = output.event["data"]
        if output.event["type"].startswith("tier."):
            assert data["from"] == tier
            tier = data["to"]
        elif output.event["type"] == "cx-level.changed":
            assert data["from"] == level
            level = data["to"]

    assert (tier, level) == (story.tier, story.customer.head.level)
    assert len({output.event["id"] for output in story.outputs}) == len(story.outputs)


# 3


@MANY
@over(logs(spend_only=True), st.integers(0, 40), st.integers(0, 20), st.sampled_from([1, 600, 1_000, 5_000]))
def test_a_purchase_fully_refunded_is_as_if_never_made(log: Log, when: int, wait: int, amount: int) -> None:
    purchase = bought(START + when * DAY + 1, amount, "undone")
    refund = refunded(purchase.at + wait * DAY + 1, "undone")
    both = in_total_order([*log.moments, purchase, refund]).arrives(SPEND_ALONE)
    neither = in_total_order(log.moments).arrives(SPEND_ALONE)

    def left(story: Spec) -> tuple[object, ...]:
        rewards = {key for key, owed in story.customer.head.entitlements.items() if not owed.lost}
        return story.tier, story.profile["measures"], rewards

    assert left(both) == left(neither)


@SOME
@over(logs(spend_only=True))
def test_when_all_is_refunded_nothing_is_left(log: Log) -> None:
    purchases = [moment for moment in log.moments if isinstance(moment, Purchased)]
    end = max(moment.at for moment in log.moments)
    undone = [refunded(end + 1 + n, purchase.order, id=f"end-{n}") for n, purchase in enumerate(purchases)]
    story = in_total_order([*log.moments, *undone]).arrives(SPEND_ALONE)

    assert (story.tier, story.spend, story.orders) == ("member", 0, 0)
    assert [key for key, owed in story.customer.head.entitlements.items() if not owed.lost] == []
    assert all(life.status == "revoked" for life in story.customer.told.rewards.values())


@SOME
@over(logs(), st.integers(0, 60))
def test_every_alert_was_told_and_none_twice(log: Log, later: int) -> None:
    story = log.arrives(EVERYTHING).tick(log.end + later * DAY)
    told = story.customer.told.alerts

    assert story.customer.head.alerts.keys() <= told.keys()
    assert len([name for name in story.told if name.startswith("care.")]) <= len(told)


# 6


@pytest.mark.parametrize("by", [EVERYTHING, LEVELS], ids=["everything", "levels"])
@MANY
@over(log=logs())
def test_every_outcome_follows_from_its_record(log: Log, by: Rules) -> None:
    for output in log.arrives(by).tick(log.end + 60 * DAY).outputs:
        if "decision" not in output.event["data"]:
            continue  # what an alert rests on are its facts
        decision = output.event["data"]["decision"]
        if decision["rule"].startswith("cx-level:"):
            assert level_of(decision) == decision["after"] == str(output.event["data"]["to"])
        else:
            assert tier_of(decision) == decision["after"]
        if output.event["type"].startswith("tier."):
            assert decision["after"] == output.event["data"]["to"]


# 7


@MANY
@over(logs(), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_time_alone_never_upgrades(log: Log, steps: list[int]) -> None:
    story = log.arrives(SPEND_ALONE)
    clock = log.end
    for step in steps:
        clock += step * DAY
        later = story.tick(clock)
        assert not [name for name in later.since(story) if name.startswith(("tier.upgraded", "reward.issued"))]
        assert SPEND_ALONE.rung_of(later.tier) <= SPEND_ALONE.rung_of(story.tier)
        story = later


# And what holds them up


@SOME
@over(logs(points=True, rewards=True))
def test_what_a_failure_prints_of_a_log_is_that_log(log: Log) -> None:
    events = [parse_line(text.encode()) for text in repr(log).splitlines()]
    told = [msgspec.structs.replace(moment, content=0) for batch in log.batches for moment in batch.moments]
    read = [moment_of(event, EVERYTHING) for event in events if event.type != "clock.ticked"]
    assert [msgspec.structs.replace(moment, content=0) for moment in read] == told
    assert [micros(event.time) for event in events if event.type == "clock.ticked"] == [
        batch.clock for batch in log.batches if batch.clock
    ]


def test_each_hard_case_is_in_at_least_one_log_of_twenty() -> None:
    assert rare(HARD, logs(), lambda log: hard_cases(log, EVERYTHING)) == {}


def test_each_turn_of_a_level_is_in_at_least_one_log_of_twenty() -> None:
    assert rare(TURNS, logs(), turns) == {}


@SOME
@over(logs(), st.lists(st.integers(1, 30 * 24), min_size=1, max_size=6))
def test_at_no_instant_the_level_is_another_than_its_evidence_makes_it(log: Log, hours: list[int]) -> None:
    story = log.arrives(LEVELS)
    clock = log.end
    for step in hours:
        before, clock = story.customer.head, clock + step * HOUR
        story = story.tick(clock)
        head = as_of(story.customer.head, clock, LEVELS)
        assert levels.reached(head, head.level, clock, LEVELS) == head.level
        begun = head.first_seen  # which is later once the first moment is given up, as if it had never been there
        assert head.level_since in (before.level_since, begun) or before.level_due <= head.level_since <= clock


@SOME
@over(logs())
def test_before_the_next_deadline_time_brings_nothing(log: Log) -> None:
    story = log.arrives(EVERYTHING)
    deadline = story.customer.next_deadline(EVERYTHING.lateness)
    before = story.tick(min(deadline - 1, log.end + 400 * DAY))

    assert before.customer == story.customer
    assert before.profile["tier"] == story.tier
    if deadline != NEVER:
        assert story.tick(deadline).decision.changed
