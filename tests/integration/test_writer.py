"""The writer on a real Kafka: one transaction a group, order kept, nothing without offsets, refusals abort."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from streams.effects import RECORD_BYTES_MAX, Effects, Outgoing
from streams.partition import OWN_KEY
from streams.transactions import RefusedError
from streams.writer import BATCHES_HEADER, PENDING_RECORDS_MAX, Folded
from tests.integration.rig import PATIENCE_S, Rig, until, value


@pytest.fixture
async def rig(bootstrap: str, unique: str, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(bootstrap, unique, tmp_path)
    await made.make_topics()
    yield made
    await made.close()


async def test_outputs_state_and_offsets_become_visible_together_and_in_order(rig: Rig) -> None:
    writer = await rig.writer()
    for number in range(100):
        writer.put(0, rig.folded(number))
    await until(lambda: writer.is_idle(0))
    assert await writer.stop(5)
    assert await rig.values(rig.out) == [f"out-{number}".encode() for number in range(100)]
    logged = await rig.read(rig.changelog)
    states = [record.value for record in logged if record.key == b"lan"]
    assert states[-1] == value("state-99")
    assert len(states) < 100  # batches that waited shared a transaction
    assert await rig.committed() == 100
    last = rig.commits[-1]
    assert (last.views[0].version, last.changed, last.own_record) == (99, {b"lan": value("state-99")}, b"own")
    assert last.offset == logged[-1].offset
    assert logged[-1].key == OWN_KEY
    assert rig.failures == []


async def test_each_partition_lists_its_batches_in_the_order_of_folding(rig: Rig) -> None:
    writer = await rig.writer()
    for number in range(20):
        writer.put(number % 2, rig.folded(number, partition=number % 2))
    await until(lambda: writer.is_idle(0) and writer.is_idle(1))
    await writer.stop(5)
    own = [record for record in await rig.read(rig.changelog) if record.key == OWN_KEY]
    for partition in (0, 1):
        headers = [dict(record.headers)[BATCHES_HEADER] for record in own if record.partition == partition]
        batches = [batch for header in headers for batch in orjson.loads(header)]
        assert batches == [[rig.source, number, number] for number in range(partition, 20, 2)]
    assert {written.number for written in rig.commits} == {0, 1}


async def test_a_refused_record_takes_the_whole_group_with_it(bootstrap: str, unique: str, tmp_path: Path) -> None:
    rig = Rig(bootstrap, unique, tmp_path)
    await rig.make_topics(**{"max.message.bytes": "2000"})
    writer = await rig.writer()
    writer.put(0, rig.folded(0))
    await until(lambda: writer.is_idle(0))
    large = rig.folded(1)
    # Random enough that lz4 does not make it small.
    large.effects.changed[b"mai"] = bytes((n * n * 31 + n // 7) % 251 for n in range(8_000))
    writer.put(0, large)
    writer.put(1, rig.folded(0, partition=1))
    await until(lambda: rig.failures)
    assert not await writer.stop(2)
    assert isinstance(rig.failures[0], RefusedError)
    assert (await rig.values(rig.out))[0] == b"out-0"
    assert b"out-1" not in await rig.values(rig.out)
    assert await rig.committed() == 1
    await rig.close()


async def test_a_record_as_large_as_the_lane_lets_through_is_taken_by_a_topic_with_kafkas_defaults(
    bootstrap: str, unique: str, tmp_path: Path
) -> None:
    rig = Rig(bootstrap, unique, tmp_path)
    await rig.make_topics(**{"max.message.bytes": "1048588"})
    writer = await rig.writer()
    large = rig.folded(0)
    left = RECORD_BYTES_MAX - len(b"lan")
    large.effects.outputs = [Outgoing(rig.out, b"lan", random.Random(7).randbytes(left), partition=0)]
    large.effects.changed = {b"lan": random.Random(8).randbytes(left)}
    large.effects.check_sizes()
    writer.put(0, large)
    await until(lambda: writer.is_idle(0) or rig.failures)
    await writer.stop(5)
    assert rig.failures == []
    assert [len(value) for value in await rig.values(rig.out)] == [left]
    await rig.close()


async def test_what_has_no_offset_of_its_own_goes_with_one_that_is_committed_already(rig: Rig) -> None:
    writer = await rig.writer()
    writer.put(0, rig.folded(6))
    await until(lambda: writer.is_idle(0))
    outputs = rig.folded(7).effects.outputs
    writer.put(0, Folded(Effects(outputs=outputs), {}))
    writer.put(1, Folded(Effects(outputs=outputs), {}))
    await until(lambda: writer.is_idle(0) and writer.is_idle(1))
    await writer.stop(5)
    assert (await rig.values(rig.out)).count(b"out-7") == 2
    assert await rig.committed(0) == 7
    assert await rig.committed(1) == 0


async def test_what_is_pending_is_committed_before_a_writer_stops(rig: Rig) -> None:
    writer = await rig.writer()
    for number in range(50):
        writer.put(0, rig.folded(number))
    assert await writer.stop(20)
    assert await rig.committed() == 50


async def test_the_fold_waits_when_too_much_is_pending(rig: Rig) -> None:
    writer = await rig.writer()
    many = rig.folded(0)
    many.effects.outputs *= PENDING_RECORDS_MAX
    writer.put(0, many)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.room(), 0)
    await asyncio.wait_for(writer.room(), PATIENCE_S)
    await until(lambda: writer.is_idle(0))
    await writer.stop(5)
    assert len(await rig.read(rig.out)) == PENDING_RECORDS_MAX
