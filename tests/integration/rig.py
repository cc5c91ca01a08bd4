"""Topics of one test with a lane's writer, transactions, stores and recovery on them, and read-committed readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from streams.effects import NEVER, Effects, Outgoing, View
from streams.meter import SILENT, Meter
from streams.partition import Partition
from streams.recovery import Recovered, recover
from streams.settings import KafkaSettings
from streams.store import Stores
from streams.transactions import NOBODY, Member, Transactions
from streams.writer import Folded, Writer, Written

PATIENCE_S = 30.0
PARTITIONS = 2


def value(text: str) -> bytes:
    return NEVER.to_bytes(8) + text.encode()


class Rig:
    """Everything that a worker has around its writer, without Faust."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.kafka, self.prefix = KafkaSettings(bootstrap=bootstrap), prefix
        self.source, self.out, self.changelog = f"{prefix}.in", f"{prefix}.out", f"{prefix}-changelog"
        self.folder = folder
        self.commits: list[Written] = []
        self.failures: list[BaseException] = []
        self.opened: list[Transactions] = []

    async def make_topics(self, *names: str, **config: str) -> None:
        names = names or (self.source, self.out, self.changelog)
        async with self.admin() as admin:
            await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=config) for name in names])

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        made = AIOKafkaAdminClient(**self.kafka.client_options())
        await made.start()
        try:
            yield made
        finally:
            await made.close()

    async def transactions(self, *numbers: int) -> Transactions:
        """Return a connection that has fenced *numbers*."""
        made = Transactions(self.kafka, self.prefix, f"{self.prefix}-lane")
        await made.start([self.source, self.out, self.changelog])
        self.opened.append(made)
        await made.fence(numbers or range(PARTITIONS))
        return made

    async def writer(self, member: Member = NOBODY) -> Writer:
        made = Writer(
            await self.transactions(),
            member,
            changelog=self.changelog,
            on_commit=self.commits.append,
            on_failure=self.failures.append,
            committed={self.tp(number): -1 for number in range(PARTITIONS)},
        )
        made.start()
        return made

    async def close(self) -> None:
        for transactions in self.opened:
            await transactions.stop()

    def tp(self, number: int = 0) -> TopicPartition:
        return TopicPartition(self.source, number)

    async def read(self, topic: str, isolation: str = "read_committed") -> list[Any]:
        """Return what a reader sees up to the end as it is now."""
        reader = AIOKafkaConsumer(
            isolation_level=isolation, auto_offset_reset="earliest", **self.kafka.client_options()
        )
        await reader.start()
        settled = Transactions(self.kafka, self.prefix, f"{self.prefix}-lane")
        await settled.start([topic])
        try:
            tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            reader.assign(tps)
            # Past open transactions: a commit is answered before its markers are everywhere.
            ends = await settled.ends(topic, range(PARTITIONS))
            found: list[Any] = []
            async with asyncio.timeout(PATIENCE_S):
                while any([await reader.position(tp) < ends[tp.partition] for tp in tps]):
                    for records in (await reader.getmany(timeout_ms=50)).values():
                        found += records
        finally:
            await reader.stop()
            await settled.stop()
        return found

    async def seen(self, topic: str) -> list[bytes]:
        """Return the values that a read-committed reader sees now, where a transaction may be open."""
        reader = AIOKafkaConsumer(
            isolation_level="read_committed", auto_offset_reset="earliest", **self.kafka.client_options()
        )
        await reader.start()
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        reader.assign(tps)
        ends = await reader.end_offsets(tps)  # the last stable ones
        found: list[bytes] = []
        async with asyncio.timeout(PATIENCE_S):
            while any([await reader.position(tp) < ends[tp] for tp in tps]):
                for records in (await reader.getmany(timeout_ms=50)).values():
                    found += [record.value for record in records]
        await reader.stop()
        return found

    async def values(self, topic: str) -> list[bytes]:
        return [record.value for record in await self.read(topic)]

    async def committed(self, number: int = 0) -> int:
        reader = Transactions(self.kafka, self.prefix, f"{self.prefix}-reader")
        await reader.start([self.source])
        found = await reader.committed([self.tp(number)])
        await reader.stop()
        return found[self.tp(number)][0]

    def partition(self, stores: Stores, number: int = 0) -> Partition:
        return Partition(number, PARTITIONS, stores.open(number, 1))

    async def recover(self, partition: Partition, told: int = -1, *, meter: Meter = SILENT) -> Recovered:
        transactions = await self.transactions(partition.number)
        await transactions.committed([self.tp(partition.number)])
        ends = await transactions.ends(self.changelog, [partition.number])
        numbers = {partition.number: partition}
        told_by = {partition.number: told}
        found = await recover(self.kafka, self.changelog, numbers, told_by, ends, meter=meter)
        return found[partition.number]

    def folded(self, number: int, key: bytes = b"lan", *, partition: int = 0, own: bytes = b"own") -> Folded:
        """Return a batch of one record at offset *number*, with one output and one state."""
        state = value(f"state-{number}")
        effects = Effects(
            outputs=[Outgoing(self.out, key, f"out-{number}".encode(), partition=partition)],
            changed={key: state},
            views=[View(key.decode(), number, state, 0)],
        )
        return Folded(effects, {self.source: number + 1}, [(self.source, number, number)], own)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  # what is waited for belongs to the code under test, and has no event
            await asyncio.sleep(0.005)
