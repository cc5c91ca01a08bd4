"""Giving: what a demo does around its gift desk: it fills it, lets its time pass, and lets customers react."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from contextlib import AsyncExitStack
from io import StringIO
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agents.edge import make_tick
from cli.gift_rows import GiftRows
from cli.sheet import BadRowError
from ops.audit.gifts import ANSWERS
from ops.codes import Locker
from ops.traffic.instants import DAY
from ops.traffic.recipients import Recipients
from schemas.inputs import GIFT_CLOCK
from schemas.topics import GIFT_PARTITIONS, Lane, Role, lane_topics
from streams.settings import KEY_BYTES, CodeSettings
from streams.transactions import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from cli.stockroom import Stockroom
    from cx.rules import Rules
    from ops.traffic.kafka import KafkaSink
    from schemas.outputs import OutputEvent
    from streams.settings import Settings

AHEAD_MAX: Final = 20 * DAY  # of customers' time before the desk's; two thirds of what events may be late
_LOOK_S: Final = 0.05
_MILLI: Final = 1_000


class Sent(NamedTuple):
    """Something for the gift desk."""

    topic: str
    programme: str
    value: bytes


class Giving:
    """One run's gifts; as an async context manager, once Kafka is up."""

    def __init__(self, settings: Settings, rules: Rules, later: list[Sent], seed: int) -> None:
        """Describe it, in a running event loop, with codes that come *later*; nothing connects yet."""
        kafka = settings.kafka
        self._app, self._later = settings.app, later
        self.recipients = Recipients(seed)
        number = partition_of(rules.policy.programme.encode(), GIFT_PARTITIONS)
        topics = [topic.name for topic in lane_topics(Lane.GIFTS, Role.INPUT) if topic.name != GIFT_CLOCK]
        self._number, self._places = number, [TopicPartition(topic, number) for topic in topics]
        self._answers = [TopicPartition(ANSWERS, number) for number in range(settings.partitions)]
        self._wanted = self._settled = 0  # instants: the latest that a tick waits for, and up to which all is answered
        self._went_on = asyncio.Event()
        self._producer = _producer(settings)
        self._ends = AIOKafkaConsumer(isolation_level="read_committed", **kafka.client_options())
        self._admin = AIOKafkaAdminClient(**kafka.client_options())
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect."""
        for client in (self._producer, self._ends):
            await client.start()
            self._open.push_async_callback(client.stop)
        await self._admin.start()
        self._open.push_async_callback(self._admin.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._open.aclose()

    def begins(self, at: int) -> None:
        """Begin at a simulated instant, in epoch milliseconds."""
        self._settled = at

    async def restocks(self) -> None:
        """Bring the codes that come later."""
        await _send(self._producer, self._later)

    async def hold(self, at: int) -> None:
        """Return once customers' time may come to a simulated instant: what the desk says now must not be too late.

        Where a minute is a year, its answer takes days, and customers take nothing that is a month old.
        """
        self._wanted = max(self._wanted, at)
        while self._settled < at - AHEAD_MAX:
            await self._went_on.wait()

    async def goes_on(self, at: int) -> None:
        """Let the desk's time come to a simulated instant; return when customers have what it answers until then."""
        at = max(at, self._wanted)
        ends = await self._ends.end_offsets(self._places)
        upto = {place.topic: offset for place, offset in ends.items() if offset}
        tick = make_tick(GIFT_CLOCK, "gift-tick", at * _MILLI, upto, self._number)
        told = await self._producer.send_and_wait(GIFT_CLOCK, tick.value, partition=self._number)
        await self._until(f"{self._app}-desk", {TopicPartition(GIFT_CLOCK, self._number): told.offset + 1})
        # Behind the desk's last answer is the end of its transaction, which is committed at leisure.
        answers = await self._ends.end_offsets(self._answers)
        await self._until(self._app, {place: offset - 1 for place, offset in answers.items()})
        self._settled = at
        self._went_on.set()
        self._went_on.clear()

    def heard(self, event: OutputEvent, at: int) -> None:
        """Let customers hear of *event*."""
        self.recipients.hear(event, at)

    async def reacts(self, sink: KafkaSink, at: int) -> None:
        """Send what customers do up to a simulated instant."""
        for arrival in self.recipients.due(at):
            await sink.send(arrival)

    async def _until(self, group: str, ends: Mapping[TopicPartition, int]) -> None:
        """Wait until *group* has committed *ends*."""
        left = {place: offset for place, offset in ends.items() if offset > 0}
        while left:
            found = await self._admin.list_consumer_group_offsets(group, partitions=list(left))
            left = {tp: offset for tp, offset in left.items() if tp not in found or found[tp].offset < offset}
            if left:
                await asyncio.sleep(_LOOK_S)


async def fill(settings: Settings, rules: Rules, stock: Stockroom, at: int) -> list[Sent]:
    """Tell the gift desk of gifts and budgets, and bring a delivery of codes; return another one, for later.

    All of it is said at a simulated instant, in epoch milliseconds.
    """
    # Nobody has to see these codes, and so nobody keeps their keys.
    keys, identity = (b64encode(os.urandom(KEY_BYTES)).decode() for _ in range(2))
    locker = Locker(CodeSettings.model_validate({"keys": f"demo:{keys}", "identity": identity}))
    sheets = (stock.catalogue(), stock.budgets(), stock.delivery(), stock.delivery())
    *now, later = (_events(GiftRows(StringIO(sheet), at * _MILLI, rules, locker)) for sheet in sheets)
    producer = _producer(settings)
    await producer.start()
    try:
        await _send(producer, chain.from_iterable(now))
    finally:
        await producer.stop()
    return later


def _events(rows: GiftRows) -> list[Sent]:
    # A gift that a policy may have and a catalogue may not is asked for in vain, as elsewhere.
    return [Sent(rows.topic, *row) for row in rows if not isinstance(row, BadRowError)]


def _producer(settings: Settings) -> AIOKafkaProducer:
    return AIOKafkaProducer(acks="all", compression_type="lz4", linger_ms=1, **settings.kafka.client_options())


async def _send(producer: AIOKafkaProducer, events: Iterable[Sent]) -> None:
    await asyncio.gather(*[await producer.send(one.topic, one.value, one.programme.encode()) for one in events])
