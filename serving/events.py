"""`/v1/events` and `/v1/decisions`: events in, durably, and what became of them."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response

from schemas.answers import BatchAnswer, EventAnswer
from schemas.base import EventId, Source
from schemas.decisions import Outcome, decision_key
from schemas.errors import Reason
from serving.access import Caller, allowed
from serving.intake import BATCH, BATCH_MAX, JSON, ONE, Taken, read_body
from serving.problems import ProblemError, described
from serving.profiles import RedisAwayError
from serving.service import Service, service_of
from serving.shown import profile

TIMEOUT_MS: Final = 300
TIMEOUT_MS_MAX: Final = 10_000
router = APIRouter(tags=["events"])
Services = Annotated[Service, Depends(service_of)]
Writer = Annotated[Caller, Depends(allowed("cx:events", "cx:rewards", "cx:admin"))]
TimeoutMs = Annotated[int, Query(ge=1, le=TIMEOUT_MS_MAX, description="How long to wait, counted from the call.")]
_EVENT: Final = {"$ref": "#/components/schemas/Event"}


@router.post(
    "/v1/events",
    response_class=Response,
    summary="Write one event, or a batch of them, durably",
    responses={
        200: {"model": EventAnswer | BatchAnswer, "description": "What became of each of them."},
        202: {"model": EventAnswer | BatchAnswer, "description": "Durable; not all is decided yet, or was asked for."},
        **described(400, 409, 415, 422, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                ONE: {"schema": _EVENT},
                BATCH: {"schema": {"type": "array", "minItems": 1, "maxItems": BATCH_MAX, "items": _EVENT}},
                JSON: {"schema": {"type": "object", "description": "The data alone, with ce- headers."}},
            },
        }
    },
)
async def write(
    request: Request,
    service: Services,
    caller: Writer,
    wait: Annotated[Literal["decision"] | None, Query(description="Wait for what becomes of them.")] = None,
    timeout_ms: TimeoutMs = TIMEOUT_MS,
) -> Response:
    """Write CloudEvents; with `wait=decision`, wait for `timeout_ms` at most for what becomes of them.

    `source` and `id` make an event the same event for ever: sent again, it is answered as the first time; another
    content under the same pair is a 409.
    """
    begun = asyncio.get_running_loop().time()
    taken, is_batch = read_body(await request.body(), request.headers, reply=wait is not None)
    for one in taken:
        caller.check_scope(one.scope)
        caller.check_source(one.event.source)
        caller.check_customer(one.event.subject)
    for one in taken:
        if one.scope == "cx:admin":
            caller.audit(one.type, one.place[1])
    outcomes = await deliver(service, taken, begun + timeout_ms / 1_000 if wait else None)
    if is_batch:
        found = [_told(one, outcome, wait) for one, outcome in zip(taken, outcomes, strict=True)]
        return JSONResponse({"events": found}, 200 if wait and all(outcomes) else 202)
    return await answer(service, caller, taken[0], outcomes[0], wait)


@router.get(
    "/v1/decisions",
    response_class=Response,
    summary="Ask what became of an event that was written with wait=decision",
    responses={200: {"model": EventAnswer}, **described(404, 422, 503)},
)
async def decision(
    service: Services,
    caller: Writer,
    source: Annotated[Source, Query()],
    event_id: Annotated[EventId, Query(alias="id")],
    content: Annotated[
        str | None, Query(pattern="^[0-9a-f]{32}$", description="Of which content, where two were sent under one id.")
    ] = None,
) -> Response:
    """Return the decision; 404 while there is none, and from a day after it on."""
    caller.check_source(source)
    try:
        (known,) = await service.waiting.known([decision_key(source, event_id)])
    except RedisAwayError:
        detail = "decisions cannot be looked up now"
        raise ProblemError(503, "redis-away", detail, headers={"Retry-After": "1"}) from None
    found = [
        outcome
        for field, outcome in known.items()
        if content in {None, field} and caller.customer in {None, outcome.customer}  # of others there is nothing to see
    ]
    if not found:
        raise ProblemError(404, "no-decision", "no decision is known of that event: not yet, or not any more")
    outcome = next(filter(_stands, found), found[0])
    return JSONResponse({"source": source, "id": event_id, "decision": shown(outcome)})


async def deliver(service: Service, taken: Sequence[Taken], until: float | None) -> list[Outcome | None]:
    """Write what is not known yet, and wait *until* an instant of the loop for what becomes of it, or not at all.

    Raises:
        ProblemError: 409, another content has the place of one; 503, it is not known whether they are durable.
    """
    try:
        known = await service.waiting.known([one.place[0] for one in taken])
    except RedisAwayError:  # then the worker alone knows what is a repeat: nothing happens twice
        known = [{} for _ in taken]
    first = [_first(one, there) for one, there in zip(taken, known, strict=True)]
    new = [one for one, outcome in zip(taken, first, strict=True) if outcome is None]
    if new:
        # Goes on where the caller hangs up: a batch that was written in part would be nobody's doing.
        await asyncio.shield(service.producer.send([one.letter for one in new]))
    if until is None or not new:
        return first
    left_s = max(0.0, until - asyncio.get_running_loop().time())
    found = iter(await service.waiting.outcomes([one.place for one in new], left_s))
    return [next(found) if outcome is None else outcome for outcome in first]


async def answer(
    service: Service, caller: Caller, one: Taken, outcome: Outcome | None, wait: str | None = "decision"
) -> Response:
    """Return the answer to a call with one event."""
    if wait is None:
        return JSONResponse(_told(one, outcome, wait), 202)
    found = await told(service, caller, one, outcome)
    return JSONResponse(found) if outcome else JSONResponse(found, 202, {"Location": found["poll"]})


async def told(service: Service, caller: Caller, one: Taken, outcome: Outcome | None) -> dict[str, Any]:
    """Return what is said of one event that is waited for; with a decision comes the customer as they are then.

    Raises:
        ProblemError: 409, two callers came at the same time with two contents, and this is not the first.
    """
    found = _told(one, outcome, "decision")
    if outcome is None:
        return found
    if outcome.reason is Reason.CONFLICTING_ID:
        raise _conflict()
    return found | (await _customer(service, one.event.subject) if caller.may("cx:read") else {})


async def _customer(service: Service, name: str) -> dict[str, Any]:
    """Return the customer as they are now; nothing where that cannot be told, for the decision is there anyway."""
    try:
        known = await service.profiles.know(name)
    except ProblemError:
        return {}
    return {"customer": profile(known, service.rules)} if known.is_known else {}


def shown(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON has it."""
    return outcome.model_dump(mode="json", exclude_defaults=True)


def _first(one: Taken, known: dict[str, Outcome]) -> Outcome | None:
    """Return what is known of an event; None where it is to be written.

    Raises:
        ProblemError: another content has its place.
    """
    mine = known.get(one.place[1])
    if (mine is None and any(map(_stands, known.values()))) or (mine and mine.reason is Reason.CONFLICTING_ID):
        raise _conflict()
    return mine


def _stands(outcome: Outcome) -> bool:
    """Whether its content has taken the id: what was refused has not, and may be put right under the same one."""
    return outcome.outcome != "refused"


def _conflict() -> ProblemError:
    return ProblemError(409, "conflicting-id", "another content was sent under this source and id before")


def _told(one: Taken, outcome: Outcome | None, wait: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"source": one.event.source, "id": one.event.id}
    if wait is None:
        return found
    if outcome is not None:
        return found | {"decision": shown(outcome)}
    query = urlencode({"source": one.event.source, "id": one.event.id, "content": one.place[1]})
    return found | {"poll": f"/v1/decisions?{query}"}
