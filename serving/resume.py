"""Going on where a stream was left: what was told since is read by a consumer of its own, up to where the feed is."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from serving.feed import RECORDS_MAX, committed_reader, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from aiokafka import AIOKafkaConsumer, TopicPartition

    from serving.feed import Feed, Told

POLL_MS: Final = 1_000


class Resuming:
    """Reads on from what a client had."""

    def __init__(self, consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self.offsets = dict(offsets)
        self.gaps: list[TopicPartition] = []  # where something may be missing

    async def begin(self) -> None:
        """Go to the offsets; where they are no more, to the oldest record that is kept."""
        places = list(self.offsets)
        self._consumer.assign(places)
        begins = await self._consumer.beginning_offsets(places)
        ends = await self._consumer.end_offsets(places)
        self.gaps = [place for place, at in self.offsets.items() if not begins[place] <= at <= ends[place]]
        self.offsets |= {place: begins[place] for place in self.gaps}
        for place, at in self.offsets.items():
            self._consumer.seek(place, at)

    async def until(self, ends: Mapping[TopicPartition, int]) -> AsyncGenerator[Told | None, None]:
        """Yield what lies before *ends*, and None whenever there is a pause.

        Raises:
            KafkaError: Kafka does not answer, or has removed meanwhile what comes next.
        """
        while any([await self._consumer.position(place) < end for place, end in ends.items()]):
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
            for place, records in batches.items():
                for told in read(place, records):
                    yield told
            if not batches:
                yield None


@asynccontextmanager
async def resuming(feed: Feed, offsets: Mapping[TopicPartition, int]) -> AsyncIterator[Resuming]:
    """Give what reads on from *offsets*.

    Raises:
        KafkaError: Kafka does not answer.
    """
    consumer = committed_reader(feed.client)
    try:
        await consumer.start()
        found = Resuming(consumer, offsets)
        await found.begin()
        yield found
    finally:
        await consumer.stop()
