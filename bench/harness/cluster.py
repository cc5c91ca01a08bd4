"""The bench's own Kafka: topics made and filled, read to their end, and what groups have committed."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping

    from bench.harness.workload import Record

READ_S_MAX = 60.0
GONE_S_MAX = 15.0
LOOK_S = 0.05
PENDING_MAX = 2_000


class UnreadableTopicError(Exception):
    """A topic could not be read to its end: a transaction was left open, or Kafka is in trouble."""


class Cluster:
    """What a bench asks of Kafka."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        """Talk to the Kafka at *bootstrap*; every topic has *partitions*."""
        self.bootstrap, self.partitions = bootstrap, partitions

    async def create(self, topics: Iterable[str], *, compacted: bool = False) -> None:
        """Create topics that are not there yet."""
        # Records may have timestamps of months ago, and would be deleted as soon as the broker looks for old ones.
        configs = {"cleanup.policy": "compact"} if compacted else {"cleanup.policy": "delete", "retention.ms": "-1"}
        new = [NewTopic(name, self.partitions, 1, topic_configs=configs) for name in topics]
        async with _admin(self.bootstrap) as admin:
            await admin.create_topics(new)
            await self._until(lambda names: {one.name for one in new} <= names, admin)

    async def delete(self, prefixes: Collection[str]) -> None:
        """Delete the topics that have one of *prefixes* in their name: what a run has left."""
        async with _admin(self.bootstrap) as admin:
            doomed = {name for name in await admin.list_topics() if any(prefix in name for prefix in prefixes)}
            if doomed:
                await admin.delete_topics(list(doomed))
                await self._until(lambda names: not names & doomed, admin)

    async def named(self, part: str) -> list[str]:
        """Return the topics that have *part* in their name."""
        async with _admin(self.bootstrap) as admin:
            return sorted(name for name in await admin.list_topics() if part in name)

    async def fill(self, topic: str, records: Iterable[Record]) -> None:
        """Write *records* and return when all are there."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, enable_idempotence=True, linger_ms=20, max_batch_size=1 << 17
        )
        await producer.start()
        try:
            pending: list[asyncio.Future[object]] = []
            for record in records:
                pending.append(await producer.send(topic, record.value, key=record.key))
                if len(pending) >= PENDING_MAX:
                    await asyncio.gather(*pending)
                    pending = []
            await asyncio.gather(*pending)
        finally:
            await producer.stop()

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the end offset of each partition, open transactions included."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await reader.start()
        try:
            ends = await reader.end_offsets(self._tps(topic))
        finally:
            await reader.stop()
        return {tp.partition: offset for tp, offset in ends.items()}

    async def read(self, topic: str) -> list[tuple[bytes | None, bytes | None]]:
        """Return keys and values of all committed records, in order within each partition.

        Raises:
            UnreadableTopicError: the end was not reached in time.
        """
        ends = await self.ends(topic)
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 << 20,
        )
        await reader.start()
        found: list[tuple[bytes | None, bytes | None]] = []
        try:
            tps = self._tps(topic)
            reader.assign(tps)
            deadline = time.monotonic() + READ_S_MAX
            # By position: a control record stands at the end of what was written in a transaction.
            while any([await reader.position(tp) < ends[tp.partition] for tp in tps]):
                if time.monotonic() > deadline:
                    raise UnreadableTopicError(topic)
                for records in (await reader.getmany(timeout_ms=100)).values():
                    found += [(record.key, record.value) for record in records]
        finally:
            await reader.stop()
        return found

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the offsets that *group* has committed, by partition."""
        async with _admin(self.bootstrap) as admin:
            offsets = await admin.list_consumer_group_offsets(group)
        return {tp.partition: found.offset for tp, found in offsets.items() if tp.topic == topic}

    def _tps(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self.partitions)]

    async def _until(self, holds: Callable[[set[str]], bool], admin: AIOKafkaAdminClient) -> None:
        # Kafka answers before every broker knows; a producer that asks at once is told that there is no such topic.
        deadline = time.monotonic() + GONE_S_MAX
        while time.monotonic() < deadline:
            if holds(set(await admin.list_topics())):
                return
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()
