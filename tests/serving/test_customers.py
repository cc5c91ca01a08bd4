"""What is told of a customer: each answer is as its document says, and what is for staff stays inside."""

from typing import Any

import orjson
import pytest

from cx.calendar import DAY
from cx.moments import Overridden
from cx.state import NEVER, Customer
from schemas.profiles import Decisions, Journey, PointsView, Profile, RewardsView
from serving import shown
from serving.profiles import Known
from tests.spec import adjusted, at, became, bought, feedback, given, opened, refunded, reward, rules

NOW = at("2026-03-10T10:00")
RULES = rules(
    points={"rates": [{"per": 100}], "expiry": {"after_months": 12}},
    rewards=[reward("welcome-silver", "silver"), reward("welcome-gold", "gold")],
    levels=None,
)
SHOWN = {
    Profile: shown.profile,
    Decisions: shown.decisions,
    Journey: shown.journey,
    PointsView: shown.points,
    RewardsView: shown.rewards,
}


def told(kind: Any, customer: Customer) -> Any:
    found = SHOWN[kind](Known(customer, customer.head.reached), RULES)
    assert set(found) <= {field.alias or name for name, field in kind.model_fields.items()}
    return kind.model_validate_json(orjson.dumps(found))


def overridden(when: int, tier: str) -> Overridden:
    return Overridden(
        when, "desk", f"word-{when}", tier=tier, until=NEVER, reason="an apology", person="Mai of staff", content=1
    )


STORIES = {
    "nobody": Customer("lan"),
    "silver": given(bought(NOW, 1_000), by=RULES).customer,
    "gold again": given(bought(NOW - 2 * DAY), refunded(NOW - DAY), bought(NOW, 7_000, "o2"), by=RULES).customer,
    "given": given(bought(NOW - DAY), overridden(NOW, "gold"), by=RULES).customer,
    "long gone": given(bought(NOW - 500 * DAY), bought(NOW, 10, "o2"), by=RULES).customer,
    "at odds": given(
        bought(NOW - 2 * DAY), opened(NOW - DAY), feedback(NOW, score=2), adjusted(NOW, -50), by=RULES
    ).customer,
}


@pytest.mark.parametrize("kind", SHOWN)
@pytest.mark.parametrize("story", STORIES)
def test_each_view_of_each_customer_is_as_its_document_says(story: str, kind: Any) -> None:
    found = told(kind, STORIES[story])

    assert (found.customer_id, found.known, found.degraded) == ("lan", True, False)


def test_the_decisions_say_what_the_tier_rests_on() -> None:
    found = told(Decisions, STORIES["gold again"])

    assert (found.tier, found.measures) == ("gold", {"spend": 7_000, "orders": 1})
    assert [(one.order, one.amount) for one in found.orders] == [("o2", 7_000)]
    assert [one.to for one in found.history] == ["silver", "member", "gold"]
    assert (found.change.to, found.change.order, found.progress.next) == ("gold", "o2", None)


def test_whose_word_a_tier_is_stays_inside() -> None:
    found = told(Decisions, STORIES["given"])

    assert (found.given.tier, found.given.reason) == ("gold", "an apology")
    assert b"staff" not in orjson.dumps(shown.decisions(Known(STORIES["given"], NOW), RULES))


def test_what_is_for_staff_is_in_no_view() -> None:
    inside = {"alerts", "holds", "segment", "seams", "open_cases", "waiting", "events_held"}

    for view in SHOWN.values():
        assert not inside & view(Known(STORIES["at odds"], NOW), RULES).keys()


def test_a_profile_has_open_rewards_and_the_view_of_rewards_has_all() -> None:
    spent = given(bought(NOW - DAY), by=RULES)
    spent = spent.when(became(NOW, next(iter(spent.customer.told.rewards)), "redeemed"))

    assert [one.rule for one in told(Profile, STORIES["silver"]).rewards] == ["welcome-silver"]
    assert told(Profile, spent.customer).rewards == ()
    assert [one.status for one in told(RewardsView, spent.customer).rewards] == ["redeemed"]


def test_a_sealed_code_is_in_no_reward() -> None:
    found = {"reward_id": "r", "masked": "••••1234", "key_id": "k1", "ciphertext": "c2VjcmV0"}

    assert shown.reward(found) == {"reward_id": "r", "masked": "••••1234"}


def test_points_say_what_runs_out_when() -> None:
    found = told(PointsView, STORIES["gold again"])

    assert (found.points.balance, [(one.last_day.isoformat(), one.points) for one in found.expiries]) == (
        70,
        [("2027-03-31", 70)],
    )
