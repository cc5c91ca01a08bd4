"""The route of the checkout: a basket, and what it would bring."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends
from starlette.responses import Response

from schemas.answers import Basket, Quote
from serving.access import Caller, allowed
from serving.bodies import body_of, described_body
from serving.problems import described
from serving.profiles import now
from serving.quote import quote
from serving.service import Service, service_of

router = APIRouter(tags=["checkout"])


@router.post(
    "/v1/checkout/quote",
    response_class=Response,
    summary="Say what paying a basket now would do",
    responses={200: {"model": Quote}, **described(400, 415, 422, 503)},
    openapi_extra=described_body(Basket),
)
async def ask(
    caller: Annotated[Caller, Depends(allowed("cx:read"))],  # first: who may not call is told so, and no more
    basket: Annotated[Basket, Depends(body_of(Basket))],
    service: Annotated[Service, Depends(service_of)],
) -> Response:
    """Return tier, points, rewards and what is missing as they would be after paying; nothing is written.

    What was paid elsewhere and is not decided yet does not count. While Redis is away, it is quoted for somebody new,
    and `degraded` says so.
    """
    caller.check_customer(basket.customer_id)
    known = await service.profiles.know(basket.customer_id)
    return Response(orjson.dumps(quote(known, basket, now(), service.rules)), media_type="application/json")
