"""What paying a basket would do: the same as paying it does, and nothing is done."""

from typing import Any

import orjson
import pytest

from cx.calendar import DAY, micros
from cx.state import Customer, decode, encode
from cx.view import profile_of
from schemas.answers import Basket, Quote
from serving.problems import ProblemError
from serving.profiles import Known
from serving.quote import quote
from tests.schemas.samples import LINE
from tests.serving.api import calling, problem, service
from tests.spec import at, bought, given, reward, rules

NOW = at("2026-03-10T10:00")
RULES = rules(
    points={"rates": [{"per": 100}]},
    rewards=[reward("welcome-silver", "silver")],
)


def basket(amount: int, **more: Any) -> Basket:
    purchase = {"order_id": "o9", "channel": "store", "currency": "VND", "lines": [LINE | {"amount": amount}]}
    return Basket.model_validate_json(
        orjson.dumps({"customer_id": "lan", "purchase": purchase | more.pop("data", {})} | more)
    )


def known(customer: Customer) -> Known:
    return Known(customer, max(customer.head.reached, NOW - DAY))


def of(amount: int, customer: Customer | None = None, **more: Any) -> Quote:
    found = known(customer) if customer else Known(Customer("lan"), NOW, is_known=False)
    return Quote.model_validate_json(orjson.dumps(quote(found, basket(amount, **more), NOW, RULES)))


def test_paying_enough_makes_silver_with_all_that_comes_with_it() -> None:
    found = of(1_000)

    assert (found.tier_before, found.tier_after, found.upgraded) == ("member", "silver", True)
    assert (found.points_earned, found.points.balance + found.points.pending) == (10, 10)
    assert [one.rule for one in found.rewards] == ["welcome-silver"]
    assert (found.progress.next, found.progress.missing) == ("gold", {"spend": 4_000})
    assert found.missing_before == {"spend": 1_000}


def test_paying_a_little_less_does_not() -> None:
    found = of(999)

    assert (found.tier_after, found.upgraded, found.rewards) == ("member", False, ())
    assert found.progress.missing == {"spend": 1}


def test_a_quote_says_what_paying_then_does_and_leaves_the_customer_as_they_are() -> None:
    customer = given(bought(NOW - 2 * DAY, 3_000), by=RULES).customer
    value = encode(customer, RULES.lateness)
    found = of(2_000, decode(value))
    paid = given(bought(NOW - 2 * DAY, 3_000), bought(NOW, 2_000, "o9"), by=RULES).customer
    profile = profile_of(paid, NOW, RULES)

    assert encode(customer, RULES.lateness) == value
    assert (found.tier_before, found.tier_after) == ("silver", profile["tier"])
    assert found.progress.missing == profile["progress"]["missing"]
    assert found.rewards == ()  # the one for silver is there already


def test_an_order_of_the_same_number_elsewhere_is_another_one() -> None:
    customer = given(bought(NOW - DAY, 500, "o9"), by=RULES).customer

    assert of(500, customer).tier_after == "silver"


def test_a_tier_that_ends_before_the_basket_is_paid_has_ended() -> None:
    customer = given(bought(NOW - 400 * DAY, 1_000), by=RULES).customer

    assert of(10, customer).tier_before == "member"


def test_a_customer_whose_time_is_ahead_pays_at_theirs() -> None:
    customer = given(bought(NOW + 40 * DAY, 500), by=RULES).customer  # at ours it would be too late
    found = of(500, customer)

    assert (micros(found.as_of), found.tier_after) == (NOW + 40 * DAY, "silver")


@pytest.mark.parametrize(
    ("more", "loc", "kind"),
    [
        ({"data": {"currency": "CHF"}}, "purchase.currency", "currency"),
        ({"at": "2025-01-01T00:00:00Z"}, "at", "too-late"),
    ],
)
def test_what_would_be_refused_is_said(more: Any, loc: str, kind: str) -> None:
    customer = given(bought(NOW - DAY, 500), by=RULES).customer
    with pytest.raises(ProblemError) as raised:
        of(500, customer, **more)

    assert [(one.loc, one.type) for one in raised.value.errors] == [(loc, kind)]


async def test_it_is_asked_over_http_also_while_redis_is_away() -> None:
    asked = {"customer_id": "lan", "purchase": basket(1_000).purchase.model_dump(mode="json")}
    async with calling(service()) as client:
        answer = await client.post("/v1/checkout/quote", json=asked)
        wrong = await client.post("/v1/checkout/quote", json=asked | {"purchase": {}})

    assert (answer.json()["tier_after"], answer.json()["degraded"]) == ("silver", True)
    assert problem(wrong) == (422, "invalid")
    assert wrong.json()["errors"][0] == {"loc": "body.purchase.order_id", "type": "missing"}
