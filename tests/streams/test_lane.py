"""Partitions taken from a lane, and failures, where a real Kafka would hardly do what is asked of it here."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from streams import lane as module
from streams.lane import EXIT_BROKEN, HANDED_MAX, HANDED_RECORDS_MAX, Lane, LostBatchError
from streams.partition import Partition, PartitionFormatError
from streams.readmodel import NoReadModel
from streams.recovery import BrokenOffError
from streams.settings import EXIT_CONFIG, Settings
from streams.store import StoreError, Stores
from streams.transactions import Member, ReplacedError
from streams.writer import Folded, Written
from tests.streams.disk import left_behind

PATIENCE_S = 10.0
MEMBER = Member("m1", 7)


class Fold:
    topics = ("in", "clock")
    clock = "clock"
    policy, state_format = "policy", 1


class Part:
    """A partition's state that is closed, or reset, some time."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def close(self) -> None:
        self._told.append("closed")

    def is_hit_by(self, error: StoreError) -> bool:
        return error.store is None or error.store is cast("Any", self)

    def reset(self) -> None:
        self._told.append("reset")
        raise StoreError


class Slot:
    number = 0

    def __init__(self, told: list[str]) -> None:
        self.partition = Part(told)
        self.received: dict[str, int] = {}
        self.coming: dict[str, deque[int]] = {}
        self.folded: dict[str, int] = {}
        self.ticks: list[object] = []
        self.ticked = True

    def reached(self, topic: str) -> int:
        return self.folded.get(topic, -1)


class Writer:
    """Stops when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.stopping = asyncio.Event()

    async def stop(self, _: float) -> bool:
        self.stopping.set()
        await self.let.wait()
        return False


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def lane(told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lane:
    app: Any = SimpleNamespace(consumer_generation_id=MEMBER.generation)
    fold: Any = Fold()
    slots: Any = {0: Slot(told)}
    made = Lane(app, "lane", fold, NoReadModel(), Settings(data=tmp_path))
    made._slots = slots  # noqa: SLF001  # as after an assignment
    monkeypatch.setattr(module, "_exit", lambda code: told.append(f"exit {code}"))
    return made


async def test_partitions_are_closed_before_anybody_opens_them_again(lane: Lane, told: list[str]) -> None:
    """A worker that was replaced gives up by itself, and may be given the same partitions while it still does."""
    writer: Any = Writer()
    lane._writer = writer  # noqa: SLF001
    lane.failed(ReplacedError("fenced"))
    await asyncio.wait_for(writer.stopping.wait(), PATIENCE_S)
    revoked = asyncio.create_task(lane.revoke())
    await asyncio.sleep(0.01)
    assert (revoked.done(), told) == (False, [])
    writer.let.set()
    await asyncio.wait_for(revoked, PATIENCE_S)
    assert told == ["closed"]
    assert lane._rejoining is not None  # noqa: SLF001
    lane._rejoining.cancel()  # noqa: SLF001


async def test_a_worker_that_was_replaced_and_is_given_nothing_again_ends(
    lane: Lane, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REJOIN_S", 0.01)
    lane.failed(ReplacedError("fenced"))
    assert lane._rejoining is not None  # noqa: SLF001
    await asyncio.wait_for(lane._rejoining, PATIENCE_S)  # noqa: SLF001
    assert told == ["closed", f"exit {EXIT_BROKEN}"]


async def test_a_worker_that_was_replaced_goes_on_with_what_it_is_given_next(
    lane: Lane, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REJOIN_S", 0.05)
    lane.failed(ReplacedError("fenced"))
    await lane.revoke()
    assert lane._rejoining is not None  # noqa: SLF001
    await asyncio.wait_for(lane._rejoining, PATIENCE_S)  # noqa: SLF001
    assert told == ["closed"]


async def test_a_worker_that_was_replaced_stays_once_it_has_an_assignment_again(
    lane: Lane, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REJOIN_S", 0.01)
    lane.failed(ReplacedError("fenced"))
    assert await lane.assign([], MEMBER, lane.epoch)
    assert lane._rejoining is not None  # noqa: SLF001
    await asyncio.wait({lane._rejoining}, timeout=PATIENCE_S)  # noqa: SLF001
    assert told == ["closed"]
    await lane.close()


async def test_a_client_that_does_not_notice_that_it_was_replaced_is_told_to_join_again(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Queue[Member]()
    monkeypatch.setattr(module, "REMIND_S", 0.01)
    app: Any = lane._app  # noqa: SLF001
    app.consumer = SimpleNamespace(join_again=asked.put)
    assert await lane.assign([], MEMBER, lane.epoch)
    lane.failed(ReplacedError("fenced"))
    assert [await asyncio.wait_for(asked.get(), PATIENCE_S) for _ in range(2)] == [MEMBER, MEMBER]
    await lane.close()
    assert lane._rejoining is not None  # noqa: SLF001
    await asyncio.wait_for(lane._rejoining, PATIENCE_S)  # noqa: SLF001


async def test_a_worker_whose_consumer_knew_first_that_it_was_replaced_waits_for_as_long_as_that_takes(
    lane: Lane, told: list[str]
) -> None:
    writer: Any = Writer()
    lane._writer = writer  # noqa: SLF001
    revoked = asyncio.create_task(lane.revoke())
    await asyncio.wait_for(writer.stopping.wait(), PATIENCE_S)
    lane.failed(ReplacedError("fenced"))  # its last transaction is refused only now
    writer.let.set()
    await asyncio.wait_for(revoked, PATIENCE_S)
    assert (told, lane._rejoining) == (["closed"], None)  # noqa: SLF001


def test_a_worker_that_shares_a_topic_with_another_lane_of_its_group_ends(lane: Lane, told: list[str]) -> None:
    lane.check_own({"another"})
    assert told == []
    lane.check_own({"another", *lane.fold.topics[:1]})
    assert told == [f"exit {EXIT_CONFIG}"]


def test_a_partitions_record_of_another_format_ends_the_worker_as_state_of_another_format_does(
    lane: Lane, told: list[str]
) -> None:
    lane.failed(PartitionFormatError("format 2"))
    assert told == [f"exit {EXIT_CONFIG}"]


@pytest.mark.parametrize(("error", "first"), [(StoreError("disk"), ["reset"]), (ZeroDivisionError(), [])])
def test_a_failure_ends_the_worker_and_a_store_that_failed_is_thrown_away_as_far_as_it_can_be(
    lane: Lane, told: list[str], error: Exception, first: list[str]
) -> None:
    lane.failed(error)
    assert told == [*first, f"exit {EXIT_BROKEN}"]


def test_a_store_that_did_not_fail_is_kept(lane: Lane, told: list[str]) -> None:
    another: Any = Part(told)
    lane.failed(StoreError("disk", another))
    assert told == [f"exit {EXIT_BROKEN}"]


async def test_partitions_that_are_taken_away_while_they_are_opened_are_left_alone(
    lane: Lane, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open_until_revoked(_: object, __: object, still_wanted: Callable[[], bool]) -> None:
        assert still_wanted()
        await lane.revoke()
        assert not still_wanted()
        raise BrokenOffError

    monkeypatch.setattr(lane._opening, "open", open_until_revoked)  # noqa: SLF001
    assert not await lane.assign([TP("in", 0), TP("clock", 0)], MEMBER, lane.epoch)
    assert told == ["closed"]


async def test_whatever_keeps_partitions_from_being_opened_ends_the_worker_with_a_code_of_ours(
    lane: Lane, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lane._opening, "open", broken)  # noqa: SLF001
    assert not await lane.assign([TP("in", 0), TP("clock", 0)], MEMBER, lane.epoch)
    assert told == ["closed", f"exit {EXIT_BROKEN}"]


async def test_a_store_that_fails_while_its_partition_leaves_is_thrown_away_as_well(
    lane: Lane, told: list[str]
) -> None:
    writer: Any = Writer()
    lane._writer = writer  # noqa: SLF001
    revoked = asyncio.create_task(lane.revoke())
    await asyncio.wait_for(writer.stopping.wait(), PATIENCE_S)
    lane.failed(StoreError("disk"))
    assert told == ["reset", f"exit {EXIT_BROKEN}"]
    writer.let.set()
    await asyncio.wait_for(revoked, PATIENCE_S)


async def test_nothing_more_is_fetched_while_too_much_waits_to_be_folded(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer: Any = Writer()
    lane._writer = writer  # noqa: SLF001
    for offset in range(HANDED_MAX):
        assert await lane.ready()
        lane.handed_over(TP("clock", 0), offset, offset + 1)
    monkeypatch.setattr(module, "READY_S", 0.01)
    assert not await lane.ready()
    monkeypatch.setattr(module, "READY_S", PATIENCE_S)
    waiting = asyncio.create_task(lane.ready())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    lane._take(lane._slots[0], "clock", [Tick()])  # noqa: SLF001
    assert await asyncio.wait_for(waiting, PATIENCE_S / 2)


async def test_batches_of_very_many_records_are_not_many(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_S", 0.01)
    writer: Any = Writer()
    lane._writer = writer  # noqa: SLF001
    lane.handed_over(TP("clock", 0), 0, 1)
    lane.handed_over(TP("in", 0), 5, HANDED_RECORDS_MAX + 3)
    assert await lane.ready()
    lane.handed_over(TP("in", 0), HANDED_RECORDS_MAX + 3, HANDED_RECORDS_MAX + 4)
    assert not await lane.ready()
    lane._take(lane._slots[0], "clock", [Tick()])  # noqa: SLF001
    assert await lane.ready()


@pytest.mark.parametrize(
    ("handed", "reached"), [([], 0), ([5], 0), ([0], 1)], ids=["not handed over", "behind a lost one", "once more"]
)
def test_a_batch_that_does_not_come_in_its_turn_is_not_folded(lane: Lane, handed: list[int], reached: int) -> None:
    slot = lane._slots[0]  # noqa: SLF001
    slot.folded["in"] = reached
    for first in handed:
        lane.handed_over(TP("in", 0), first, first + 1)
    with pytest.raises(LostBatchError):
        lane._take(slot, "in", [Tick()])  # noqa: SLF001


async def test_what_was_handed_over_for_partitions_that_are_gone_holds_nothing_up(lane: Lane) -> None:
    writer: Any = Writer()
    writer.let.set()
    lane._writer = writer  # noqa: SLF001
    for offset in range(HANDED_MAX):
        lane.handed_over(TP("in", 0), offset, offset + 1)
    await lane.revoke()
    assert await asyncio.wait_for(lane.ready(), PATIENCE_S)


class Tick:
    offset = 0


class Idle:
    """A writer that keeps what it gets, and has committed it all."""

    def __init__(self) -> None:
        self.committed: dict[object, int] = {}
        self.taken: list[Folded] = []

    def is_idle(self, _: int) -> bool:
        return True

    def put(self, _: int, folded: Folded) -> None:
        self.taken.append(folded)


@pytest.mark.parametrize("left", [False, True])
def test_a_store_is_kept_however_long_its_partition_was_quiet_and_not_if_it_was_left(
    lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, left: bool
) -> None:
    """Kept also by a worker that is killed: what counts is what is on disk."""
    begin, stores, writer = time.time(), Stores(tmp_path / "stores"), Idle()
    now = begin
    monkeypatch.setattr(time, "time", lambda: now)
    store = stores.open(0, 1)
    partition = Partition(0, 1, store)
    partition.committed({b"k": bytes(9)}, partition.own_record("policy", 1), 5)
    slot: Any = Slot([])
    slot.partition, slot.logged = partition, 5
    lane._slots, lane._writer = {0: slot}, cast("Any", writer)  # noqa: SLF001
    for minute in range(24 * 60):
        now = begin + 60 * minute
        if not left:
            lane._housekeeping.commit_idle()  # noqa: SLF001
        for folded in writer.taken[slot.logged - 5 :]:
            assert folded.own_record is not None
            lane._committed(Written(0, {}, folded.own_record, [], slot.logged + 1))  # noqa: SLF001
    again = left_behind(stores, store, tmp_path / "left")
    reopened = Partition(0, 1, again.open(0, 1))
    assert reopened.stored(b"k") == (None if left else bytes(9))
    assert len(writer.taken) <= 24 * 4, "now and then is enough"
    for one in (partition, stores, reopened, again):
        one.close()


def test_what_is_written_makes_way_for_the_next_tick(lane: Lane) -> None:
    slot: Any = lane._slots[0]  # noqa: SLF001
    lane._committed(Written(7, {}, None, [], -1))  # noqa: SLF001
    assert slot.ticked, "that was another partition"
    lane._committed(Written(0, {}, None, [], -1))  # noqa: SLF001
    assert not slot.ticked


@pytest.fixture
def clock(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Time and what moves, as the lane's watchdog sees them: a writer, and a Kafka that failed last at `tried_at`."""
    made = SimpleNamespace(now=100.0, has_work=False, moved_at=0.0, tried_at=0.0)
    made.monotonic = lambda: made.now
    monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(lane, "_writer", made)
    monkeypatch.setattr(lane, "_opening", made)
    return made


def standing(lane: Lane, clock: SimpleNamespace, after_s: float) -> float:
    clock.now += after_s
    return lane.standing_s


def test_a_lane_without_work_stands_for_no_time_however_long_it_has_none(lane: Lane, clock: SimpleNamespace) -> None:
    assert standing(lane, clock, 0) == standing(lane, clock, 1_000) == 0


def test_work_that_does_not_move_stands_since_there_was_none(lane: Lane, clock: SimpleNamespace) -> None:
    standing(lane, clock, 0)
    clock.has_work = True

    assert standing(lane, clock, 5) == 5
    assert standing(lane, clock, 5) == 10
    clock.moved_at = clock.now  # a commit, with more to do
    assert standing(lane, clock, 3) == 3
    clock.has_work = False
    assert standing(lane, clock, 3) == 0


def test_a_batch_that_nobody_folds_is_work_as_well(lane: Lane, clock: SimpleNamespace) -> None:
    standing(lane, clock, 0)
    lane.slots[0].coming["in"] = deque([7])

    assert standing(lane, clock, 5) == 5
    lane.slots[0].coming["in"].clear()
    assert standing(lane, clock, 5) == 0


def test_who_waits_for_kafka_and_tries_again_does_not_stand(lane: Lane, clock: SimpleNamespace) -> None:
    standing(lane, clock, 0)
    clock.has_work = True
    clock.now += 500
    clock.tried_at = clock.now

    assert standing(lane, clock, 4) == 4
