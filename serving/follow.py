"""`GET /v1/stream`: who may follow which events, and the answer that does not end."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from schemas.base import CustomerId
from schemas.outputs import READERS, TOPIC_OF
from serving.access import Caller, allowed
from serving.feed import FeedError, Wish
from serving.places import WORD_LENGTH_MAX, PlacesError
from serving.problems import ProblemError, described
from serving.stream import EventStream, Streams

router = APIRouter(tags=["stream"])
reader = allowed("cx:read")
# Alerts and holds are for staff: who speaks for one customer does not hear what is thought of them.
FOR_STAFF: Final = frozenset(READERS["cx.care"].types)
TYPES: Final = frozenset(TOPIC_OF)
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second, for proxies that gather
_OK: Final = {
    "description": "Server-sent events: `event` is the type, `data` the CloudEvent, `id` the place behind it, to be "
    "sent as `Last-Event-ID` to go on there. `event: gap` says that something was removed before you came back.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def streams_of(request: Request) -> Streams:
    """Return the streams of the server that a *request* came to.

    Raises:
        ProblemError: this server follows nothing.
    """
    found = getattr(request.app.state, "streams", None)
    if not isinstance(found, Streams):
        raise ProblemError(503, "unavailable", "this server follows no events")
    return found


@router.get(
    "/v1/stream",
    response_class=EventStream,
    summary="Follow tier changes, CX levels, rewards, points and care as they happen",
    responses={200: _OK, **described(400, 403, 422, 503)},
)
async def follow(
    request: Request,
    caller: Annotated[Caller, Depends(reader)],
    types: Annotated[list[str] | None, Query(alias="type", max_length=len(TYPES))] = None,
    customer: Annotated[CustomerId | None, Query()] = None,
    last_event_id: Annotated[str | None, Header(max_length=WORD_LENGTH_MAX)] = None,
) -> Response:
    """Tell what is committed from now on, or from behind `Last-Event-ID`; see docs/notifications.md."""
    own = caller.customer
    wanted = frozenset(types or ()) or (TYPES if own is None else TYPES - FOR_STAFF)
    if wanted - TYPES:
        raise ProblemError(400, "unknown-type", "no event has one of these types")
    if customer is not None:
        caller.check_customer(customer)
    if own is not None and (customer not in {None, own} or wanted & FOR_STAFF):
        raise ProblemError(403, "forbidden", "this token is for another customer's events, or not for these types")
    try:
        events = streams_of(request).open(Wish(wanted, own or customer), last_event_id)
    except PlacesError as error:
        raise ProblemError(400, "other-stream", str(error)) from None
    except FeedError as error:
        raise ProblemError(503, "unavailable", str(error), headers={"Retry-After": "5"}) from None
    return EventStream(events, headers=_HEADERS)
