"""A bare aiokafka loop: what Python can do with nothing in between, and what one would have to write by hand.

Exactly once: one transactional producer a partition, one transaction for up to `BATCH` records: outputs, one changelog
record a changed customer, source offset. While one partition waits for the broker, others fold. At least once: one
idempotent producer for all, and the offset is committed when everything before it is written. Both: acks all, lz4,
uvloop.
State is decoded in memory; with a store, encoded in RocksDB after each commit and the hot part decoded in memory.

It neither shares partitions with others nor recovers: it is a baseline, not an alternative.
"""

from __future__ import annotations

import asyncio
import signal
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer import sender

from bench.harness.fold import State, answer, update
from bench.harness.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import ConsumerRecord

sender.BACKOFF_OVERRIDE = 0.002  # aiokafka sleeps 20 ms when a transaction follows at once another

BATCH = 2_000
HOT_MAX = 4_000  # decoded customers of a partition, with a store


class States(Protocol):
    """The customers of one partition."""

    def get(self, key: bytes) -> State | None:
        """Return the state of *key*."""

    def put(self, key: bytes, state: State) -> None:
        """Keep the state of *key* until the end of the batch, or longer."""

    def save(self, changed: Iterable[tuple[bytes, bytes]]) -> None:
        """Take encoded states that are committed."""


class MemoryStates:
    """All decoded, in a dict."""

    def __init__(self) -> None:
        """Begin empty."""
        self._states: dict[bytes, State] = {}
        self.get = self._states.get
        self.put = self._states.__setitem__

    def save(self, changed: Iterable[tuple[bytes, bytes]]) -> None:
        """Do nothing: what is committed is in the changelog."""


class StoredStates:
    """Encoded in RocksDB, with the lately used ones decoded in memory."""

    def __init__(self, path: str) -> None:
        """Open the store of a partition."""
        import rocksdict  # noqa: PLC0415  # only where there is a store

        self._batch = rocksdict.WriteBatch
        self._db = rocksdict.Rdict(path, rocksdict.Options(raw_mode=True))
        self._hot: OrderedDict[bytes, State] = OrderedDict()

    def get(self, key: bytes) -> State | None:
        """Look in memory, then in the store."""
        if state := self._hot.get(key):
            self._hot.move_to_end(key)
            return state
        value = self._db.get(key)
        return None if value is None else orjson.loads(value)

    def put(self, key: bytes, state: State) -> None:
        """Keep it decoded."""
        self._hot[key] = state

    def save(self, changed: Iterable[tuple[bytes, bytes]]) -> None:
        """Write the batch, and only then forget the coldest."""
        batch = self._batch(raw_mode=True)
        for key, value in changed:
            batch.put(key, value)
        self._db.write(batch)
        while len(self._hot) > HOT_MAX:
            self._hot.popitem(last=False)


class Loop:
    """One process that reads all partitions."""

    def __init__(self, job: Job) -> None:
        """Prepare for *job*."""
        self.job = job
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=job.bootstrap,
            group_id=job.app,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=1 << 20,
            fetch_max_wait_ms=20,
        )
        self.shared = None if job.exactly_once else self._producer()

    async def run(self) -> None:
        """Run until SIGTERM, or until a partition fails."""
        tps = [TopicPartition(self.job.source, number) for number in range(self.job.partitions)]
        # A transactional id is initialised before the committed offset is read: that waits for its predecessor's end.
        producers = {tp: self.shared or self._producer(tp.partition) for tp in tps}
        await asyncio.gather(*(producer.start() for producer in set(producers.values())))
        self.consumer.assign(tps)
        await self.consumer.start()
        tasks = [asyncio.create_task(self._partition(tp, producers[tp])) for tp in tps]
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in tasks])
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            pass
        finally:
            await asyncio.gather(*(producer.stop() for producer in set(producers.values())), return_exceptions=True)
            await self.consumer.stop()

    async def _partition(self, tp: TopicPartition, producer: AIOKafkaProducer) -> None:
        disk = self.job.store == "disk"
        states: States = StoredStates(str(self.job.folder / str(tp.partition))) if disk else MemoryStates()
        while True:
            records = (await self.consumer.getmany(tp, timeout_ms=1_000, max_records=BATCH)).get(tp)
            if records:
                outputs, changed = self._fold(states, records)
                await self._write(producer, tp, outputs, changed, records[-1].offset + 1)
                states.save(changed)

    def _fold(
        self, states: States, records: list[ConsumerRecord[bytes, bytes]]
    ) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
        outputs, changed = [], dict[bytes, State]()
        for record in records:
            event: dict[str, Any] = orjson.loads(record.value)
            state = update(states.get(record.key), event)
            states.put(record.key, state)
            changed[record.key] = state
            if event["serial"] % self.job.every == 0:
                outputs.append((record.key, orjson.dumps(answer(state, event))))
        return outputs, [(key, orjson.dumps(state)) for key, state in changed.items()]

    async def _write(
        self,
        producer: AIOKafkaProducer,
        tp: TopicPartition,
        outputs: list[tuple[bytes, bytes]],
        changed: list[tuple[bytes, bytes]],
        offset: int,
    ) -> None:
        if self.job.exactly_once:
            await producer.begin_transaction()
        sends = [await producer.send(self.job.output, v, key=k, partition=tp.partition) for k, v in outputs]
        sends += [await producer.send(self.job.changelog, v, key=k, partition=tp.partition) for k, v in changed]
        # Each one awaited: a refused record does not fail a transaction by itself.
        await asyncio.gather(*sends)
        if self.job.exactly_once:
            await producer.send_offsets_to_transaction({tp: offset}, self.job.app)
            await producer.commit_transaction()
        else:
            await self.consumer.commit({tp: offset})

    def _producer(self, number: int | None = None) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self.job.bootstrap,
            transactional_id=None if number is None else f"{self.job.app}-{number}",
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            compression_type="lz4",
            max_batch_size=1 << 18,
            retry_backoff_ms=10,
        )


async def main() -> None:
    """Run until SIGTERM."""
    await Loop(Job.from_environment()).run()  # aiokafka's clients are made inside a running event loop


if __name__ == "__main__":
    uvloop.run(main())
