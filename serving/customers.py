"""Customers: what a till, an app or a support desk is told of one, from Redis alone."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from schemas.base import CustomerId
from schemas.profiles import Decisions, Journey, PointsView, Profile, RewardsView
from serving import shown
from serving.access import Caller, allowed
from serving.paths import CUSTOMER
from serving.problems import described
from serving.profiles import Known
from serving.service import Service, service_of

router = APIRouter(tags=["customers"])
Own = Annotated[CustomerId, Path(description="The customer's id.")]
Services = Annotated[Service, Depends(service_of)]


async def known_of(customer: Own, service: Services, caller: Annotated[Caller, Depends(allowed("cx:read"))]) -> Known:
    """Return the customer whom a call is about; a dependency of FastAPI."""
    caller.check_customer(customer)
    return await service.profiles.know(customer)


About = Annotated[Known, Depends(known_of)]
_PROBLEMS = described(422, 503)


@router.get(
    CUSTOMER,
    response_class=Response,
    summary="Tier, benefits, progress, points, CX level and open rewards",
    responses={200: {"model": Profile}, **_PROBLEMS},
)
async def read(known: About, service: Services) -> Response:
    """Return the profile; of somebody unknown, or while Redis is away, that of the base tier."""
    return _json(shown.profile(known, service.rules))


@router.get(
    f"{CUSTOMER}/decisions",
    response_class=Response,
    summary="Why tier and CX level are what they are, and how they came about",
    responses={200: {"model": Decisions}, **_PROBLEMS},
)
async def decisions(known: About, service: Services) -> Response:
    """Return what the tier rests on, and its last eight changes.

    Orders are named for as long as they can be refunded. What is older is in the events on `cx.tier-changes` and
    `cx.level-changes`, each with its whole decision record.
    """
    return _json(shown.decisions(known, service.rules))


@router.get(
    f"{CUSTOMER}/journey",
    response_class=Response,
    summary="Where they met the brand, how often and in what mood",
    responses={200: {"model": Journey}, **_PROBLEMS},
)
async def journey(known: About, service: Services) -> Response:
    """Return the journey by stage and group, with the dimensions and criteria of the CX level."""
    return _json(shown.journey(known, service.rules))


@router.get(
    f"{CUSTOMER}/points",
    response_class=Response,
    summary="Balance, pending points, and what runs out when",
    responses={200: {"model": PointsView}, **_PROBLEMS},
)
async def points(known: About, service: Services) -> Response:
    """Return the points; each movement is an event on `cx.points`."""
    return _json(shown.points(known, service.rules))


@router.get(
    f"{CUSTOMER}/rewards",
    response_class=Response,
    summary="Rewards, and what may be chosen",
    responses={200: {"model": RewardsView}, **_PROBLEMS},
)
async def rewards(known: About, service: Services) -> Response:
    """Return all rewards that are still known; never a code, which a reveal shows."""
    return _json(shown.rewards(known, service.rules))


def _json(found: dict[str, Any]) -> Response:
    return Response(orjson.dumps(found), media_type="application/json")
