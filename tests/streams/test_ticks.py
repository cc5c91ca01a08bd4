"""Ticks that a worker writes, one a partition at a time whatever becomes of them, and those that wait."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from schemas.errors import Reason
from streams import ends, patience
from streams import ticks as module
from streams.effects import Outgoing
from streams.slot import Slot
from streams.ticks import Ticks

END = 5
SOON_S = 0.01


class Fold:
    topics = ("in", "clock")
    clock = "clock"

    def __init__(self) -> None:
        self.instants: list[int] = []

    def make_tick(self, at: int, upto: dict[str, int], partition: int) -> Outgoing:
        self.instants.append(at)
        assert upto == {"in": END}
        return Outgoing("clock", None, b"tick", (), partition)

    def read_tick(self, record: Any) -> tuple[int, dict[str, int]]:
        return 1, {"in": record.upto}

    def reject(self, record: Any, reason: str, loc: str) -> Outgoing:
        del record
        return Outgoing("dead", None, f"{reason} {loc}".encode())


class Host:
    """A lane whose writer takes everything and writes nothing."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.refused: list[bytes | None] = []

    def is_live(self, slot: Any) -> bool:
        return bool(slot.number < 9)

    def put(self, slot: Any, folded: Any) -> None:
        assert len(folded.effects.outputs) == 1
        self.waiting.append(slot.number)

    def done(self, slot: Any, effects: Any, *_: object) -> None:
        del slot
        self.refused += [one.value for one in effects.outputs]

    def resume(self, _: object) -> None:
        """Nothing was paused."""


class Opening:
    """Knows who leads partitions, all but those without a leader: a broker, which may be slow to say where they end."""

    def __init__(self) -> None:
        self.leaderless: set[int] = set()
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    def leaders(self) -> Opening:
        return self

    def known(self, tps: Any) -> dict[int, list[TopicPartition]]:
        return {0: [tp for tp in tps if tp.partition not in self.leaderless]}

    async def told_by(self, _: int, tps: Any) -> dict[TopicPartition, int]:
        self.asked += 1
        await asyncio.sleep(0)
        await self.answers.wait()
        return dict.fromkeys(tps, END)


@pytest.fixture
def host() -> Any:
    return Host()


@pytest.fixture
def opening() -> Any:
    return Opening()


@pytest.fixture
def fold() -> Any:
    return Fold()


@pytest.fixture
def ticks(host: Any, opening: Any, fold: Any, monkeypatch: pytest.MonkeyPatch) -> Ticks:
    monkeypatch.setattr(ends, "ANSWER_S", SOON_S)
    return Ticks(host, fold, opening)


def slot_of(number: int, *upto: int) -> Any:
    """Return a slot with a tick that waits for each offset in *upto*."""
    partition: Any = SimpleNamespace(number=number)
    slot = Slot(partition, -1, set())
    waiting: list[Any] = [SimpleNamespace(offset=offset, upto=wanted) for offset, wanted in enumerate(upto)]
    slot.ticks.extend(waiting)
    return slot


async def test_where_nothing_is_written_no_second_tick_waits(ticks: Ticks, host: Host) -> None:
    slots = [slot_of(number) for number in (0, 1, 9)]
    for _ in range(3):
        await ticks.write(slots)
    assert host.waiting == [0, 1], "9 is not ours any more"

    slots[1].ticked = False  # written
    await ticks.write(slots)
    assert host.waiting == [0, 1, 1]


async def test_time_goes_on_beside_a_partition_without_a_leader_and_the_log_says_so_for_as_long_as_that_lasts(
    ticks: Ticks, host: Host, opening: Opening, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = [slot_of(0), slot_of(1)]

    async def write() -> list[list[int]]:
        caplog.clear()
        await ticks.write(slots)
        slots[1].ticked = False
        return [vars(record)["partitions"] for record in caplog.records]

    opening.leaderless = {0}
    assert await write() == [], "it may be back soon"
    monkeypatch.setattr(module, "TIMELESS_S", 0.0)
    assert [await write(), await write()] == [[[0]], []]
    monkeypatch.setattr(patience, "SAY_AGAIN_S", 0.0)
    assert await write() == [[0]]
    assert host.waiting == [1] * 4
    opening.leaderless = set()
    assert await write() == []
    assert host.waiting == [1] * 4 + [0, 1]


async def test_a_broker_that_is_always_late_makes_time_late_and_stops_it_for_nobody(
    ticks: Ticks, fold: Fold, opening: Opening, host: Host
) -> None:
    slots = [slot_of(0)]
    opening.answers.clear()
    began = time.time_ns() // 1_000
    await ticks.write(slots)
    assert (host.waiting, opening.asked) == ([], 1)
    written = time.time_ns() // 1_000
    for _ in range(2):
        opening.answers.set()
        await asyncio.sleep(SOON_S)
        opening.answers.clear()
        await ticks.write(slots)
        slots[0].ticked = False
        await ticks.write(slots)  # nothing new is known since
    assert (host.waiting, opening.asked) == ([0, 0], 3)
    assert began <= fold.instants[0] <= written <= fold.instants[1], "of before the ends were asked for"


async def test_whoever_folds_never_asks_kafka_about_a_tick(
    ticks: Ticks, host: Host, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.0)
    slot = slot_of(0, END + 1)
    for _ in range(2):
        await ticks.apply(slot)
    assert (opening.asked, host.refused, len(slot.ticks)) == (0, [], 1)


@pytest.mark.parametrize(
    ("upto", "known"), [(END + 1, True), (END, True), (END + 1, False)], ids=["beyond the end", "at the end", "unknown"]
)
async def test_a_tick_that_names_what_is_not_there_is_refused_once_that_is_known(
    ticks: Ticks, host: Host, opening: Opening, monkeypatch: pytest.MonkeyPatch, *, upto: int, known: bool
) -> None:
    opening.leaderless = set() if known else {0}
    refused = known and upto > END
    slot = slot_of(0, upto)
    await ticks.apply(slot)
    await ticks.check([slot])
    assert (opening.asked, host.refused) == (0, []), "it may be there soon"
    monkeypatch.setattr(module, "CHECK_S", 0.0)
    await ticks.check([slot])
    assert host.refused == [f"{Reason.INVALID} data.upto".encode()] * refused
    assert len(slot.ticks) == (not refused)


async def test_what_is_asked_about_one_tick_does_not_keep_the_next_from_being_written(
    ticks: Ticks, host: Host, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.0)
    slot = slot_of(0, END + 1)
    await ticks.apply(slot)
    opening.answers.clear()
    await ticks.check([slot])
    opening.answers.set()
    await ticks.write([slot])
    assert (host.waiting, opening.asked) == ([0], 2)


async def test_a_late_answer_is_held_against_the_tick_that_it_was_asked_for_and_no_later_one(
    ticks: Ticks, host: Host, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.0)
    slots = [slot_of(0, END + 1, END + 1), slot_of(1, END + 1)]
    for slot in slots:
        await ticks.apply(slot)
    opening.answers.clear()
    await ticks.check(slots)
    slots[0].ticks.popleft()
    slots[0].waiting_since = 0.0
    await ticks.apply(slots[0])
    opening.answers.set()
    await asyncio.sleep(SOON_S)
    opening.answers.clear()
    await ticks.check(slots)
    assert [len(slot.ticks) for slot in slots] == [1, 0]


async def test_a_tick_whose_turn_came_while_kafka_was_asked_is_not_refused(
    ticks: Ticks, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = slot_of(0, END + 1, END + 2)
    await ticks.apply(slot)
    monkeypatch.setattr(module, "CHECK_S", 0.0)
    checking = asyncio.create_task(ticks.check([slot]))
    await asyncio.sleep(0)
    slot.ticks.popleft()
    await checking
    assert (host.refused, len(slot.ticks)) == ([], 1)
