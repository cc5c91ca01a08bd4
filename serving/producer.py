"""The way of events into Kafka: keyed by customer, and durable before anybody is told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.envelope import CONTENT_TYPE, STRUCTURED
from serving.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

SEND_S: Final = 5.0
_HEADERS: Final = [(CONTENT_TYPE, STRUCTURED)]


class Letter(NamedTuple):
    """An event on its way: topic, key and structured JSON."""

    topic: str
    key: bytes
    value: bytes


class Producer:
    """Writes events; one that Kafka has acknowledged is on all replicas that are in sync."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        """Write as an aiokafka *client* connects; nothing connects yet."""
        self._client = dict(client)
        self._opening = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Write what waits, and let go."""
        self._give_up(self._producer)
        await asyncio.gather(*self._closing)

    async def send(self, letters: Sequence[Letter]) -> None:
        """Write *letters*, and return once all of them are durable.

        Raises:
            ProblemError: 503, it is not known whether they are; to send them again under their ids does no harm.
        """
        producer = None
        try:
            async with asyncio.timeout(SEND_S):
                producer = await self._opened()
                # The default partitioner is Java's murmur2, by which the lane knows where a customer belongs.
                sent = [await producer.send(one.topic, one.value, key=one.key, headers=_HEADERS) for one in letters]
                await asyncio.gather(*sent)
        except (KafkaError, OSError) as error:  # a time-out is an OSError too
            log.warning("events could not be written", extra={"error": type(error).__name__})
            # A producer that counts its records may not go on behind one that it does not know the fate of.
            self._give_up(producer)
            detail = "Kafka does not say that it has the events: send them again, under the same ids"
            raise ProblemError(503, "kafka-away", detail, headers={"Retry-After": "1"}) from None

    async def _opened(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                made = AIOKafkaProducer(
                    enable_idempotence=True, acks="all", request_timeout_ms=int(SEND_S * 1_000), **self._client
                )
                try:
                    await made.start()
                except BaseException:
                    await made.stop()
                    raise
                self._producer = made
            return self._producer

    def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        task = asyncio.create_task(_stopped(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _stopped(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(SEND_S):
            await producer.stop()
    except (KafkaError, OSError) as error:
        log.warning("a producer did not end well", extra={"error": type(error).__name__})
