"""`POST /v1/checkout/quote`: what paying a basket would do, by the rules that would decide it; writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from cx.calendar import micros
from cx.decide import Arrival, advance, decide
from cx.intake import NotTakenError, moment_of
from cx.view import profile_of
from schemas.purchases import PurchaseCompleted
from serving.intake import refused

if TYPE_CHECKING:
    from cx.rules import Rules
    from schemas.answers import Basket
    from serving.profiles import Known

SOURCE: Final = "cxstream/quote"  # no till has it, so the order is nobody's but of this basket
_DETAIL: Final = "paying this would be refused, see errors"


def quote(known: Known, basket: Basket, now: int, rules: Rules) -> dict[str, Any]:
    """Return what paying *basket* would do to a customer, who stays as they are.

    Args:
        now: When it would be paid, if the basket does not say; in microseconds.

    Raises:
        ProblemError: 422, paying it would be refused.
    """
    customer = known.customer
    # For a customer time never runs backwards: where theirs is ahead of ours, they pay at theirs.
    paid = max(now, known.as_of, customer.head.reached) if basket.at is None else micros(basket.at)
    event = PurchaseCompleted(
        specversion="1.0",
        id="quote",
        source=SOURCE,
        time=datetime.now(UTC),
        type="purchase.completed",
        subject=customer.id,
        data=basket.purchase,
    )
    try:
        moment = replace(moment_of(event, rules), at=paid)
    except NotTakenError as refusal:
        raise refused(loc=_loc(refusal.loc), kind=refusal.reason, detail=_DETAIL) from None
    # First up to then without it: a tier that ends by then ends, whether this is paid or not.
    before = profile_of(advance(customer, paid, rules).customer, paid, rules)
    decision = decide(customer, [Arrival(moment, paid)], known.as_of if known.is_known else 0, rules)
    if decision.refusals:
        first = decision.refusals[0]
        loc = "at" if first.loc == "time" else _loc(first.loc)
        raise refused(loc=loc, kind=first.reason, detail=_DETAIL)
    after = profile_of(decision.customer, max(paid, decision.customer.head.reached), rules)
    had = {reward["reward_id"] for reward in before["rewards"]}
    return {
        "customer_id": customer.id,
        "known": known.is_known,
        "degraded": known.is_degraded,
        "as_of": after["as_of"],
        "policy": rules.hash,
        "currency": rules.policy.currency,
        "tier_before": before["tier"],
        "tier_after": after["tier"],
        "upgraded": rules.rung_of(after["tier"]) > rules.rung_of(before["tier"]),
        "benefits": after["benefits"],
        "points_earned": _points(after) - _points(before),
        "points": after["points"],
        "rewards": [
            {name: reward[name] for name in ("rule", "tier", "status")}
            for reward in after["rewards"]
            if reward["reward_id"] not in had
        ],
        "progress": after["progress"],
        "missing_before": before["progress"]["missing"],
        "cx_level": after["cx_level"],
    }


def _points(profile: dict[str, Any]) -> int:
    earned: int = profile["points"]["earned"] + profile["points"]["pending"]
    return earned


def _loc(loc: str) -> str:
    return loc.replace("data", "purchase", 1)
