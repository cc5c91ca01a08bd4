"""What can be seen of a lane from outside while it runs: in Kafka, open transactions included, and in Redis."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType

from streams.partition import OWN_KEY
from streams.protocol import StableOffsetFetchRequest
from tests.faults.judge import latest
from tests.faults.logs import (
    COMMITTED,
    OUTPUTS,
    UNCOMMITTED,
    changelog_of,
    ends_of,
    positions,
    read_redis,
    read_topics,
)

if TYPE_CHECKING:
    from streams.settings import Settings
    from tests.faults.logs import Record
    from tests.faults.reference import Position

MARKED_S: Final = 3.0
UNSTABLE: Final = 88  # Kafka's error code: an open transaction may change this offset


class Onlooker:
    """Looks at one lane."""

    def __init__(self, settings: Settings, topics: tuple[str, ...]) -> None:
        """Look at the lane of *settings*, whose inputs are *topics*."""
        self.settings, self.topics = settings, topics

    async def open_records(self) -> frozenset[Position]:
        """Return the records that only those see who read uncommitted: what an open transaction has written."""
        topics = [*OUTPUTS, changelog_of(self.settings)]
        tps = [TopicPartition(topic, number) for topic in topics for number in range(self.settings.partitions)]
        stable = await ends_of(self.settings, tps, COMMITTED)
        seen = await read_topics(self.settings, topics, UNCOMMITTED)
        return frozenset(
            (one.topic, one.partition, one.offset)
            for records in seen.values()
            for one in records
            if one.offset >= stable[TopicPartition(one.topic, one.partition)]
        )

    async def open_offsets(self) -> int:
        """Return of how many input partitions an open transaction has sent offsets to the group."""
        client = AIOKafkaClient(**self.settings.kafka.client_options())
        await client.bootstrap()
        try:
            node = await client.coordinator_lookup(CoordinationType.GROUP, self.settings.app)
            wanted = [(topic, range(self.settings.partitions)) for topic in self.topics]
            answer = await client.send(node, StableOffsetFetchRequest(self.settings.app, wanted))
        finally:
            await client.close()
        return sum(code == UNSTABLE for _, partitions, _ in answer.topics for *_, code, _ in partitions)

    async def committed_records(self) -> frozenset[Position]:
        """Return all records that those see who read committed, in outputs and changelog."""
        found = await read_topics(self.settings, [*OUTPUTS, changelog_of(self.settings)])
        return frozenset((one.topic, one.partition, one.offset) for records in found.values() for one in records)

    async def changelog(self, until: str = UNCOMMITTED) -> dict[int, list[Record]]:
        """Return the committed records of the changelog by partition; see `read_topics`."""
        found = await read_topics(self.settings, [changelog_of(self.settings)], until=until)
        return {number: records for (_, number), records in found.items()}

    async def commits(self) -> dict[int, list[float]]:
        """Return, by partition, at what wall instants (in seconds) its transactions were put together."""
        logged = await self.changelog()
        return {number: [one.timestamp / 1_000 for one in own if one.key == OWN_KEY] for number, own in logged.items()}

    async def lag(self) -> int:
        """Return by how many offsets the group is behind the ends of its topics."""
        committed, ends = await positions(self.settings, self.topics)
        return sum(end - committed[place] for place, end in ends.items())

    async def behind(self) -> int:
        """Return how many customers Redis does not show as the changelog ends."""
        shown = await read_redis(self.settings)
        final = [latest(records) for records in (await self.changelog(COMMITTED)).values()]
        return sum(shown.get(key, (-1, b""))[1] != value for values in final for key, value in values.items())

    async def ahead(self) -> int:
        """Return how many customers Redis shows in a state that was never committed."""
        shown = await read_redis(self.settings)
        deadline = time.monotonic() + MARKED_S
        while True:
            # A commit is answered before its markers are everywhere: what is missing may come in a moment.
            logged = await self.changelog(COMMITTED)
            states = {(one.key, one.value) for records in logged.values() for one in records}
            foreign = sum((key, state) not in states for key, (_, state) in shown.items())
            if not foreign or time.monotonic() > deadline:
                return foreign
            await asyncio.sleep(0.2)
