"""What the writer makes of folds before Kafka gets them, and what becomes of it when Kafka does not take them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest
from aiokafka.structs import TopicPartition

from streams import writer as module
from streams.effects import Effects, Outgoing, Receipt, View
from streams.measured import Instants, Measured
from streams.meter import Silent
from streams.partition import OWN_KEY
from streams.transactions import Member, Record, ReplacedError
from streams.writer import BATCHES_HEADER, Folded, Writer, Written

MEMBER = Member("m1", 7)
CHANGELOG = "changelog"
COMMITTED = {TopicPartition(topic, number): -1 for topic in ("in", "other") for number in range(3)}
PATIENCE_S = 10.0


class Transactions:
    """Commits at once what comes while `open` is set, and keeps it; refuses with `error`."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.error: BaseException | None = None
        self.commits: list[tuple[list[Record], dict[TopicPartition, int], Member]] = []
        self.begun = self.aborted = 0

    async def partition_for(self, topic: str, key: bytes | None) -> int:
        del topic, key
        return 42

    async def commit(
        self, records: Sequence[Record], offsets: Mapping[TopicPartition, int], member: Member
    ) -> dict[TopicPartition, int]:
        self.begun += 1
        await self.open.wait()
        if self.error:
            raise self.error
        self.commits.append((list(records), dict(offsets), member))
        return {TopicPartition(record.topic, record.partition): 100 + at for at, record in enumerate(records)}

    async def abort(self) -> None:
        self.aborted += 1


class Rig:
    """A writer, what it is given to write with, and what it tells."""

    def __init__(self) -> None:
        self.transactions = Transactions()
        self.written: list[Written] = []
        self.failures: list[BaseException] = []
        below: Any = self.transactions
        self.writer = Writer(
            below,
            MEMBER,
            changelog=CHANGELOG,
            on_commit=self.written.append,
            on_failure=self.failures.append,
            committed=COMMITTED,
        )

    async def begin(self) -> None:
        """Let a first transaction be on its way, so that what is put now has to wait."""
        self.transactions.open.clear()
        self.writer.put(0, Folded(Effects(), {"in": 0}))
        await until(lambda: self.transactions.begun)

    async def one_transaction(self, *folds: tuple[int, Folded]) -> tuple[list[Record], dict[TopicPartition, int]]:
        """Return records and offsets of the transaction that *folds* share because it had to wait."""
        await self.begin()
        for number, folded in folds:
            self.writer.put(number, folded)
        self.transactions.open.set()
        await until(lambda: all(self.writer.is_idle(number) for number, _ in folds))
        assert len(self.transactions.commits) == 2
        records, offsets, member = self.transactions.commits[-1]
        assert member == MEMBER
        return records, offsets


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    made.writer.start()
    yield made
    await made.writer.stop(0)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  # what is waited for belongs to the code under test, and has no event
            await asyncio.sleep(0.001)


def folded(offset: int, *, topic: str = "in", key: bytes = b"lan", own: bytes | None = b"own") -> Folded:
    text = f"{topic}-{offset}".encode()
    return Folded(
        Effects(
            outputs=[Outgoing("out", key, text)],
            changed={key: text},
            views=[View(key.decode(), offset, text, 0)],
        ),
        {topic: offset + 1},
        [(topic, offset, offset)],
        own,
    )


async def test_folds_of_all_partitions_that_wait_share_a_transaction(rig: Rig) -> None:
    records, offsets = await rig.one_transaction(
        (0, folded(1, own=b"own 1")),
        (1, folded(5)),
        (0, folded(9, topic="other", own=b"own 2")),
        (0, folded(2, key=b"mai", own=b"own 3")),
    )
    outputs = [record.value for record in records if record.topic == "out"]
    assert outputs == [b"in-1", b"in-5", b"other-9", b"in-2"], "in the order of folding"
    assert offsets == {
        TopicPartition("in", 0): 3,
        TopicPartition("other", 0): 10,
        TopicPartition("in", 1): 6,
    }
    changelog = [record for record in records if record.topic == CHANGELOG]
    assert [(record.partition, record.key, record.value) for record in changelog] == [
        (0, b"lan", b"other-9"),  # the newest only
        (0, b"mai", b"in-2"),
        (0, OWN_KEY, b"own 3"),  # the last of its partition
        (1, b"lan", b"in-5"),
        (1, OWN_KEY, b"own"),
    ]
    batches = [orjson.loads(value) for record in changelog for name, value in record.headers if name == BATCHES_HEADER]
    assert batches == [[["in", 1, 1], ["other", 9, 9], ["in", 2, 2]], [["in", 5, 5]]]


async def test_each_partition_is_told_what_became_durable_of_it(rig: Rig) -> None:
    records, _ = await rig.one_transaction((0, folded(1)), (1, folded(5)), (0, folded(2)))
    first, second = rig.written[1:]
    assert (first.number, first.changed, first.own_record) == (0, {b"lan": b"in-2"}, b"own")
    assert [view.version for view in first.views] == [2], "the newest only"
    assert (second.number, second.changed) == (1, {b"lan": b"in-5"})
    owns = [100 + at for at, record in enumerate(records) if record.key == OWN_KEY]
    assert [first.offset, second.offset] == owns
    assert rig.writer.committed[TopicPartition("in", 0)] == 3


async def test_what_is_forgotten_is_shown_no_more_until_it_comes_back(rig: Rig) -> None:
    gone = Folded(Effects(changed={b"lan": None}), {"in": 3})
    await rig.one_transaction((0, folded(1)), (0, gone), (1, gone), (1, folded(5)))
    first, second = rig.written[1:]
    assert (first.changed, [view.state for view in first.views]) == ({b"lan": None}, [b""])
    assert (second.changed, [view.version for view in second.views]) == ({b"lan": b"in-5"}, [5])


async def test_outputs_go_where_their_fold_says_or_else_where_their_key_belongs(rig: Rig) -> None:
    outputs = [Outgoing("out", b"lan", b"a"), Outgoing("out", b"lan", b"b", (("name", b"value"),), 3)]
    records, _ = await rig.one_transaction((0, Folded(Effects(outputs=outputs), {"in": 5})))
    assert records == [
        Record("out", 42, b"lan", b"a"),
        Record("out", 3, b"lan", b"b", (("name", b"value"),)),
    ]
    assert rig.written[-1].offset == -1, "the changelog was not written to"


async def test_every_partition_that_is_written_for_has_an_offset_in_the_transaction(rig: Rig) -> None:
    """Else whoever takes it over would not wait for the transaction."""
    rig.writer.committed[TopicPartition("in", 2)] = 77
    effects = folded(1).effects
    _, offsets = await rig.one_transaction((1, folded(5)), (0, Folded(effects, {})), (2, Folded(effects, {})))
    assert offsets == {
        TopicPartition("in", 1): 6,
        TopicPartition("in", 0): 0,  # as committed just before
        TopicPartition("in", 2): 77,
    }


async def test_nothing_committed_yet_is_the_beginning(rig: Rig) -> None:
    _, offsets = await rig.one_transaction((1, Folded(folded(1).effects, {})))
    assert offsets == {TopicPartition("in", 1): 0}


async def test_a_transaction_takes_no_more_than_it_should_and_keeps_the_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_RECORDS_MAX", 7)
    rig.transactions.open.clear()
    for offset in range(10):
        rig.writer.put(0, folded(offset))  # three records each
    rig.transactions.open.set()
    await until(lambda: rig.writer.is_idle(0))
    sizes = [sum(record.topic == "out" for record in records) for records, _, _ in rig.transactions.commits]
    assert sizes == [3, 3, 3, 1]
    assert [offsets[TopicPartition("in", 0)] for _, offsets, _ in rig.transactions.commits] == [3, 6, 9, 10]


async def test_large_values_make_a_transaction_of_their_own(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP_BYTES_MAX", 1_000)
    for offset in range(4):
        large = folded(offset)
        large.effects.changed[b"mai"] = bytes(1_000)
        rig.writer.put(0, large)
    await until(lambda: rig.writer.is_idle(0))
    assert len(rig.transactions.commits) == 4


@pytest.mark.parametrize(("bound", "most"), [("PENDING_RECORDS_MAX", 6), ("PENDING_BYTES_MAX", 2 * folded(0).bytes)])
async def test_the_fold_waits_while_too_much_is_pending(
    rig: Rig, bound: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.begin()
    monkeypatch.setattr(module, bound, most)
    rig.writer.put(0, folded(0))
    await asyncio.wait_for(rig.writer.room(), PATIENCE_S)
    rig.writer.put(0, folded(1))
    waiting = asyncio.create_task(rig.writer.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    rig.transactions.open.set()
    await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_writer_that_stops_writes_what_is_pending(rig: Rig) -> None:
    for offset in range(3):
        rig.writer.put(0, folded(offset))
    assert await rig.writer.stop(PATIENCE_S)
    assert rig.transactions.commits[-1][1] == {TopicPartition("in", 0): 3}
    assert rig.transactions.aborted == 0


async def test_what_cannot_be_written_in_time_is_aborted_and_said(rig: Rig) -> None:
    rig.transactions.open.clear()
    rig.writer.put(0, folded(0))
    assert not await rig.writer.stop(0.01)
    rig.transactions.open.set()
    await asyncio.sleep(0)
    assert (rig.transactions.aborted, rig.transactions.commits, rig.written) == (1, [], [])


async def test_nobody_waits_for_room_in_a_writer_that_has_stopped(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that did would read no batch of any later assignment."""
    monkeypatch.setattr(module, "PENDING_RECORDS_MAX", 2)
    await rig.begin()
    rig.writer.put(0, folded(1))
    waiting = asyncio.create_task(rig.writer.room())
    assert not await rig.writer.stop(0.01)
    await asyncio.wait_for(waiting, PATIENCE_S)


@pytest.mark.parametrize("error", [ReplacedError("fenced"), ZeroDivisionError()])
async def test_a_failure_is_told_once_and_nothing_is_written_after_it(rig: Rig, error: Exception) -> None:
    rig.transactions.error = error
    rig.writer.put(0, folded(0))
    await until(lambda: rig.failures)
    rig.transactions.error = None
    rig.writer.put(0, folded(1))
    await asyncio.sleep(0.01)
    assert rig.failures == [error]
    assert (rig.transactions.commits, rig.transactions.aborted, rig.written) == ([], 1, [])
    assert not rig.writer.is_idle(0)


async def test_a_writer_that_failed_stops_at_once(rig: Rig) -> None:
    rig.transactions.error = ReplacedError("fenced")
    for offset in range(3):
        rig.writer.put(0, folded(offset))
    await until(lambda: rig.failures)
    rig.writer.put(0, folded(3))
    async with asyncio.timeout(PATIENCE_S / 2):
        assert not await rig.writer.stop(PATIENCE_S)


async def test_a_writer_that_fails_while_it_stops_has_stopped(rig: Rig) -> None:
    await rig.begin()
    stopping = asyncio.create_task(rig.writer.stop(PATIENCE_S))
    await asyncio.sleep(0)
    rig.transactions.error = ReplacedError("fenced")
    rig.transactions.open.set()
    assert not await asyncio.wait_for(stopping, PATIENCE_S / 2)


async def test_a_commit_that_cannot_be_kept_ends_the_writer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Written) -> None:
        raise OSError

    monkeypatch.setattr(rig.writer, "_on_commit", full)
    rig.writer.put(0, folded(0))
    await until(lambda: rig.failures)
    assert isinstance(rig.failures[0], OSError)


async def test_receipts_of_all_that_shares_a_transaction_come_with_its_commit_and_not_before(rig: Rig) -> None:
    receipts = [Receipt(f"k{number}", "f", b"v", 60) for number in range(2)]
    await rig.begin()
    rig.writer.put(0, Folded(Effects(receipts=receipts[:1]), {"in": 1}))
    rig.writer.put(0, Folded(Effects(receipts=receipts[1:]), {"in": 2}))
    await asyncio.sleep(0)
    assert rig.written == []
    rig.transactions.open.set()
    await until(lambda: rig.writer.is_idle(0))

    assert [written.receipts for written in rig.written] == [[], receipts]


async def test_what_is_not_committed_has_no_receipt(rig: Rig) -> None:
    rig.transactions.error = ReplacedError("m1")
    rig.writer.put(0, Folded(Effects(receipts=[Receipt("k", "f", b"v", 60)]), {"in": 1}))
    await until(lambda: rig.failures)

    assert rig.written == []


class Told(Silent):
    def __init__(self) -> None:
        self.decisions: list[tuple[list[str], dict[tuple[str, str], int]]] = []

    def decided(self, batches: Sequence[Measured], letters: Mapping[tuple[str, str], int]) -> None:
        self.decisions.append(([one.topic for one in batches], dict(letters)))


async def test_what_was_measured_is_told_once_it_is_committed_and_not_before() -> None:
    rig, told = Rig(), Told()
    rig.writer._meter = told  # noqa: SLF001
    rig.writer.start()
    rig.transactions.open.clear()
    letter = Outgoing("cx.dead-letters", None, None, (("cx-topic", b"in"), ("cx-reason", b"invalid")))
    batch = Measured("in", 2, 1, 1, 0.1, *(Instants([], 0),) * 3)
    rig.writer.put(0, Folded(Effects(outputs=[letter, letter]), {"in": 2}, measured=batch))
    await until(lambda: rig.transactions.begun)

    assert (told.decisions, rig.writer.has_work) == ([], True)
    rig.transactions.open.set()
    await until(lambda: told.decisions)
    await until(lambda: not rig.writer.has_work)
    assert told.decisions == [(["in"], {("in", "invalid"): 2})]
    assert [list(written.measured) for written in rig.written] == [[batch]]
    await rig.writer.stop(0)
