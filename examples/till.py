"""A till in a browser: `CX_TILL_TOKEN=cx_… python examples/till.py --api http://127.0.0.1:8400`, then open the address.

It scans a basket, asks what paying it would do, pays, and shows the tier that the call itself has brought. The token
stays in this process: whoever may write purchases can make anybody Gold, so no browser ever gets one. Make it with
`cx token create till --scope cx:read --scope cx:events --source /examples/till`.

A payment is sent under the number and the instant that the page gave the order when its button was pressed: pressed
once more after a lost answer it is the same payment, and is answered like the first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from schemas.answers import Basket
from schemas.purchases import PurchaseCompleted, PurchaseData
from serving.client import Client, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

SOURCE: Final = "/examples/till"
PAGE: Final = Path(__file__).with_name("till.html")
CURRENCY: Final = "VND"
ARTICLES: Final = {  # by barcode: name, category, price
    "8930000000011": ("Socks", "shoes", 90_000),
    "8930000000028": ("Sneakers", "shoes", 3_200_000),
    "8930000000035": ("Jacket", "clothes", 4_500_000),
    "8930000000042": ("Bag", "bags", 6_900_000),
}
LINES_MAX: Final = 100
WAIT_MS: Final = 1_000
SETTLE_S: Final = 5.0


class Scanned(BaseModel):
    """What the page sends: the customer, and how many of each article."""

    customer: str = Field(min_length=1, max_length=64)
    counts: dict[str, int] = Field(min_length=1, max_length=LINES_MAX)


class Payment(Scanned):
    """The same, with the order's number and instant, which the page keeps when it sends it again."""

    order: str = Field(min_length=8, max_length=64)
    at: datetime


def purchase(scanned: Scanned, order: str) -> PurchaseData:
    """Return the order as the contract has it.

    Raises:
        KeyError: There is no such article.
    """
    lines = []
    for number, (barcode, count) in enumerate(scanned.counts.items(), 1):
        _, category, price = ARTICLES[barcode]
        line = {
            "line_id": str(number),
            "sku": barcode,
            "category": category,
            "quantity": count,
            "amount": price * count,
        }
        lines.append(line)
    return PurchaseData.model_validate(
        {"order_id": order, "channel": "store", "store": "examples", "currency": CURRENCY, "lines": tuple(lines)}
    )


class Till:
    """The pages and calls of one till."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def app(self) -> Starlette:
        """Return the application, which only this machine's own names lead to."""
        routes = [
            Route("/", _page),
            Route("/articles", _articles),
            Route("/quote", _guarded(self.quote), methods=["POST"]),
            Route("/pay", _guarded(self.pay), methods=["POST"]),
        ]
        own = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
        return Starlette(routes=routes, middleware=[own])

    async def quote(self, body: bytes) -> dict[str, Any]:
        """Say what paying would do."""
        scanned = Scanned.model_validate_json(body)
        basket = Basket(customer_id=scanned.customer, purchase=purchase(scanned, "quote"))
        told = await self._client.quote(basket)
        return told.model_dump(mode="json")

    async def pay(self, body: bytes) -> dict[str, Any]:
        """Pay, and say who the customer is then."""
        payment = Payment.model_validate_json(body)
        event = PurchaseCompleted(
            specversion="1.0",
            id=payment.order,
            source=SOURCE,
            type="purchase.completed",
            time=payment.at,
            subject=payment.customer,
            data=purchase(payment, payment.order),
        )
        began = time.perf_counter()
        answer = await self._client.send(event, wait_ms=WAIT_MS)
        took_ms = round((time.perf_counter() - began) * 1_000)
        is_in_the_call = answer.decision is not None
        answer = await self._client.settle(answer, SETTLE_S)
        decision = answer.decision
        if decision is None:  # it is paid all the same: what it brings is told by whoever tells customers
            return {"status": "paid", "took_ms": took_ms}
        after = answer.customer or await self._client.customer(payment.customer)
        return {
            "status": decision.outcome,
            "reason": decision.reason,
            "in_the_call": is_in_the_call,
            "took_ms": took_ms,
            "tier_before": decision.tier_before,
            "tier_after": decision.tier_after,
            "benefits": after.benefits,
            "points": after.points.balance,
        }


async def _page(_: Request) -> Response:
    return FileResponse(PAGE, headers={"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"})


async def _articles(_: Request) -> Response:
    return JSONResponse(
        [{"barcode": code, "name": name, "price": price} for code, (name, _, price) in ARTICLES.items()]
    )


def _guarded(call: Callable[[bytes], Awaitable[dict[str, Any]]]) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that answers what goes wrong in words for the page."""

    async def route(request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":  # which no page of elsewhere can send unasked
            return JSONResponse({"error": "JSON is wanted"}, 415)
        try:
            return JSONResponse(await call(await request.body()))
        except (ValidationError, KeyError):
            return JSONResponse({"error": "there is something in this basket that cannot be sold"}, 422)
        except RefusedError as error:
            return JSONResponse({"error": f"refused: {error.code or error.status}"}, 502)
        except UnreachableError:
            return JSONResponse({"error": "no answer; press again, it is the same payment"}, 504)

    return route


async def serve(api: str, token: str, port: int) -> None:
    """Serve until somebody ends it."""
    async with Client(api, token) as client:
        config = uvicorn.Config(Till(client).app(), host="127.0.0.1", port=port, log_level="warning")
        server = uvicorn.Server(config)
        print(f"The till is at http://127.0.0.1:{port}", flush=True)
        await server.serve()


def main() -> None:
    """Read the arguments, and serve."""
    options = argparse.ArgumentParser(description="A till in a browser.")
    options.add_argument("--api", default="http://127.0.0.1:8400", help="where `cx serve` answers")
    options.add_argument("--port", type=int, default=8500)
    given = options.parse_args()
    asyncio.run(serve(given.api, os.environ["CX_TILL_TOKEN"], given.port))


if __name__ == "__main__":
    main()
