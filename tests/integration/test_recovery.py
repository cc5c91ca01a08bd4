"""Recovery on a real Kafka: from nothing, from a store, from a store that must not be believed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from streams import recovery
from streams.meter import Silent
from streams.partition import FORMAT, Partition, PartitionFormatError, PartitionRecord
from streams.store import Stores
from streams.writer import Folded
from tests.integration.rig import PATIENCE_S, Rig, until, value

SHORTLY_S = 0.3


@pytest.fixture
async def rig(bootstrap: str, unique: str, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(bootstrap, unique, tmp_path)
    await made.make_topics()
    yield made
    await made.close()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path / "stores")
    yield made
    made.close()


async def write(rig: Rig, own: bytes, *batches: Folded) -> None:
    """Write *batches*, each in a transaction, with *own* as the partition's record."""
    writer = await rig.writer()
    for batch in batches:
        batch.own_record = own
        writer.put(0, batch)
        await until(lambda: writer.is_idle(0))
    assert await writer.stop(5)


def own_record() -> bytes:
    """Return an own record of a new incarnation."""
    return msgspec.msgpack.encode(PartitionRecord(FORMAT, 7, "hash", secrets.token_hex(8), 1))


async def end_of(rig: Rig) -> int:
    """Return the end of the changelog's partition 0, control records and aborted ones included."""
    reader = await rig.transactions(0)
    return (await reader.ends(rig.changelog, [0]))[0]


def held(partition: Partition) -> dict[bytes, bytes | None]:
    return {key: partition.encoded(key) for key in partition.keys()}  # noqa: SIM118  # no mapping


async def test_the_newest_state_is_read_past_control_records_and_tombstones(rig: Rig, stores: Stores) -> None:
    first, second = rig.folded(0), rig.folded(1)
    first.effects.changed |= {b"mai": value("mai"), b"gone": value("gone")}
    second.effects.changed[b"gone"] = None
    await write(rig, own_record(), first, second)
    partition = rig.partition(stores)
    result = await rig.recover(partition, told=rig.commits[0].offset)
    assert held(partition) == {b"lan": value("state-1"), b"mai": value("mai")}
    assert (partition.tick, partition.policy, partition.state_format) == (7, "hash", 1)
    assert result == (rig.commits[1].offset, {b"lan", b"gone"})  # committed after the read model was last told
    partition.close()


class Told(Silent):
    """A meter that remembers."""

    def __init__(self) -> None:
        self.remaining: list[int] = []
        self.records = -1

    def recovering(self, remaining: Mapping[int, int]) -> None:
        self.remaining.append(remaining[0])

    def recovered(self, records: int, seconds: float) -> None:
        assert seconds > 0
        self.records = records


async def test_recovery_tells_how_much_is_before_it_until_nothing_is(rig: Rig, stores: Stores) -> None:
    await write(rig, own_record(), rig.folded(0), rig.folded(1))
    told = Told()
    partition = rig.partition(stores)
    await rig.recover(partition, meter=told)
    # Two transactions of a state, the own record and a control record; more where one had to be made again.
    assert told.remaining[0] == await end_of(rig) >= 6
    assert told.remaining == sorted(told.remaining, reverse=True)
    assert (told.remaining[-1], told.records) == (0, 4)
    partition.close()


async def test_an_empty_changelog_recovers_to_nothing(rig: Rig, stores: Stores) -> None:
    partition = rig.partition(stores)
    assert await rig.recover(partition) == (-1, set())
    assert held(partition) == {}
    partition.close()


async def begun(rig: Rig, transactional_id: str) -> AIOKafkaProducer:
    """Return a producer with a transaction open on the changelog."""
    producer = AIOKafkaProducer(transactional_id=transactional_id, **rig.kafka.client_options())
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(rig.changelog, value("open"), key=b"open", partition=0)
    return producer


async def test_what_was_aborted_is_not_seen_and_may_be_the_end(rig: Rig, stores: Stores) -> None:
    await write(rig, own_record(), rig.folded(0))
    producer = await begun(rig, f"{rig.prefix}-other")
    await producer.abort_transaction()
    await producer.stop()
    partition = rig.partition(stores)
    assert await rig.recover(partition) == (rig.commits[0].offset, {b"lan"})
    assert held(partition) == {b"lan": value("state-0")}
    partition.close()


async def test_nothing_but_what_was_aborted_is_nothing(rig: Rig, stores: Stores) -> None:
    producer = await begun(rig, f"{rig.prefix}-other")
    await producer.abort_transaction()
    await producer.stop()
    partition = rig.partition(stores)
    assert await rig.recover(partition) == (-1, set())
    assert held(partition) == {}
    partition.close()


async def test_what_a_predecessor_has_open_under_our_id_is_ended_and_not_seen(rig: Rig, stores: Stores) -> None:
    producer = await begun(rig, f"{rig.prefix}-lane-0")
    partition = rig.partition(stores)
    assert await rig.recover(partition) == (-1, set())
    assert held(partition) == {}
    partition.close()
    await producer._sender.close()  # noqa: SLF001  # it is dead: it neither commits nor aborts
    await producer.client.close()
    producer._closed = True  # noqa: SLF001


@pytest.mark.parametrize("commits", [True, False])
async def test_what_a_predecessor_of_several_numbers_has_open_is_waited_for(
    rig: Rig, stores: Stores, *, commits: bool
) -> None:
    producer = await begun(rig, f"{rig.prefix}-lane-1")  # whoever takes number 1 over ends it, soon
    partition = rig.partition(stores)
    recovering = asyncio.create_task(rig.recover(partition))
    await asyncio.wait({recovering}, timeout=SHORTLY_S)
    assert not recovering.done()
    await (producer.commit_transaction() if commits else producer.abort_transaction())
    await asyncio.wait_for(recovering, PATIENCE_S)
    assert held(partition) == ({b"open": value("open")} if commits else {})
    partition.close()
    await producer.stop()


async def test_from_a_store_only_the_tail_is_read(rig: Rig, stores: Stores) -> None:
    own = own_record()
    await write(rig, own, rig.folded(0, b"lan"))
    partition = rig.partition(stores)
    await rig.recover(partition)
    partition.committed({b"ours": value("kept")}, None, 0)  # tells the store from the log
    partition.close()
    await write(rig, own, rig.folded(1, b"mai"))
    partition = rig.partition(stores)
    result = await rig.recover(partition, told=rig.commits[0].offset)
    assert held(partition) == {b"lan": value("state-0"), b"mai": value("state-1"), b"ours": value("kept")}
    assert result.unseen == {b"mai"}
    partition.close()


async def test_a_store_that_is_ahead_of_its_changelog_is_made_again(rig: Rig, stores: Stores) -> None:
    await write(rig, own_record(), rig.folded(0, b"lan"))
    partition = rig.partition(stores)
    await rig.recover(partition)
    partition.committed({b"lan": value("ahead")}, own_record(), 1_000)
    partition.close()
    partition = rig.partition(stores)
    await rig.recover(partition)
    assert held(partition) == {b"lan": value("state-0")}
    partition.close()


async def test_a_store_of_another_changelog_is_made_again(rig: Rig, stores: Stores) -> None:
    partition = rig.partition(stores)
    partition.committed({b"lan": value("of another cluster")}, own_record(), 1)
    partition.close()
    await write(rig, own_record(), rig.folded(0, b"mai"), rig.folded(1, b"mai"))
    partition = rig.partition(stores)
    result = await rig.recover(partition)
    assert held(partition) == {b"mai": value("state-1")}
    assert result.last == rig.commits[-1].offset
    partition.close()


@pytest.mark.parametrize("aborted", [False, True], ids=["a control record", "an aborted record"])
async def test_a_store_whose_mark_falls_on_what_is_never_read_is_of_another_changelog(
    rig: Rig, stores: Stores, *, aborted: bool
) -> None:
    await write(rig, own_record(), rig.folded(0, b"lan"))
    if aborted:
        producer = await begun(rig, f"{rig.prefix}-other")
        await producer.abort_transaction()
        await producer.stop()
    partition = rig.partition(stores)
    partition.committed({b"foreign": value("state")}, own_record(), await end_of(rig) - 1 - aborted)
    partition.close()
    partition = rig.partition(stores)
    result = await rig.recover(partition, told=rig.commits[0].offset)
    assert held(partition) == {b"lan": value("state-0")}
    assert result == (rig.commits[0].offset, {b"lan"}), "what the read model has is of the other one as well"
    partition.close()


async def test_a_store_that_ends_before_the_changelog_begins_is_made_again(rig: Rig, stores: Stores) -> None:
    own = own_record()
    await write(rig, own, rig.folded(0, b"lan"))
    partition = rig.partition(stores)
    await rig.recover(partition)
    partition.close()
    await write(rig, own, rig.folded(1, b"mai"), rig.folded(2, b"mai"))
    before = RecordsToDelete(before_offset=rig.commits[1].offset)
    async with rig.admin() as admin:
        await admin.delete_records({TopicPartition(rig.changelog, 0): before})
    partition = rig.partition(stores)
    await rig.recover(partition)
    assert held(partition) == {b"mai": value("state-2")}
    partition.close()


async def test_a_store_whose_own_record_was_compacted_away_is_known_by_its_incarnation(
    rig: Rig, stores: Stores
) -> None:
    own = own_record()
    await write(rig, own, rig.folded(0, b"lan"))
    partition = rig.partition(stores)
    await rig.recover(partition)
    marker = rig.commits[0].offset + 1  # where no record is, as after compaction
    partition.committed({b"ours": value("kept")}, own, marker)
    partition.close()
    await write(rig, own, rig.folded(1, b"mai"))
    partition = rig.partition(stores)
    await rig.recover(partition)
    assert held(partition) == {b"lan": value("state-0"), b"mai": value("state-1"), b"ours": value("kept")}
    partition.committed({b"foreign": value("state")}, own_record(), marker)
    partition.close()
    partition = rig.partition(stores)
    await rig.recover(partition)
    assert held(partition) == {b"lan": value("state-0"), b"mai": value("state-1")}
    partition.close()


async def test_a_partition_that_begins_anew_holds_no_other_up_and_disturbs_none(rig: Rig, stores: Stores) -> None:
    owns = [own_record(), own_record()]
    writer = await rig.writer()
    for number in (0, 1):
        for offset in range(3):
            writer.put(number, rig.folded(offset, b"lan", partition=number, own=owns[number]))
    assert await writer.stop(PATIENCE_S)
    partitions = {number: rig.partition(stores, number) for number in (0, 1)}
    last = {written.number: written.offset for written in rig.commits}
    partitions[0].committed({b"foreign": value("state")}, own_record(), last[0])
    partitions[1].committed({b"ours": value("kept")}, owns[1], last[1])
    ends = await (await rig.transactions()).ends(rig.changelog, [0, 1])
    found = await recovery.recover(rig.kafka, rig.changelog, partitions, {}, ends)
    assert held(partitions[0]) == {b"lan": value("state-2")}
    assert held(partitions[1]) == {b"ours": value("kept")}, "nothing before its end is read"
    assert {number: one.last for number, one in found.items()} == last
    for partition in partitions.values():
        partition.close()


async def test_an_own_record_of_another_format_is_not_read_over(rig: Rig, stores: Stores) -> None:
    await write(rig, b"\x91\x63", rig.folded(0))
    partition = rig.partition(stores)
    with pytest.raises(PartitionFormatError):
        await rig.recover(partition)
    assert held(partition) == {}
    partition.close()


# What the read model lacks


async def test_where_the_read_model_is_behind_the_store_it_lacks_any_key(rig: Rig, stores: Stores) -> None:
    own = own_record()
    await write(rig, own, rig.folded(0, b"lan"), rig.folded(1, b"mai"))
    partition = rig.partition(stores)
    await rig.recover(partition)
    partition.close()
    told = [rig.commits[1].offset, rig.commits[1].offset - 1, -1]
    unseen = []
    for offset in told:
        partition = rig.partition(stores)
        unseen.append((await rig.recover(partition, offset)).unseen)
        partition.close()
    assert unseen == [set(), None, None]


async def test_a_read_model_that_is_ahead_of_the_changelog_was_written_from_another_one(
    rig: Rig, stores: Stores
) -> None:
    await write(rig, own_record(), rig.folded(0, b"lan"), rig.folded(1, b"mai"))
    partition = rig.partition(stores)
    assert (await rig.recover(partition, told=1_000)).unseen == {b"lan", b"mai"}
    partition.close()


async def test_a_read_model_that_was_written_from_the_other_changelog_lacks_everything(
    rig: Rig, stores: Stores
) -> None:
    await write(rig, own_record(), rig.folded(0, b"lan"), rig.folded(1, b"mai"))
    partition = rig.partition(stores)
    partition.committed({b"lan": value("of another cluster")}, own_record(), 1)
    partition.close()
    partition = rig.partition(stores)  # as a worker does that starts: it knows the incarnation by the store
    assert (await rig.recover(partition, told=rig.commits[1].offset)).unseen == {b"lan", b"mai"}
    partition.close()


async def test_too_many_keys_that_the_read_model_lacks_mean_all(
    rig: Rig, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "UNSEEN_MAX", 2)
    await write(rig, own_record(), *(rig.folded(n, f"{n}".encode()) for n in range(3)))
    partition = rig.partition(stores)
    assert (await rig.recover(partition)).unseen is None
    partition.reset()
    assert (await rig.recover(partition, told=rig.commits[0].offset)).unseen == {b"1", b"2"}
    partition.close()
