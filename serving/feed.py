"""The feed: one consumer of all output topics, read committed and without a group, and those who listen to it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.errors import CxError
from schemas.outputs import READERS
from serving.places import places_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from aiokafka import ConsumerRecord

log = logging.getLogger(__name__)

TOPICS: Final = tuple(sorted(READERS))
WAITING_MAX: Final = 1_000  # events for one listener; who is further behind than that comes back and catches up
POLL_MS: Final = 1_000
RECORDS_MAX: Final = 500
RETRY_S: Final = 1.0


class FeedError(CxError):
    """Nobody can listen now; the text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it lies in Kafka; `text` is its JSON, on one line."""

    place: TopicPartition
    offset: int
    type: str
    customer: str
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a listener wants to hear: events of `types`, of one `customer` or, with None, of all."""

    types: frozenset[str]
    customer: str | None = None

    def fits(self, told: Told) -> bool:
        """Whether it is wanted."""
        return told.type in self.types and self.customer in {None, told.customer}


class Listener:
    """Holds what one connection has not sent yet, without a gap; at most `WAITING_MAX` events, then no more."""

    def __init__(self, wish: Wish, offsets: Mapping[TopicPartition, int]) -> None:
        self.wish = wish
        self.offsets = dict(offsets)  # next ones to be sent
        self.is_lost = False  # whether something is missing behind what waits
        self.is_behind = False  # whether it still reads what was before
        self._waiting: deque[Told] = deque()
        self._news = asyncio.Event()

    def offer(self, told: Told) -> None:
        """Take what is wanted and new; what comes after too much has gathered is lost, and so is all after it."""
        if self.is_lost or not self.wish.fits(told):
            return
        if len(self._waiting) >= WAITING_MAX:
            self.lose()
            return
        self._waiting.append(told)
        self._news.set()

    def lose(self) -> None:
        """Hear no more: what waits is still there, and whoever goes on behind it misses nothing."""
        self.is_lost = True
        self._news.set()

    def took(self, told: Told) -> bool:
        """Write down that *told* is dealt with; return whether it is wanted, and was not sent before."""
        if told.offset < self.offsets[told.place]:
            return False
        self.offsets[told.place] = told.offset + 1
        return self.wish.fits(told)

    async def next(self, patience_s: float) -> Told | None:
        """Return the next event; None where none comes for so long, or never again."""
        if not self._waiting and not self.is_lost:
            try:
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
            except TimeoutError:
                return None
        self._news.clear()
        return self._waiting.popleft() if self._waiting else None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to come."""
        return self.is_lost and not self._waiting

    @property
    def is_idle(self) -> bool:
        """Whether all that came was taken."""
        return not (self._waiting or self.is_lost or self.is_behind)


class Feed:
    """Follows the end of all output topics for as long as it runs."""

    def __init__(self, client: Mapping[str, Any], partitions: int) -> None:
        """Describe it; nothing connects yet.

        Args:
            client: How an aiokafka client connects.
            partitions: Partitions of each topic of the customers' lane.
        """
        self.client, self.partitions = dict(client), partitions
        self.offsets: dict[TopicPartition, int] = {}  # what listeners have been offered everything below of
        self._listeners: set[Listener] = set()
        self._is_closed = False

    async def run(self) -> None:
        """Follow until cancelled; whatever Kafka does meanwhile, it is tried again."""
        while True:
            consumer = committed_reader(self.client)
            try:
                await consumer.start()
                await self._follow(consumer)
            except OffsetOutOfRangeError:
                log.warning("the feed was overtaken by what Kafka removes")
            except (KafkaError, OSError) as error:
                log.warning("the feed lost Kafka", extra={"error": type(error).__name__})
            finally:
                self._lose()
                await consumer.stop()
            await asyncio.sleep(RETRY_S)

    def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return in each of *places* the offset from which on listeners are told.

        Raises:
            FeedError: Kafka is away.
        """
        if not self.offsets or self._is_closed:
            message = "events cannot be followed now: Kafka is away"
            raise FeedError(message)
        return {place: self.offsets[place] for place in places}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow in the background."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @contextmanager
    def told(self, listener: Listener) -> Iterator[None]:
        """Let *listener* hear all that comes from now on."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Send everybody away for good, so that a server may end."""
        self._is_closed = True
        self._lose()

    def _lose(self) -> None:
        self.offsets = {}
        for listener in self._listeners:
            listener.lose()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        places = places_of(TOPICS, self.partitions)
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        self.offsets = {place: await consumer.position(place) for place in places}
        log.info("feed began", extra={"partitions": len(places)})
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
            for place, records in batches.items():
                # Without a pause in between: who begins to listen now hears all from these offsets on.
                self.offsets[place] = records[-1].offset + 1
                for told in read(place, records):
                    for listener in self._listeners:
                        if place in listener.offsets:
                            listener.offer(told)
            # Of quiet partitions as well: transactions end in records that nobody sees, and retention removes them.
            moved = {place: await consumer.position(place) for place in places}
            self.offsets = moved
            for listener in self._listeners:
                if listener.is_idle:
                    listener.offsets = {place: max(moved[place], at) for place, at in listener.offsets.items()}


def committed_reader(client: Mapping[str, Any]) -> AIOKafkaConsumer:
    """Return a consumer without a group that never jumps by itself: where it cannot go on, it raises."""
    return AIOKafkaConsumer(
        isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none", **client
    )


def read(place: TopicPartition, records: Iterable[ConsumerRecord[bytes, bytes]]) -> Iterator[Told]:
    """Yield the events among *records*; what is none of ours is let pass."""
    for record in records:
        try:
            event = orjson.loads(record.value or b"")
            kind, customer = str(event["type"]), (record.key or b"").decode()
        except (ValueError, KeyError, TypeError):
            log.warning("no event on an output topic", extra={"topic": place.topic, "offset": record.offset})
            continue
        if kind in READERS[place.topic].types:
            yield Told(place, record.offset, kind, customer, orjson.dumps(event).decode())
