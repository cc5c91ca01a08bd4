"""All that a run left behind (inputs, outputs, changelog, offsets, Redis, local stores), read by clients of our own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from redis.asyncio import Redis
from rocksdict import AccessType, Options, Rdict

from schemas.topics import Lane, Role, lane_topics
from streams.store import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.settings import Settings

READING_S: Final = 60.0
COMMITTED: Final = "read_committed"
UNCOMMITTED: Final = "read_uncommitted"
OUTPUTS: Final = tuple(topic.name for topic in lane_topics(Lane.CUSTOMERS, Role.OUTPUT))

Record: TypeAlias = ConsumerRecord[bytes, Any]
Place: TypeAlias = tuple[str, int]  # topic, partition


class StoreImage(NamedTuple):
    """A local store as it lies on disk, its worker gone.

    Attributes:
        name: Of its folder, for a person.
        offset: Of the partition's own record up to which it says that it covers the changelog; -1 for none.
        own: That record's value as the store remembers it.
        due: Its index of deadlines: pairs of deadline and key.
    """

    name: str
    partition: int
    offset: int
    own: bytes
    values: dict[bytes, bytes]
    due: set[tuple[int, bytes]]


@dataclass
class Logs:
    """What is read committed, by topic and partition in the order of offsets; and what stands beside Kafka.

    Attributes:
        redis: Version and encoded state by customer.
        stores: Local stores of all workers that there were.
    """

    inputs: dict[Place, list[Record]]
    outputs: list[Record]
    changelog: dict[int, list[Record]]
    committed: dict[Place, int]
    ends: dict[Place, int]
    redis: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    stores: list[StoreImage] = field(default_factory=list)


async def read_logs(settings: Settings, topics: Iterable[str]) -> Logs:
    """Read everything, the inputs being *topics*; workers have stopped."""
    inputs, changelog = tuple(topics), changelog_of(settings)
    found = await read_topics(settings, [*inputs, *OUTPUTS, changelog])
    committed, ends = await positions(settings, inputs)
    return Logs(
        inputs={place: records for place, records in found.items() if place[0] in inputs},
        outputs=[record for place, records in found.items() if place[0] in OUTPUTS for record in records],
        changelog={place[1]: records for place, records in found.items() if place[0] == changelog},
        committed=committed,
        ends=ends,
        redis=await read_redis(settings),
        stores=read_stores(settings.data),
    )


def changelog_of(settings: Settings) -> str:
    """Return the name of the customers' changelog."""
    return f"{settings.app}-{Lane.CUSTOMERS}-changelog"


async def read_topics(
    settings: Settings, topics: Iterable[str], isolation: str = COMMITTED, until: str = UNCOMMITTED
) -> dict[Place, list[Record]]:
    """Read *topics* from the first record to where they end for a reader of isolation *until*.

    So by default a transaction that is open is waited for; with *until* committed what is before it is read.
    """
    tps = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]
    reader = AIOKafkaConsumer(
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=4 << 20,
        **settings.kafka.client_options(),
    )
    found: defaultdict[Place, list[Record]] = defaultdict(list)
    await reader.start()
    try:
        reader.assign(tps)
        await reader.seek_to_beginning(*tps)
        ends = await ends_of(settings, tps, until)
        async with asyncio.timeout(READING_S):  # an open transaction that nobody ends would hold it up for ever
            while any([await reader.position(tp) < ends[tp] for tp in tps]):
                for tp, records in (await reader.getmany(timeout_ms=200)).items():
                    found[tp.topic, tp.partition] += records
    finally:
        await reader.stop()
    return found


async def ends_of(
    settings: Settings, tps: list[TopicPartition], isolation: str = UNCOMMITTED
) -> dict[TopicPartition, int]:
    """Return where *tps* end; read committed, that is where their first open transaction begins."""
    asker = AIOKafkaConsumer(isolation_level=isolation, enable_auto_commit=False, **settings.kafka.client_options())
    await asker.start()
    try:
        ends: dict[TopicPartition, int] = await asker.end_offsets(tps)
        return ends
    finally:
        await asker.stop()


async def positions(settings: Settings, topics: Iterable[str]) -> tuple[dict[Place, int], dict[Place, int]]:
    """Return what the group has committed (0 where nothing) and where *topics* end."""
    tps = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]
    admin = AIOKafkaAdminClient(**settings.kafka.client_options())
    await admin.start()
    try:
        async with asyncio.timeout(READING_S):
            told = await _group_offsets(admin, settings.app, tps)
    finally:
        await admin.close()
    ends = await ends_of(settings, tps)
    committed = {(tp.topic, tp.partition): max(told[tp].offset, 0) if tp in told else 0 for tp in tps}
    return committed, {(tp.topic, tp.partition): ends[tp] for tp in tps}


async def _group_offsets(
    admin: AIOKafkaAdminClient, group: str, tps: list[TopicPartition]
) -> dict[TopicPartition, Any]:
    while True:
        try:
            found: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=tps)
        except GroupCoordinatorNotAvailableError:  # nobody has asked for the group before, or the broker just came back
            await asyncio.sleep(0.2)
        else:
            return found


async def read_redis(settings: Settings) -> dict[bytes, tuple[int, bytes]]:
    """Return version and encoded state of every customer that Redis shows."""
    redis = Redis.from_url(settings.redis.url)
    try:
        keys = [key async for key in redis.scan_iter(match="cx:customer:*", count=1_000)]
        pipeline = redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(key, ["version", "state"])
        found = await pipeline.execute()
    finally:
        await redis.aclose()
    return {
        key.removeprefix(b"cx:customer:"): (int(version or -1), state or b"")
        for key, (version, state) in zip(keys, found, strict=True)
    }


def read_stores(data: Path) -> list[StoreImage]:
    """Return the local stores below a worker's *data* folder."""
    return [_read_store(path) for path in sorted(data.glob("worker/*/*/*/partition-*"))]


def _read_store(path: Path) -> StoreImage:
    # Its layout is known here a second time, on purpose: a reader that shares code shares mistakes.
    db = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
    entries = dict(cast("Iterator[tuple[bytes, bytes]]", db.items()))
    db.close()
    mark = msgspec.msgpack.decode(entries[b"\x00mark"], type=Mark) if b"\x00mark" in entries else Mark(0, -1, b"", 0.0)
    return StoreImage(
        name=f"{path.parent.name}/{path.name}",
        partition=int(path.name.removeprefix("partition-")),
        offset=mark.offset,
        own=mark.own,
        values={key[1:]: value for key, value in entries.items() if key[:1] == b"\x01"},
        due={(int.from_bytes(key[1:9]), key[9:]) for key in entries if key[:1] == b"\x02"},
    )
