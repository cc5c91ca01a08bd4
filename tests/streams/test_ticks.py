"""Ticks that a worker writes, one a partition at a time whatever becomes of them, and those that wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from schemas.errors import Reason
from streams import ticks as module
from streams.effects import Outgoing
from streams.slot import Slot
from streams.ticks import Ticks

END = 5


class Fold:
    topics = ("in", "clock")
    clock = "clock"

    def make_tick(self, at: int, upto: dict[str, int], partition: int) -> Outgoing:
        del at
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
    """Knows where partitions end, but for those without a leader."""

    def __init__(self) -> None:
        self.leaderless: set[int] = set()
        self.asked = 0

    async def ends_now(self, tps: Any) -> dict[TopicPartition, int]:
        self.asked += 1
        await asyncio.sleep(0)
        return {tp: END for tp in tps if tp.partition not in self.leaderless}


@pytest.fixture
def host() -> Any:
    return Host()


@pytest.fixture
def opening() -> Any:
    return Opening()


@pytest.fixture
def ticks(host: Any, opening: Any) -> Ticks:
    fold: Any = Fold()
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


async def test_time_goes_on_beside_a_partition_without_a_leader(
    ticks: Ticks, host: Host, opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    slots = [slot_of(0), slot_of(1)]
    opening.leaderless = {0}
    for _ in range(2):
        await ticks.write(slots)
        slots[1].ticked = False
    assert host.waiting == [1, 1]
    assert caplog.messages == ["no tick: end offsets unknown"], "once is enough"
    opening.leaderless = set()
    await ticks.write(slots)
    assert host.waiting == [1, 1, 0, 1]


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
