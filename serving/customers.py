"""Customers: what a till, an app or a support desk is told of one."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from schemas.base import CustomerId
from schemas.profiles import Profile
from serving.gate import Caller, allowed
from serving.paths import CUSTOMER
from serving.problems import described
from serving.service import Service, service_of
from serving.shown import profile

router = APIRouter(tags=["customers"])
Own = Annotated[CustomerId, Path(description="The customer's id.")]
Services = Annotated[Service, Depends(service_of)]
Reader = Annotated[Caller, Depends(allowed("cx:read"))]


@router.get(
    CUSTOMER,
    response_class=Response,
    summary="Tier, benefits, progress, points, CX level and open rewards",
    responses={200: {"model": Profile}, **described(422, 503)},
)
async def read(customer: Own, service: Services, caller: Reader) -> Response:
    """Return the profile; of somebody unknown, or while Redis is away, that of the base tier."""
    caller.check_customer(customer)
    known = await service.profiles.know(customer)
    return Response(orjson.dumps(profile(known, service.profiles)), media_type="application/json")
