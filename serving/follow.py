"""`GET /v1/stream`: who may follow which events, and the answer that does not end."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from starlette.responses import Response

from schemas.base import CustomerId
from schemas.outputs import READERS, TOPIC_OF
from serving.feed import FeedError, Wish
from serving.places import WORD_LENGTH_MAX, PlacesError
from serving.stream import EventStream, Streams

# Alerts and holds are for staff: who speaks for one customer does not hear what is thought of them.
FOR_STAFF: Final = frozenset(READERS["cx.care"].types)
TYPES: Final = frozenset(TOPIC_OF)
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second, for proxies that gather


def router(streams: Streams, bound: Callable[..., Any]) -> APIRouter:
    """Return the route.

    Args:
        streams: Where events come from.
        bound: A dependency that lets a caller in, and returns the customer whom they speak for; None for anybody.
    """
    found = APIRouter()

    @found.get(
        "/v1/stream",
        response_class=EventStream,
        summary="Follow tier changes, CX levels, rewards, points and care as they happen",
        responses={
            200: {
                "description": "Server-sent events. `event` is the type, `data` the CloudEvent, `id` the place behind "
                "it: send the last one as `Last-Event-ID` to go on there. `event: gap` says that something was removed "
                "before you came back.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
        },
    )
    async def follow(
        own: Annotated[str | None, Depends(bound)],
        types: Annotated[list[str], Query(alias="type", max_length=len(TYPES))] = [],  # noqa: B006  # FastAPI copies it
        customer: Annotated[CustomerId | None, Query()] = None,
        last_event_id: Annotated[str | None, Header(max_length=WORD_LENGTH_MAX)] = None,
    ) -> Response:
        wanted = frozenset(types) or (TYPES - FOR_STAFF if own else TYPES)
        if unknown := wanted - TYPES:
            raise HTTPException(400, f"there are {len(unknown)} types among these that no event has")
        if own is not None and (customer not in {None, own} or wanted & FOR_STAFF):
            raise HTTPException(403, "this token is for another customer's events, or for none of these types")
        try:
            events = streams.open(Wish(wanted, own or customer), last_event_id)
        except PlacesError as error:
            raise HTTPException(400, str(error)) from None
        except FeedError as error:
            raise HTTPException(503, str(error), {"Retry-After": "5"}) from None
        return EventStream(events, headers=_HEADERS)

    return found
