"""From what was seen of customers to hops and the target; and what is measured is what workers and desks take."""

from __future__ import annotations

import pytest

from bench import rewards
from bench.harness import machine
from bench.harness.figures import verdict
from schemas import desk, inputs
from schemas.policy_file import parse_policy


def seen(slowest: float) -> rewards.Seen:
    steps = {"tier.upgraded": 1.0, "gift.requested": 1.0, "gift.allocated": 1.02, "reward.issued": 1.05}
    return {f"kh-{n}": steps | ({"reward.issued": 1 + slowest} if n == 98 else {}) for n in range(100)}


@pytest.mark.parametrize(("slowest", "met"), [(0.25, True), (0.26, False)])
def test_hops_are_told_apart_and_the_target_is_of_the_whole(slowest: float, *, met: bool) -> None:
    figures, targets = rewards.summarise([seen(slowest) | {"kh-99": seen(9.0)["kh-98"]}])

    assert verdict(targets) is met, figures
    assert (figures["desk_p50_ms"], figures["answer_to_reward_p50_ms"]) == (20.0, 30.0)
    page = rewards.describe(figures | {"machine": machine.describe()}, targets)
    assert "| desk | 20.0 | 20.0 |" in page


def test_what_is_measured_is_what_a_worker_and_a_desk_take() -> None:
    for topic, value in rewards.gifts(2):
        desk.parse(topic, b"shop", value)
    inputs.parse("cx.purchases", b"kh-1", rewards.purchase(1, 1_772_000_000_000_000))
    assert parse_policy(rewards.POLICY).gifts_from == "desk"
