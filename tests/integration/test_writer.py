"""The writer on a real Kafka: one transaction a group, order kept, zombies fenced, refusals abort."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from streams.effects import Effects, Outgoing, View
from streams.partition import OWN_KEY, Partition
from streams.recovery import recover
from streams.settings import KafkaSettings
from streams.writer import Folded, Writer

NEVER = (1 << 63) - 1
PATIENCE_S = 30.0


def value(text: str) -> bytes:
    return NEVER.to_bytes(8) + text.encode()


class Rig:
    """Topics of one test, and what its writer tells."""

    def __init__(self, kafka: KafkaSettings, prefix: str) -> None:
        self.kafka, self.prefix = kafka, prefix
        self.source, self.out, self.changelog = f"{prefix}.in", f"{prefix}.out", f"{prefix}-changelog"
        self.commits: list[tuple[int, int, list[View]]] = []
        self.failures: list[BaseException] = []

    async def make_topics(self, **config: str) -> None:
        admin = AIOKafkaAdminClient(**self.kafka.client_options())
        await admin.start()
        names = (self.source, self.out, self.changelog)
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs=config) for name in names])
        await admin.close()

    def writer(self, number: int = 0) -> Writer:
        return Writer(
            self.kafka,
            group=self.prefix,
            lane="customers",
            number=number,
            changelog=self.changelog,
            on_commit=lambda number, offset, views: self.commits.append((number, offset, views)),
            on_failure=lambda _, error: self.failures.append(error),
        )

    async def read(self, topic: str) -> list[Any]:
        """Return what a read-committed reader sees, once writers have stopped."""
        # A commit is answered before its markers are everywhere; whoever takes over the id waits for that.
        settled = self.writer()
        await settled.start()
        await settled.stop(5)
        reader = AIOKafkaConsumer(
            isolation_level="read_committed", auto_offset_reset="earliest", **self.kafka.client_options()
        )
        await reader.start()
        tps = [TopicPartition(topic, number) for number in range(2)]
        reader.assign(tps)
        ends = await reader.end_offsets(tps)
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_S):
            while any([await reader.position(tp) < ends[tp] for tp in tps]):
                for records in (await reader.getmany(timeout_ms=100)).values():
                    found += records
        await reader.stop()
        return found

    async def committed(self) -> int | None:
        reader = AIOKafkaConsumer(group_id=self.prefix, enable_auto_commit=False, **self.kafka.client_options())
        await reader.start()
        offset: int | None = await reader.committed(TopicPartition(self.source, 0))
        await reader.stop()
        return offset


@pytest.fixture
async def rig(bootstrap: str, unique: str) -> Rig:
    made = Rig(KafkaSettings(bootstrap=bootstrap), unique)
    await made.make_topics()
    return made


def folded(rig: Rig, number: int, key: bytes = b"lan") -> Folded:
    effects = Effects(
        outputs=[Outgoing(rig.out, key, f"out-{number}".encode())],
        changed={key: value(f"state-{number}")},
        views=[View(key.decode(), number, value(f"state-{number}"), lambda: b"{}")],
    )
    return Folded(effects, {rig.source: number + 1}, [(rig.source, number, number)], b"own")


async def wait_idle(writer: Writer) -> None:
    await until(lambda: writer.idle)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  # what is waited for belongs to the code under test, and has no event
            await asyncio.sleep(0.005)


async def test_outputs_state_and_offsets_become_visible_together_and_in_order(rig: Rig) -> None:
    writer = rig.writer()
    await writer.start()
    for number in range(100):
        writer.put(folded(rig, number))
    await wait_idle(writer)
    assert await writer.stop(5)
    outputs = await rig.read(rig.out)
    assert [record.value for record in outputs] == [f"out-{number}".encode() for number in range(100)]
    logged = await rig.read(rig.changelog)
    states = [record.value for record in logged if record.key == b"lan"]
    assert states[-1] == value("state-99")
    assert len(states) < 100  # batches that waited shared a transaction
    assert await rig.committed() == 100
    assert rig.commits[-1][2][0].version == 99
    assert rig.failures == []


async def test_each_transaction_lists_its_batches_in_the_order_of_folding(rig: Rig) -> None:
    writer = rig.writer()
    await writer.start()
    for number in range(20):
        writer.put(folded(rig, number))
    await wait_idle(writer)
    await writer.stop(5)
    own = [record for record in await rig.read(rig.changelog) if record.key == OWN_KEY]
    batches = [batch for record in own for batch in json.loads(dict(record.headers)["cx-batches"])]
    assert batches == [[rig.source, number, number] for number in range(20)]


async def test_a_predecessor_that_wakes_up_can_add_nothing(rig: Rig) -> None:
    zombie = rig.writer()
    await zombie.start()
    zombie.put(folded(rig, 0))
    await wait_idle(zombie)
    successor = rig.writer()
    await successor.start()
    zombie.put(folded(rig, 1))
    await until(lambda: rig.failures)
    successor.put(folded(rig, 5))
    await wait_idle(successor)
    await asyncio.gather(zombie.stop(2), successor.stop(5))
    assert [record.value for record in await rig.read(rig.out)] == [b"out-0", b"out-5"]
    assert await rig.committed() == 6


async def test_a_record_that_is_refused_takes_the_whole_group_with_it(bootstrap: str, unique: str) -> None:
    rig = Rig(KafkaSettings(bootstrap=bootstrap), unique)
    await rig.make_topics(**{"max.message.bytes": "2000"})
    writer = rig.writer()
    await writer.start()
    writer.put(folded(rig, 0))
    await wait_idle(writer)
    large = folded(rig, 1)
    # Random enough that lz4 does not make it small.
    large.effects.changed[b"mai"] = bytes((n * n * 31 + n // 7) % 251 for n in range(8_000))
    writer.put(large)
    await until(lambda: rig.failures)
    await writer.stop(2)
    assert isinstance(rig.failures[0], KafkaError)
    assert [record.value for record in await rig.read(rig.out)] == [b"out-0"]
    assert await rig.committed() == 1


async def test_recovery_reads_the_newest_state_past_control_records_tombstones_and_empty_partitions(rig: Rig) -> None:
    writer = rig.writer()
    await writer.start()
    own = Partition(0, 2, {})
    own.tick = 7
    first = folded(rig, 0)
    first.effects.changed |= {b"mai": value("mai"), b"gone": value("gone")}
    first.own_record = own.own_record("hash")
    writer.put(first)
    await wait_idle(writer)
    second = folded(rig, 1)
    second.effects.changed[b"gone"] = None
    second.own_record = None
    writer.put(second)
    await wait_idle(writer)
    await writer.stop(5)

    partitions = {number: Partition(number, 2, {}) for number in range(2)}
    seen_until = rig.commits[0][1]
    result = await recover(rig.kafka, rig.changelog, partitions, {0: seen_until, 1: -1})
    state = partitions[0]
    assert {key: state.encoded(key) for key in list(state.keys())} == {b"lan": value("state-1"), b"mai": value("mai")}
    assert (state.tick, state.policy, len(partitions[1])) == (7, "hash", 0)
    assert result[0][1] == {b"lan", b"gone"}  # what was committed after the read model was last told
    assert result[1] == (-1, set())


async def test_recovery_does_not_see_what_was_aborted(rig: Rig) -> None:
    producer = AIOKafkaProducer(transactional_id=f"{rig.prefix}-other", **rig.kafka.client_options())
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(rig.changelog, value("never"), key=b"lan", partition=0)
    await producer.abort_transaction()
    await producer.stop()
    partitions = {0: Partition(0, 2, {})}
    await recover(rig.kafka, rig.changelog, partitions, {})
    assert len(partitions[0]) == 0


async def test_what_is_pending_is_committed_before_a_writer_stops(rig: Rig) -> None:
    writer = rig.writer()
    await writer.start()
    for number in range(50):
        writer.put(folded(rig, number))
    assert await writer.stop(20)
    assert await rig.committed() == 50


async def test_the_fold_waits_when_too_much_is_pending(rig: Rig) -> None:
    writer = rig.writer()
    await writer.start()
    for number in range(64):
        writer.put(folded(rig, number))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.room(), 0)
    await asyncio.wait_for(writer.room(), PATIENCE_S)
    await wait_idle(writer)
    await writer.stop(5)
