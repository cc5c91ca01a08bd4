"""What always holds, under every kind of window, of keeping and of falling."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as over
from hypothesis import strategies as st

from cx.calendar import DAY
from cx.rules import Rules
from tests.cx.strategies import CLOCK, START, Log, in_total_order, logs, overlooked
from tests.spec import NO_ALERTS, Spec, bought, refunded, rules

pytestmark = pytest.mark.usefixtures("early_base")

SOME = settings(
    max_examples=int(os.environ.get("CX_EXAMPLES", "200")), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
KEEPS: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"spend": 1_000}, "keep": {"spend": 500}},
    {"name": "gold", "enter": {"spend": 5_000}, "keep": {"spend": 3_000}},
]
MIXED: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"any": [{"spend": 1_000}, {"orders": 2}]}},
    {"name": "gold", "enter": {"spend": 2_000, "emotion": 45, "open_cases": {"at_most": 0}}, "keep": {"spend": 1_500}},
]
BY_LEVEL: list[dict[str, Any]] = [
    {"name": "member"},
    {"name": "silver", "enter": {"level": 2}},
    {"name": "gold", "enter": {"level": 2, "spend": 2_000}, "keep": {"level": 2, "spend": 500}},
]
ROLLING = {"rolling_days": 20}
QUARTER = {"calendar": "quarter"}
REFUNDS = {"refund_days": 10}


def by(ladder: list[dict[str, Any]], window: dict[str, Any], **more: Any) -> Rules:
    return rules(
        clock=CLOCK | REFUNDS,
        tiers={"ladder": ladder, "window": window, **more},
        levels=None,
        rhythm={"least_gaps": 1},
        care=NO_ALERTS | {"silent": {}, "tier_at_risk": {"days": 7}},
    )


ALL = {
    "rolling, kept by less": by(KEEPS, ROLLING),
    "rolling, by period": by(KEEPS, ROLLING, downgrade={"when": "period-end"}),
    "rolling, one step": by(KEEPS, ROLLING, downgrade={"mode": "one-step"}),
    "rolling, never": by(KEEPS, ROLLING, downgrade={"mode": "none"}),
    "rolling, grace and stay": by(KEEPS, ROLLING, downgrade={"grace_days": 3, "stay_days": 25}),
    "quarter": by(KEEPS, QUARTER),
    "quarter, one step, grace": by(KEEPS, QUARTER, downgrade={"mode": "one-step", "grace_days": 5}),
    "quarter, at once": by(KEEPS, QUARTER, downgrade={"when": "at-once"}),
    "anniversary": by(KEEPS, {"anniversary": "year"}),
    "mixed": by(MIXED, ROLLING),
    "by level": by(BY_LEVEL, ROLLING),
    "mixed, quarter": by(MIXED, QUARTER, no_promotion_while=["open-case"]),
    "refunds at period end": by(KEEPS, ROLLING, refunds="at-period-end"),
    "refunds keep": by(KEEPS, QUARTER, refunds="keep"),
}
PLAIN = [
    "rolling, kept by less",
    "rolling, by period",
    "rolling, one step",
    "quarter",
    "quarter, at once",
    "anniversary",
]
policies = st.sampled_from(sorted(ALL))


@SOME
@over(logs(), policies, st.integers(0, 120))
def test_the_order_of_arrival_makes_no_difference(log: Log, name: str, later: int) -> None:
    policy = ALL[name]
    late = log.arrives(policy).tick(log.end + later * DAY)
    timely = in_total_order(log.moments).arrives(policy).tick(log.end + later * DAY)

    assert late.customer.head == timely.customer.head


@SOME
@over(
    logs(spend_only=True),
    st.sampled_from(PLAIN),
    st.integers(0, 40),
    st.integers(0, 9),
    st.sampled_from([1, 600, 1_000, 5_000]),
)
def test_a_purchase_fully_refunded_is_as_if_never_made(log: Log, name: str, when: int, wait: int, amount: int) -> None:
    policy = ALL[name]
    purchase = bought(START + when * DAY + 1, amount, "undone")
    refund = refunded(purchase.at + wait * DAY + 1, "undone")
    log = in_total_order([moment for moment in log.moments if moment.at - START < 41 * DAY])
    both = in_total_order([*log.moments, purchase, refund]).arrives(policy)
    neither = in_total_order(log.moments).arrives(policy)

    def left(story: Spec) -> tuple[object, ...]:
        return story.tick(both.clock).tier, story.tick(both.clock).profile["measures"]

    assert left(both) == left(neither)


@SOME
@over(logs(), policies, st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_many_ticks_come_to_the_same_as_one(log: Log, name: str, steps: list[int]) -> None:
    policy = ALL[name]
    story = log.arrives(policy)
    clock, once = story.clock, story
    for step in steps:
        clock += step * DAY
        story = story.tick(clock)
    once = once.tick(clock)
    assert once.customer.head.standing == story.customer.head.standing
    assert once.profile == story.profile | {"rewards": once.profile["rewards"]}


@SOME
@over(logs(), policies, st.integers(0, 60))
def test_nothing_calls_for_care_that_time_has_not_brought(log: Log, name: str, later: int) -> None:
    assert overlooked(log.arrives(ALL[name]).tick(log.end + later * DAY)) == set()
