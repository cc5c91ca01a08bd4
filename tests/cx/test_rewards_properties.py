"""What always holds of rewards, holds and choices, over generated logs under all triggers."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as over
from hypothesis import strategies as st

from cx.calendar import DAY
from cx.moments import Cancelled, Chosen, GiftTold, HoldDecided, Refunded
from cx.state import NEVER, Head, Life, Told
from tests.cx.strategies import GIFTS, Log, in_total_order, logs, rare
from tests.cx.test_points_properties import answers_of
from tests.spec import Spec, given

pytestmark = pytest.mark.usefixtures("early_base")

SOME = settings(
    max_examples=int(os.environ.get("CX_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def facts(*stories: Spec) -> Told:
    """Return which rewards and holds were told in any of *stories*, or would have been but for a hold."""
    told = Told()
    for story in stories:
        told.rewards |= dict.fromkeys(story.customer.head.entitlements, Life("revoked"))
        told.rewards |= story.customer.told.rewards
        told.holds |= story.customer.told.holds
    return told


def statuses(story: Spec) -> dict[str, str]:
    return {str(one["reward_id"]): str(one["status"]) for one in story.profile["rewards"]}


def rewards(story: Spec) -> list[str]:
    """Return what was told of rewards and holds, whatever the order."""
    return sorted(line for line in story.told if line.startswith(("reward", "hold")))


@SOME
@over(logs(rewards=True), st.integers(0, 60))
def test_in_whatever_order_events_came_the_same_is_owed(log: Log, later: int) -> None:
    first = log.arrives(GIFTS)
    answers, end = answers_of(first), log.end + later * DAY
    told = facts(first, in_total_order(log.moments).arrives(GIFTS, answers).tick(end))
    late = log.arrives(GIFTS, answers, told).tick(end)
    timely = in_total_order(log.moments).arrives(GIFTS, answers, told).tick(end)

    assert late.customer.head == timely.customer.head
    assert sorted(late.refusals) == sorted(timely.refusals)


@SOME
@over(logs(rewards=True), st.data())
def test_the_replay_of_any_prefix_changes_nothing_of_rewards(log: Log, data: st.DataObject) -> None:
    story = log.arrives(GIFTS)
    again = story
    for batch in log.batches[: data.draw(st.integers(0, len(log.batches)))]:
        again = again.when(*batch.moments)

    assert again.outputs == story.outputs
    assert (again.customer.head, again.customer.told) == (story.customer.head, story.customer.told)


@SOME
@over(logs(rewards=True), st.integers(0, 60))
def test_how_many_events_come_at_once_makes_no_difference(log: Log, later: int) -> None:
    """But for what is taken back: what is lost and owed again in one batch was never told of in between."""
    moments = [moment for moment in log.moments if not isinstance(moment, Refunded | Cancelled)]
    one_by_one = in_total_order(moments).arrives(GIFTS)
    at_once = given(by=GIFTS).when(*moments).tick(log.end)
    if at_once.refusals or one_by_one.refusals:
        return  # the clock gives up what waits only where it comes by

    end = log.end + later * DAY
    assert statuses(one_by_one.tick(end)) == statuses(at_once.tick(end))
    assert rewards(one_by_one.tick(end)) == rewards(at_once.tick(end))


@SOME
@over(logs(rewards=True), st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_many_ticks_tell_the_same_of_rewards_as_one(log: Log, steps: list[int]) -> None:
    story = log.arrives(GIFTS)
    clock, once = story.clock, story
    for step in steps:
        clock += step * DAY
        story = story.tick(clock)

    assert statuses(once.tick(clock)) == statuses(story)
    assert rewards(once.tick(clock)) == rewards(story)


@SOME
@over(logs(rewards=True))
def test_nobody_gets_a_reward_twice_and_what_is_used_is_not_taken_back(log: Log) -> None:
    story = given(by=GIFTS)
    had: Counter[str] = Counter()
    used: set[str] = set()
    for batch in log.batches:
        after = (story.tick(batch.clock) if batch.clock else story).when(*batch.moments)
        for output in after.outputs[len(story.outputs) :]:
            data, kind = output.event["data"], output.event["type"]
            if kind == "reward.issued":
                had[data["reward_id"]] += 1
            elif kind == "reward.revoked" and had[data["reward_id"]]:
                had[data["reward_id"]] -= 1
            assert not kind.startswith("reward.") or data["reward_id"] not in used
        assert max(had.values(), default=0) <= 1
        used |= {name for name, status in statuses(after).items() if status == "redeemed"}
        story = after
    assert len({output.event["id"] for output in story.outputs}) == len(story.outputs)


@SOME
@over(logs(rewards=True))
def test_before_the_next_deadline_time_brings_no_reward(log: Log) -> None:
    story = log.arrives(GIFTS)
    deadline = story.customer.next_deadline(GIFTS.lateness)
    assert deadline > story.clock

    before = story.tick(min(deadline - 1, log.end + 400 * DAY))
    assert before.customer == story.customer
    if deadline != NEVER:
        assert story.tick(deadline).decision.changed


def hard_cases(log: Log) -> set[str]:
    """Return which of the hard cases a log holds."""
    story = log.arrives(GIFTS)
    lives, head = story.customer.told.rewards.values(), story.customer.head
    told = " ".join(story.told)
    kinds = {type(moment) for moment in log.moments}
    seen = {
        "chosen": Chosen in kinds and "issued" in told,
        "word": HoldDecided in kinds,
        "said": GiftTold in kinds,
        "held": "held" in statuses(story).values(),
        "hold": "hold.placed" in told,
        "hold ended": "hold.released" in told,
        "redeemed": any(life.status == "redeemed" for life in lives),
        "expired": "reward.expired" in told,
        "expiring": "reward.expiring" in told,
        "revoked": "reward.revoked" in told,
        "dead letter": any(reason == "unknown-reward" for reason, _ in story.refusals),
        **{rule: _owes(head, rule) for rule in ("tier", "level", "birth", "sorry", "refer", "weeks", "mug")},
    }
    return {case for case, there in seen.items() if there}


def _owes(head: Head, rule: str) -> bool:
    return any(owed.rule == rule for owed in head.entitlements.values())


def test_each_hard_case_of_rewards_is_in_at_least_one_log_of_twenty() -> None:
    assert rare(CASES, logs(rewards=True), hard_cases) == {}


CASES = {
    "chosen", "word", "said", "held", "hold", "hold ended", "redeemed", "expired", "expiring", "revoked",
    "dead letter", "tier", "level", "birth", "sorry", "refer", "weeks", "mug",
}  # fmt: skip
