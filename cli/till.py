"""The scene at the till that ends a demo: a customer of the lowest tier pays, and rises in the calls that pay."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

import orjson
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from rich.text import Text

from schemas.answers import Basket
from schemas.purchases import PurchaseCompleted, PurchaseData
from serving.client import Client
from serving.profiles import Breaker
from serving.tokens import Tokens, made
from streams.readmodel import connect

if TYPE_CHECKING:
    from ops.local import Local
    from schemas.profiles import Profile

TILL: Final = "/demo/till"
LIFE: Final = timedelta(minutes=5)
WAIT_MS: Final = 2_000
SETTLE_S: Final = 20.0


class Sale(NamedTuple):
    """One purchase: what was quoted, and what the call that paid it answered.

    Attributes:
        amount: In minor units.
        quoted: The tier after it, by the quote.
        answered_ms: How long the call took that paid; None where the decision had to be asked for afterwards.
    """

    amount: int
    quoted: str
    before: str
    after: str
    points: int
    answered_ms: float | None


async def play(local: Local) -> list[Sale]:
    """Have somebody new buy twice, each time for as much as the next tier still wants, by the API of *local*.

    Returns fewer sales where money alone does not lead to the next tier.

    Raises:
        RefusedError: the API refuses a call.
        UnreachableError: it does not answer.
    """
    customer = f"till-{uuid4().hex[:6]}"
    bearer = await _let_in(local)
    sales = list[Sale]()
    async with Client(f"http://{local.settings.api.listen}", bearer) as client:
        profile = await client.customer(customer)
        for _ in range(2):
            amount = _wanted(profile)
            if amount is None:
                break
            sale, profile = await _sell(client, customer, profile, amount)
            sales.append(sale)
    return sales


async def _sell(client: Client, customer: str, profile: Profile, amount: int) -> tuple[Sale, Profile]:
    order = uuid4().hex
    line = {"line_id": "1", "sku": "demo", "category": "shoes", "quantity": 1, "amount": amount}
    data = {"order_id": order, "channel": "store", "currency": profile.currency, "lines": [line]}
    purchase = PurchaseData.model_validate_json(orjson.dumps(data))
    quoted = await client.quote(Basket(customer_id=customer, purchase=purchase))
    event = PurchaseCompleted(
        specversion="1.0",
        id=order,
        source=TILL,
        type="purchase.completed",
        time=datetime.now(UTC),
        subject=customer,
        data=purchase,
    )
    began = time.perf_counter()
    answer = await client.send(event, wait_ms=WAIT_MS)
    took_ms = (time.perf_counter() - began) * 1_000
    is_first = answer.decision is not None
    answer = await client.settle(answer, SETTLE_S)
    decision = answer.decision
    after = answer.customer or await client.customer(customer)
    sale = Sale(
        amount,
        quoted.tier_after,
        profile.tier,
        (decision.tier_after if decision else None) or after.tier,
        after.points.balance,
        took_ms if is_first else None,
    )
    return sale, after


def as_text(sales: list[Sale], currency: str) -> Text:
    """Return the scene as some lines for a person."""
    lines = Text("At the till, by the API:", "bold")
    for sale in sales:
        answered = "asked for afterwards" if sale.answered_ms is None else f"answered in {sale.answered_ms:.0f} ms"
        lines.append(f"\n  pays {sale.amount:,} {currency} (quoted: {sale.quoted}), {answered}: ")
        lines.append(f"{sale.before} → {sale.after}", "bold bright_green" if sale.after != sale.before else "bold")
        if sale.points:
            lines.append(f", {sale.points:,} points")
    if not sales:
        lines.append(" money alone leads to no tier of this policy, so nobody pays here")
    return lines


def _wanted(profile: Profile) -> int | None:
    """Return what has to be spent for the next tier; None where that is not all."""
    found: dict[str, int] = dict(profile.progress.missing)
    return found["spend"] if set(found) == {"spend"} else None


async def _let_in(local: Local) -> str:
    redis = connect(local.settings.redis)
    redis.set_retry(Retry(NoBackoff(), 1))
    breaker, now = Breaker(redis), datetime.now(UTC)
    token, bearer = made("demo", ("cx:read", "cx:events"), now=now, expires=now + LIFE, sources=(TILL,))
    try:
        await Tokens(breaker).keep(token)
    finally:
        await breaker.close()
    return bearer
