"""Health: whether the server runs, and whether it takes calls."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from serving.problems import ProblemError, described
from serving.service import Service, service_of

router = APIRouter(tags=["health"])


class Live(BaseModel):
    """That it runs."""

    status: str = "live"


class Ready(BaseModel):
    """That it takes calls, and what it can reach: without Redis it knows no customer, and says the base tier."""

    status: str = "ready"
    redis: str


@router.get("/live", summary="Whether the server runs")
async def live() -> Live:
    """Answer, which is all."""
    return Live()


@router.get("/ready", summary="Whether the server takes calls", responses=described(503))
async def ready(request: Request, service: Annotated[Service, Depends(service_of)]) -> Ready:
    """Tell what can be reached; that something is away makes no server unready, for it would be so for all of them."""
    if not request.app.state.is_ready:
        raise ProblemError(503, "not-ready", "the server begins, or ends")
    return Ready(redis="away" if service.profiles.redis.is_open else "up")
