"""What always holds of points, in any order of arrival, under every way of earning, waiting and running out."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import given as over
from hypothesis import strategies as st

from cx.calendar import DAY
from cx.moments import Requested, name_of
from cx.rules import Rules
from tests.cx.strategies import CLOCK, START, Log, in_total_order, logs, overlooked
from tests.cx.test_points import told_balance
from tests.spec import LADDER, NO_ALERTS, Spec, bought, given, refunded, rules

pytestmark = pytest.mark.usefixtures("early_base")

SOME = settings(
    max_examples=int(os.environ.get("CX_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
SILENCE = {"inactive_days": 12}
MONTH = {"after_months": 1}
BY_TIER: list[dict[str, Any]] = [{"per": 5, "tiers": ["silver", "gold"]}, {"per": 10}]


def by(rates: list[dict[str, Any]] | None = None, **points: Any) -> Rules:
    tiers = {"ladder": LADDER, "window": {"rolling_days": 20}}
    care = NO_ALERTS | {"points_expiring": {"least": 20, "days": 5}}
    earned = {"rates": rates or [{"per": 10}]} | points
    return rules(clock=CLOCK | {"refund_days": 20}, tiers=tiers, points=earned, care=care)


ALL = {
    "at once": by(),
    "by tier": by(BY_TIER),
    "month": by(expiry=MONTH),
    "silence": by(expiry=SILENCE),
    "both, pending": by(expiry=MONTH | SILENCE, pending_days=7),
    "month, pending": by(expiry=MONTH, pending_days=15),
    "by tier, month, pending": by(BY_TIER, expiry=MONTH, pending_days=20),
}
policies = st.sampled_from(sorted(ALL))
# Without those under which an order leaves its mark on others: what they earn at the tier it reached stays theirs, and
# points that it kept alive are not taken back once another order keeps them alive.
ALONE = st.sampled_from(["at once", "month", "month, pending"])


def answers_of(story: Spec) -> dict[str, int]:
    """Return what was answered in *story*, by request."""
    answers = {}
    for output in story.outputs:
        data = output.event["data"]
        if "request_id" in data:
            granted = data["points"] if output.event["type"] == "points.spent" else 0
            answers[f"{data['request_source']}\n{data['request_id']}"] = granted
    return answers


def check(story: Spec) -> None:
    """Check what holds of a ledger at any time."""
    head = story.customer.head
    lots = [order.lot for order in head.open_orders.values() if order.lot]
    left = sum(lot.left for lot in lots) + sum(head.ledger.closed.values())
    assert head.ledger.balance == left - head.ledger.debt
    assert not (left and head.ledger.debt)
    assert all(lot.left >= 0 and lot.points >= 0 and lot.gone >= 0 for lot in lots)
    assert told_balance(story) == head.ledger.balance, "what was told adds up to the ledger"
    assert not head.moves


@SOME
@over(logs(points=True), policies, st.integers(0, 90))
def test_points_conserve_and_what_is_told_adds_up(log: Log, name: str, later: int) -> None:
    story = given(by=ALL[name])
    for batch in log.batches:
        story = (story.tick(batch.clock) if batch.clock else story).when(*batch.moments)
        check(story)
    check(story.tick(log.end + later * DAY))


@SOME
@over(logs(points=True), policies, st.integers(0, 90))
def test_with_answers_as_facts_the_order_of_arrival_makes_no_difference(log: Log, name: str, later: int) -> None:
    policy = ALL[name]
    first = log.arrives(policy)
    answers = answers_of(first)
    assert answers.keys() == {name_of(m) for m in log.moments if isinstance(m, Requested)}
    again = log.arrives(policy, answers).tick(log.end + later * DAY)
    timely = in_total_order(log.moments).arrives(policy, answers).tick(log.end + later * DAY)

    assert first.tick(log.end + later * DAY).customer.head == timely.customer.head
    assert again.customer.head == timely.customer.head
    if any(answers.values()):
        event("points were spent")
    if timely.customer.head.ledger.debt:
        event("debt")


@SOME
@over(logs(spend_only=True), ALONE, st.integers(0, 30), st.integers(0, 19), st.sampled_from([1, 600, 5_000]))
def test_a_purchase_fully_refunded_leaves_the_balance_of_one_never_made(
    log: Log, name: str, when: int, wait: int, amount: int
) -> None:
    policy = ALL[name]
    purchase = bought(START + when * DAY + 1, amount, "undone")
    refund = refunded(purchase.at + wait * DAY + 1, "undone")
    both = in_total_order([*log.moments, purchase, refund]).arrives(policy)
    neither = in_total_order(log.moments).arrives(policy).tick(both.clock)

    assert both.profile["points"]["balance"] == neither.profile["points"]["balance"]
    assert both.profile["points"]["pending"] == neither.profile["points"]["pending"]


@SOME
@over(logs(points=True), policies, st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_many_ticks_come_to_the_same_as_one(log: Log, name: str, steps: list[int]) -> None:
    story = log.arrives(ALL[name])
    clock, once = story.clock, story
    for step in steps:
        clock += step * DAY
        story = story.tick(clock)
    assert once.tick(clock).profile["points"] == story.profile["points"]
    assert once.tick(clock).customer.head.ledger == story.customer.head.ledger


@SOME
@over(logs(points=True), policies)
def test_replaying_a_prefix_changes_nothing(log: Log, name: str) -> None:
    story = log.arrives(ALL[name])
    again = story.when(*log.moments[: len(log.moments) // 2], recorded=story.clock)
    assert again.customer.head.ledger == story.customer.head.ledger
    assert again.outputs == story.outputs


@SOME
@over(logs(points=True), policies, st.integers(0, 60))
def test_no_points_run_out_soon_of_which_time_has_not_warned(log: Log, name: str, later: int) -> None:
    assert overlooked(log.arrives(ALL[name]).tick(log.end + later * DAY)) == set()
