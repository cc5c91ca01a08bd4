"""What states take where they are kept: as they are, in the changelog, in the local store, in Redis."""

from __future__ import annotations

import asyncio
import shutil
from statistics import mean, median
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import orjson
from aiokafka.structs import TopicPartition
from rocksdict import Options, Rdict

from streams.partition import FORMAT, OWN_KEY, Partition, PartitionRecord
from streams.readmodel import ReadModel, connect
from streams.settings import KafkaSettings, RedisSettings
from streams.store import Stores
from streams.transactions import NOBODY, Record, Transactions, partition_of
from streams.writer import BATCHES_HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from redis.asyncio import Redis

    from agents.customers import CustomerFold
    from bench.harness.lives import State
    from bench.harness.stand import Stand

APP = "size"
SOURCE = "size-purchases"
INCARNATION = "0123456789abcdef"  # as long as those that partitions draw
BUSY_RECORDS = 200  # changes that share a transaction when a thousand or more come in a second
TRIES = 3
SETTLE_S = 1.0
ALONE_MAX = 500  # of them take a second or two
PUSHED = 2_000  # views at once, far fewer than what the read model lets gather


class UnwrittenError(Exception):
    """Not every customer has come to where it was to be kept."""


class Footprint(NamedTuple):
    """Bytes a customer: the median of encoded states, and means over all of a group.

    Attributes:
        changelog: A change in Kafka's log, compressed, in a transaction with many others; key and own records in it.
        alone: The same in a transaction of its own, its commit marker included.
        store: In RocksDB, compacted.
        redis: With key, profile and all that Redis needs to find it.
    """

    customers: int
    state_median: float
    state_mean: float
    state_most: float
    changelog: float
    alone: float
    store: float
    redis: float


async def footprint(ground: Stand, agent: CustomerFold, states: Sequence[State], tick: int, name: str) -> Footprint:
    """Keep *states* everywhere as a worker would, and look how large that is; *name* is that of the group."""
    sizes = [len(value) for _, value in states]
    some = states[:ALONE_MAX]
    return Footprint(
        len(states),
        median(sizes),
        mean(sizes),
        max(sizes),
        await _changelog(ground, agent, states, tick, topic=f"{APP}-{name}", together=BUSY_RECORDS) / len(states),
        await _changelog(ground, agent, some, tick, topic=f"{APP}-{name}-alone", together=1) / len(some),
        _store(ground.folder / "footprint", agent, states, tick) / len(states),
        await _redis(ground, agent, states, tick) / len(states),
    )


async def _changelog(
    ground: Stand, agent: CustomerFold, states: Sequence[State], tick: int, *, topic: str, together: int
) -> int:
    for number in range(TRIES):
        name = f"{topic}-try{number}"
        await ground.cluster.create([name], compacted=True)
        transactions = Transactions(KafkaSettings(bootstrap=ground.cluster.bootstrap), APP, name)
        await transactions.start([SOURCE, name])
        try:
            size = await _written(ground, transactions, name, states, own=_own(agent, tick), together=together)
        finally:
            await transactions.stop()
        if size is not None:
            return size
    message = f"every transaction of {topic} would have to succeed at once"
    raise UnwrittenError(message)


async def _written(
    ground: Stand, transactions: Transactions, topic: str, states: Sequence[State], *, own: bytes, together: int
) -> int | None:
    """Write *states*; return by how many bytes the log grew, or None where there is more in it than that."""
    count = ground.cluster.partitions
    headers = ((BATCHES_HEADER, orjson.dumps([(SOURCE, 0, together)])),)
    await transactions.fence(range(count))
    # Whether everybody knows of a new topic shows with the first write: what fails then is not to count.
    first = [Record(topic, number, OWN_KEY, own, headers) for number in range(count)]
    await transactions.commit(first, {TopicPartition(SOURCE, 0): 0}, NOBODY)
    await asyncio.sleep(SETTLE_S)
    ended, size = await _end(transactions, topic, count), _log_bytes(ground.folder, topic)
    for start in range(0, len(states), together):
        records = [
            Record(topic, partition_of(key, count), key, value) for key, value in states[start : start + together]
        ]
        touched = sorted({record.partition for record in records})
        records += [Record(topic, number, OWN_KEY, own, headers) for number in touched]
        await transactions.commit(records, {TopicPartition(SOURCE, 0): start}, NOBODY)
        ended += len(records) + len(touched)  # a marker at the end of the transaction in each
    # The markers are written after the commit is answered. A transaction that was made again leaves the first attempt.
    await asyncio.sleep(SETTLE_S)
    return _log_bytes(ground.folder, topic) - size if await _end(transactions, topic, count) == ended else None


async def _end(transactions: Transactions, topic: str, count: int) -> int:
    return sum((await transactions.ends(topic, range(count))).values())


def _log_bytes(folder: Path, topic: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(f"{topic}-[0-9]*/*.log"))


def _store(folder: Path, agent: CustomerFold, states: Sequence[State], tick: int) -> int:
    stores = Stores(folder)
    partition = Partition(0, 1, stores.open(0, 1))
    records: list[tuple[int, bytes, bytes | None]] = [(n, key, value) for n, (key, value) in enumerate(states)]
    partition.recover([*records, (len(states), OWN_KEY, _own(agent, tick))])
    partition.close()
    path = stores.folder / "partition-0"
    options, _ = Options.load_latest(str(path))
    opened = Rdict(str(path), options)  # as the store left it: nobody has to compact while a worker is at work
    opened.compact_range(None, None)
    opened.close()
    stores.close()
    size = sum(file.stat().st_size for kind in ("*.sst", "*.blob") for file in path.glob(kind))
    shutil.rmtree(folder)
    return size


async def _redis(ground: Stand, agent: CustomerFold, states: Sequence[State], tick: int) -> int:
    settings = RedisSettings(url=ground.redis_url)
    client = connect(settings)
    used = []
    for _ in range(2):  # the first time for what Redis needs but once: it compiles the script, and takes some memory
        await client.flushall()
        await asyncio.sleep(SETTLE_S)
        before = await _used(client)
        readmodel = ReadModel(connect(settings), APP, APP)
        await readmodel.positions([0])
        await readmodel.take_over({0: INCARNATION})
        readmodel.start()
        for start in range(0, len(states), PUSHED):
            readmodel.push(0, start, [agent.view(value, tick) for _, value in states[start : start + PUSHED]])
            await readmodel.drained()
        await readmodel.stop()
        await asyncio.sleep(SETTLE_S)  # until the buffers of its connection are given back
        used.append(await _used(client) - before)
    held = await client.dbsize()
    await client.aclose()
    if held != len(states) + 1:  # one key is the position's
        message = f"Redis holds {held} keys for {len(states)} customers"
        raise UnwrittenError(message)
    return used[-1]


async def _used(client: Redis) -> int:
    return int((await client.info("memory"))["used_memory"])


def _own(agent: CustomerFold, tick: int) -> bytes:
    return msgspec.msgpack.encode(PartitionRecord(FORMAT, tick, agent.policy, INCARNATION, agent.state_format))
