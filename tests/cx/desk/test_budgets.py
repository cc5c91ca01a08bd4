"""Budgets: every one that pays reaches, to the last minor unit, in its own day and month."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cx.desk.state import Account
from cx.intake import NotTakenError
from tests.cx.desk.counter import DAY, START, Counter


def counter(**terms: Any) -> Counter:
    made = Counter()
    made.lists("coffee", **terms)
    made.lists("cake", face_value=60)
    made.adds("coffee", *(f"c{n}" for n in range(20)))
    made.adds("cake", *(f"k{n}" for n in range(20)))
    return made


@pytest.mark.parametrize(
    ("scope", "name"), [("programme", None), ("tier", "gold"), ("campaign", "welcome"), ("gift", "coffee")]
)
@pytest.mark.parametrize("period", ["day", "month", "total"])
def test_a_budget_is_used_to_its_last_unit_and_never_over(scope: str, name: str | None, period: str) -> None:
    desk = counter(cost=70)
    limits: dict[str, Any] = {period: 140}
    desk.budget(scope, name, **limits)
    said = [desk.asks(f"r{n}", "coffee", tier="gold", campaign="welcome") for n in range(3)]

    assert said == ["coffee *c0", "coffee *c1", f"refused budget-{scope}-{period}"]


def test_one_unit_short_is_too_little() -> None:
    desk = counter(cost=70)
    desk.budget(total=139)

    assert [desk.asks("r1", "coffee"), desk.asks("r2", "coffee")] == ["coffee *c0", "refused budget-programme-total"]


def test_another_tier_pays_for_itself() -> None:
    desk = counter()
    desk.budget("tier", "gold", total=0)

    assert desk.asks("r1", "coffee", tier="gold") == "refused budget-tier-total"
    assert desk.asks("r2", "coffee", tier="silver") == "coffee *c0"
    assert desk.asks("r3", "coffee") == "coffee *c1"


def test_a_fallback_that_costs_less_may_still_be_paid_for() -> None:
    desk = counter()
    desk.budget(total=60)

    assert desk.asks("r1", "coffee", "cake") == "cake *k0"
    assert desk.told[-1]["data"]["tried"] == [{"gift_id": "coffee", "reason": "budget-programme-total"}]


def test_what_a_refused_gift_would_have_cost_is_booked_nowhere() -> None:
    desk = counter()
    desk.budget("gift", "coffee", total=0)
    desk.asks("r1", "coffee", tier="gold")

    assert {account.spent for account in desk.of(Account)} == {(0, 0, 0)}


def test_a_day_and_a_month_begin_anew_by_local_time() -> None:
    desk = counter()
    desk.budget(day=100, month=200)
    said = [desk.asks("r1", "coffee")]
    desk.passes(timedelta(hours=14) - timedelta(microseconds=1))  # to the last instant of 10 March
    said.append(desk.asks("r2", "coffee"))
    desk.passes(timedelta(microseconds=1))
    said.append(desk.asks("r3", "coffee"))
    desk.passes(DAY)
    said.append(desk.asks("r4", "coffee"))
    desk.passes(20 * DAY)  # 1 April
    said.append(desk.asks("r5", "coffee"))

    day, month = "refused budget-programme-day", "refused budget-programme-month"
    assert said == ["coffee *c0", day, "coffee *c1", month, "coffee *c2"]


def test_a_budget_counts_what_was_spent_before_it_was_set() -> None:
    desk = counter()
    desk.asks("r1", "coffee")
    desk.budget(total=199)

    assert desk.asks("r2", "coffee") == "refused budget-programme-total"


def test_a_budget_that_is_lowered_below_what_was_spent_lets_nothing_through_until_it_is_raised() -> None:
    desk = counter()
    desk.asks("r1", "coffee")
    desk.budget(total=50)
    assert desk.asks("r2", "coffee") == "refused budget-programme-total"
    desk.budget(total=200)
    assert desk.asks("r3", "coffee") == "coffee *c1"
    desk.budget()

    assert desk.asks("r4", "coffee") == "coffee *c2"


def test_an_older_word_on_a_budget_changes_nothing_and_another_currency_is_refused() -> None:
    desk = counter()
    desk.budget(total=0)
    desk.budget(at=START - DAY)
    with pytest.raises(NotTakenError, match="currency"):
        desk.take("budget.set", {"scope": "programme", "currency": "USD"})

    assert desk.asks("r1", "coffee") == "refused budget-programme-total"


def test_money_comes_back_with_a_code_to_the_periods_that_are_not_over() -> None:
    desk = counter()
    desk.budget(day=200, month=300, total=300)
    for request in ("r1", "r2"):
        desk.asks(request, "coffee")
    desk.withdraws("r1")
    assert desk.asks("r3", "coffee") == "coffee *c2"
    desk.passes(DAY)
    desk.withdraws("r2")  # of yesterday: today has nothing of it

    account = next(account for account in desk.of(Account) if account.limits[0] == 200)
    assert account.spent == (0, 100, 100)


def test_money_of_a_code_that_was_seen_does_not_come_back() -> None:
    desk = counter()
    desk.budget(total=100)
    desk.asks("r1", "coffee")
    desk.says("reveal.requested", "r1")

    assert desk.withdraws("r1") == "withdrawn"
    assert desk.asks("r2", "coffee") == "refused budget-programme-total"
