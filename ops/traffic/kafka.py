"""Kafka: the sink that records of a run go to, and what a stack says about its topics."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from ops.traffic.clockwork import Acknowledged, Clockwork, Hold, at_once
from ops.traffic.errors import SinkError
from ops.traffic.records import Arrival
from schemas.envelope import SENT
from schemas.inputs import CLOCK
from schemas.topics import POLICIES, Lane, Role, lane_topics

Client = str | Mapping[str, Any]
"""Bootstrap servers, or all that an aiokafka client takes to connect."""

# Of each partition one batch may be on its way and one be filled: the window beyond which sending waits for Kafka.
_BATCH_BYTES: Final = 128 * 1024
_REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024  # the broker's limit for these topics; larger than any poison
_LINGER_MS: Final = 5
_KEYS_MAX: Final = 1_000_000  # partitions remembered by key; hashing one in Python takes as long as sending it

Receipt = asyncio.Future[Acknowledged]


def connection(client: Client) -> dict[str, Any]:
    """Return *client* as keyword arguments of aiokafka's clients."""
    return {"bootstrap_servers": client} if isinstance(client, str) else dict(client)


class KafkaSink:
    """Sends to the topics of the customer lane, idempotently; as an async context manager."""

    def __init__(self, client: Client, hold: Hold = at_once) -> None:
        """Connect to *client* on entering; *hold* is awaited before each tick."""
        self._client: Final = connection(client)
        self._partition_of: Final[dict[bytes, int]] = {}
        self._failed: BaseException | None = None
        self._producer: Any = None
        self._partitions = 0
        self._hold: Final = hold
        self._clockwork = Clockwork((), self._send_tick)
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Connect and read where the topics end.

        Raises:
            SinkError: Kafka does not answer, or topics are missing or of unequal partition counts.
        """
        ends = await lane_ends(self._client)
        self._producer = AIOKafkaProducer(
            **self._client,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_REQUEST_BYTES_MAX,
        )
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self._stop()
            raise silence(error) from error
        self._partitions = len(ends)
        self._clockwork = Clockwork(ends, self._send_tick, self._hold)
        self._ticking = asyncio.create_task(self._clockwork.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send what is still held, and disconnect."""
        await self._stop()

    async def send(self, arrival: Arrival) -> None:
        """Send one record under its simulated arrival; waits only where the window is full.

        Raises:
            SinkError: An earlier record could not be delivered.
        """
        self._check()
        partition = self._partition(arrival)
        receipt: Receipt = await self._producer.send(
            arrival.topic,
            arrival.value,
            arrival.key,
            partition,
            arrival.at,
            [_sent_now()],
        )
        receipt.add_done_callback(self._acknowledged)
        self._clockwork.sent(arrival.topic, partition, receipt)

    async def tick(self, arrival: Arrival) -> int:
        """Let a tick follow on every partition once all records so far are acknowledged."""
        return self._clockwork.tick(arrival)

    async def flush(self) -> None:
        """Return when Kafka has acknowledged every record and every tick.

        Raises:
            SinkError: A record could not be delivered.
        """
        ticked = asyncio.ensure_future(self._clockwork.all_sent())
        await asyncio.wait({ticked} | ({self._ticking} if self._ticking else set()), return_when="FIRST_COMPLETED")
        ticked.cancel()
        await self._producer.flush()
        await asyncio.sleep(0)  # lets the last receipts report
        self._check()

    def _partition(self, arrival: Arrival) -> int:
        # Bad records without a key have to go somewhere, and to the same place in every run.
        key = arrival.key or (arrival.value or b"")[:64]
        partition = self._partition_of.get(key)
        if partition is None:
            partition = (murmur2(key) & 0x7FFFFFFF) % self._partitions
            if len(self._partition_of) < _KEYS_MAX:
                self._partition_of[key] = partition
        return partition

    async def _send_tick(self, partition: int, value: bytes, at: int) -> None:
        receipt: Receipt = await self._producer.send(CLOCK, value, None, partition, at, [_sent_now()])
        receipt.add_done_callback(self._acknowledged)

    def _acknowledged(self, receipt: Receipt) -> None:
        if not receipt.cancelled() and (error := receipt.exception()):
            self._failed = self._failed or error

    def _check(self) -> None:
        if self._ticking is not None and self._ticking.done() and not self._ticking.cancelled():
            self._failed = self._failed or self._ticking.exception()
        if self._failed is not None:
            message = f"a record could not be delivered: {type(self._failed).__name__}"
            raise SinkError(message) from self._failed

    async def _stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError, KafkaError):
                await self._ticking
        if self._producer is not None:
            await self._producer.stop()


def _sent_now() -> tuple[str, bytes]:
    return SENT, b"%d" % (time.time() * 1_000)


async def partition_counts(client: Client) -> dict[str, int]:
    """Return how many partitions each topic has; those that do not exist are not in it, nor made by asking.

    Raises:
        SinkError: Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(**connection(client))
    try:
        await admin.start()
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    except (KafkaError, OSError) as error:
        raise silence(error) from error
    finally:
        await admin.close()


@asynccontextmanager
async def reader_of(client: Client, places: Sequence[TopicPartition]) -> AsyncIterator[Any]:
    """Lend a consumer of *places* that belongs to no group.

    Raises:
        SinkError: Kafka does not answer.
    """
    consumer = AIOKafkaConsumer(**connection(client), enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(places)
        yield consumer
    except (KafkaError, OSError) as error:
        raise silence(error) from error
    finally:
        await consumer.stop()


def silence(error: Exception) -> SinkError:
    """Say in one line that Kafka does not answer."""
    return SinkError(f"Kafka does not answer: {type(error).__name__}")


async def lane_ends(client: Client) -> list[dict[str, int]]:
    """Return for each partition of the customer lane the end offset of every input topic but the clock.

    The end of `cx.policies`, which has one partition for all, stands in each.

    Raises:
        SinkError: A topic of the lane is missing, or has another number of partitions than the rest; or Kafka does
            not answer.
    """
    topics = [topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.INPUT)]
    counts = await partition_counts(client)
    lane = {counts.get(topic, 0) for topic in topics}
    if len(lane) != 1 or 0 in lane:
        message = f"the topics {', '.join(topics)} must exist with equal partition counts"
        raise SinkError(message)
    others = [topic for topic in topics if topic != CLOCK]
    shared = [TopicPartition(POLICIES, 0)] if counts.get(POLICIES) else []
    lanes = [[*(TopicPartition(topic, place) for topic in others), *shared] for place in range(lane.pop())]
    places = sorted({place for own in lanes for place in own})
    async with reader_of(client, places) as consumer:
        ends = await consumer.end_offsets(places)
    return [{place.topic: ends[place] for place in own} for own in lanes]
