"""Outputs as server-sent events; the id of each says where to go on, without a gap and nothing twice."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING, Final

import orjson
from aiokafka.errors import KafkaError
from fastapi.responses import StreamingResponse

from schemas.outputs import TOPIC_OF
from serving.feed import FeedError, Listener
from serving.places import places_of, read_word, word_of
from serving.resume import resuming

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from aiokafka import TopicPartition
    from starlette.types import Send

    from serving.feed import Feed, Told, Wish

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 15.0
RETRY_MS: Final = 3_000
SEND_S: Final = 20.0  # a client that takes nothing for so long is gone
OPEN_MAX: Final = 200
LIFE_S: Final = 900.0  # then the client comes back, and its token is looked at again
COMMENT: Final = b":\n\n"
RESUMING_MAX: Final = 10  # at a time, each with a consumer of its own; others wait


class EventStream(StreamingResponse):
    """Sends events, and gives up a client that takes none."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send until the events or the client's patience end; whichever it is, the events are closed."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self.body_iterator) as chunks:  # type: ignore[type-var]  # a generator, always
            async for chunk in chunks:
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Streams:
    """Makes the streams of one server."""

    def __init__(self, feed: Feed) -> None:
        """Tell what *feed* tells."""
        self._feed, self._open = feed, 0
        self._resuming = asyncio.Semaphore(RESUMING_MAX)

    def open(self, wish: Wish, last_id: str | None) -> AsyncGenerator[bytes, None]:
        """Return the events for *wish* from behind *last_id* on, or from now on, as they go over the wire.

        They end after a while, where a client is too slow for what comes, and where Kafka is away: it then comes back.

        Raises:
            FeedError: there are none now, or for too many already.
            PlacesError: *last_id* is not one of a stream for this wish.
        """
        places = places_of({TOPIC_OF[kind] for kind in wish.types}, self._feed.partitions, wish.customer)
        ends = self._feed.ends(places)
        if self._open >= OPEN_MAX:
            message = "too many follow events here"
            raise FeedError(message)
        listener = Listener(wish, read_word(places, last_id) if last_id else ends)
        listener.is_behind = bool(last_id)
        return self._events(listener)

    async def _events(self, listener: Listener) -> AsyncGenerator[bytes, None]:
        self._open += 1
        until = asyncio.get_running_loop().time() + LIFE_S
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            with ExitStack() as stack:
                if listener.is_behind:
                    async with aclosing(self._missed(listener, stack)) as missed:
                        async for event in missed:
                            yield event
                else:
                    stack.enter_context(self._feed.told(listener))
                    listener.offsets = self._feed.ends(listener.offsets)  # now, in the same breath
                yield position(listener)
                while not listener.is_over and asyncio.get_running_loop().time() < until:
                    told = await listener.next(HEARTBEAT_S)
                    if told is None:
                        yield position(listener)
                    elif listener.took(told):
                        yield event_of(told, listener)
        except (KafkaError, FeedError, OSError) as error:
            log.warning("a stream ends early", extra={"error": type(error).__name__})
        finally:
            self._open -= 1

    async def _missed(self, listener: Listener, stack: ExitStack) -> AsyncGenerator[bytes, None]:
        """Yield what *listener* has missed, and let it join the feed where that ends."""
        while not await self._may_resume():
            yield COMMENT
        try:
            async with resuming(self._feed, listener.offsets) as before:
                if before.gaps:
                    listener.offsets = before.offsets
                    yield gap(before.gaps)
                # First to where the feed is now, however long that takes, then, while news gather, to where it is then.
                for joins in (False, True):
                    if joins:
                        stack.enter_context(self._feed.told(listener))
                    async with aclosing(before.until(self._feed.ends(listener.offsets))) as events:
                        async for told in events:
                            if told is None:
                                yield COMMENT
                            elif listener.took(told):
                                yield event_of(told, listener)
                listener.is_behind = False
        finally:
            self._resuming.release()

    async def _may_resume(self) -> bool:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                return await self._resuming.acquire()
        except TimeoutError:
            return False


def event_of(told: Told, listener: Listener) -> bytes:
    """Return an event as it goes over the wire, with the place behind it."""
    return f"id: {word_of(listener.offsets)}\nevent: {told.type}\ndata: {told.text}\n\n".encode()


def position(listener: Listener) -> bytes:
    """Return a heartbeat, by which a client takes note how far it is: an event without data is none to it."""
    return f":\nid: {word_of(listener.offsets)}\n\n".encode()


def gap(places: Iterable[TopicPartition]) -> bytes:
    """Return word of what is missing: it was removed before the client came back, or Kafka is another one."""
    topics = sorted({place.topic for place in places})
    return b"event: gap\ndata: " + orjson.dumps({"topics": topics}) + b"\n\n"
